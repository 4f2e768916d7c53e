"""How long functions are, and how many arguments they take by place."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "lus_keras"
MOST_LINES, MOST_POSITIONAL = 60, 6
# Its docstring explains an option of the network a line.
LONG = {"build_bline"}


def functions(text: str):
    """Every function with the number of arguments it takes by place, `self` and `cls` aside."""
    tree = ast.parse(text)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    methods = {function for node in classes for function in node.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {getattr(name, "id", "") for name in node.decorator_list}
            bound = node in methods and "staticmethod" not in decorators
            yield node, len(node.args.posonlyargs) + len(node.args.args) - bound


def too_long(text: str) -> list[str]:
    return [
        node.name
        for node, _ in functions(text)
        if node.end_lineno - node.lineno + 1 > MOST_LINES and node.name not in LONG
    ]


def too_wide(text: str) -> list[str]:
    return [node.name for node, count in functions(text) if count > MOST_POSITIONAL]


def test_no_function_is_too_long_or_takes_too_much_by_place():
    problems = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text, name = path.read_text("utf-8"), path.relative_to(PACKAGE).as_posix()
        problems += [f"{name}: {function} is too long" for function in too_long(text)]
        # Click hands options to commands by name.
        if not name.startswith("cli/"):
            problems += [f"{name}: {function} takes too much" for function in too_wide(text)]
    assert problems == []


def test_the_limits_see_what_exceeds_them():
    body = "    x = 0\n" * (MOST_LINES - 1)
    assert too_long(f"def f():\n{body}") == []
    assert too_long(f"class A:\n  def f():\n{body}    x = 1\n") == ["f"]
    assert too_wide("class A:\n def f(self, a, b, c, d, e, f, *, g): ...") == []
    assert too_wide("class A:\n @staticmethod\n def f(a, b, c, d, e, f, g): ...") == ["f"]
    assert too_wide("async def f(a, b, c, d, e, f, /, g): ...") == ["f"]
