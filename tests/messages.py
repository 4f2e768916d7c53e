"""Every message that the code addresses to a user, collected from its syntax trees.

`python tests/messages.py` prints them, one a line, for review.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "lus_keras"
ERRORS = {
    *("ConfigError", "DataError", "ManifestError", "VideoError", "LeakageError", "RunError"),
    *("DivergedError", "ValueError", "BadParameter", "UsageError", "ClickException"),
}
GAP = "…"


@dataclass(frozen=True)
class Message:
    """A text with `…` for what varies, the error or call that carries it, and its place."""

    kind: str
    text: str
    place: str

    def __str__(self):
        return f"{self.place}: {self.kind}: {self.text}"


def literal(node):
    """Text of a string, an f-string or a sum of them; None if no part of it is literal."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(value) or GAP for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = literal(node.left), literal(node.right)
        return None if parts == (None, None) else "".join(part or GAP for part in parts)
    return None


def _texts(node):
    """Messages in an argument: the text itself, or those of a list, tuple or generator."""
    if isinstance(node, ast.List | ast.Tuple):
        for element in node.elts:
            yield from _texts(element)
    elif isinstance(node, ast.GeneratorExp | ast.ListComp):
        yield from _texts(node.elt)
    elif text := literal(node):
        yield text


def _carried(call):
    """Name of the error or of the printing function that a call carries a message to."""
    name = ast.unparse(call.func)
    error = name.removesuffix(".from_problems").rpartition(".")[2]
    if error in ERRORS:
        return error
    if name.endswith("problems.append") or name.endswith("problems.extend"):
        return "problem"
    return "echo" if name == "click.echo" else None


def collect():
    """Messages of errors, of lists of problems and of `click.echo`, in the order of files."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        calls = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.Call)]
        for call in calls:
            if call.args and (kind := _carried(call)):
                place = f"{path.relative_to(PACKAGE.parent)}:{call.lineno}"
                found += [Message(kind, text, place) for text in _texts(call.args[0])]
    return found


def strings():
    """All literal texts of the code, docstrings included: what a quoted message is looked up in."""
    texts = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if text := literal(node):
                texts.append(re.sub(rf"{GAP}+", GAP, text))
    return texts


if __name__ == "__main__":
    print("\n".join(map(str, collect())))
