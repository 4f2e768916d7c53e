"""No field of a YAML file is there for show: some code of the package reads it.

Typed fields are looked for in the source, as attributes of what is annotated with their section;
published numbers are recorded as tables and figures of the committed runs are made of them.
"""

import ast
import typing
from collections import defaultdict
from pathlib import Path

import pytest
from pydantic import Field

from lus_keras import papers
from lus_keras.core import config
from lus_keras.core.config import Section
from lus_keras.evaluation.run_record import PaperRun, read_run

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "lus_keras").rglob("*.py"))


def sections():
    """Every section that a YAML file is read into, those of the papers' options included."""
    for name in papers.names():
        papers.get(name)
    found, waiting = [], [Section]
    while waiting:
        found += (below := waiting.pop().__subclasses__())
        waiting += below
    return [kind for kind in found if kind.__module__.startswith("lus_keras.")]


def mentioned(node, names):
    """Sections that an annotation, or what is called with a section, names."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in names}


def last_name(node):
    """`clip` of `self.clip`, `clips[0].clip`, `clip` and `clip()`."""
    while isinstance(node, ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


class Reader:
    """Attributes that the source reads of names that stand for a section."""

    def __init__(self, kinds, trees):
        self.trees = trees
        self.fields = {kind.__name__: set(kind.model_fields) for kind in kinds}
        # Names that stand for a section: fields and parameters that are annotated with it, …
        self.names = defaultdict(set)
        for kind in kinds:
            for name, hint in typing.get_type_hints(kind).items():
                for part in self._parts(hint):
                    self.names[part].add(name)
        for node in (node for tree in trees for node in ast.walk(tree)):
            if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
                name = node.arg if isinstance(node, ast.arg) else last_name(node.target)
                self._stand(mentioned(node.annotation, self.fields), [name])
            elif isinstance(node, ast.FunctionDef) and node.returns:
                self._stand(mentioned(node.returns, self.fields), [node.name])
        # … and variables that are taken out of those, or made of a section itself.
        self.declared = {kind: set(names) for kind, names in self.names.items()}
        for node in (node for tree in trees for node in ast.walk(tree)):
            if isinstance(node, ast.Assign):
                self._take(node.value, node.targets)
            elif isinstance(node, ast.For | ast.comprehension):
                self._take(node.iter, [node.target])

    def _parts(self, hint):
        own = getattr(hint, "__name__", "")
        yield from [own] if own in self.fields else []
        for inner in typing.get_args(hint):
            yield from self._parts(inner)

    def _stand(self, kinds, names):
        for kind in kinds:
            self.names[kind].update(filter(None, names))

    def _take(self, value, targets):
        root = self._root(value)
        of = {kind for kind, names in self.declared.items() if root in names}
        of |= mentioned(value, self.fields) if isinstance(value, ast.Call) else set()
        flat = [t for target in targets for t in getattr(target, "elts", [target])]
        self._stand(of, [target.id for target in flat if isinstance(target, ast.Name)])

    @staticmethod
    def _root(node):
        """Name of what a value is taken out of: `models` of `config.models.items()`.

        Empty where it is another variable, which may hold anything.
        """
        plain = isinstance(node, ast.Name)
        while isinstance(node, ast.Call | ast.Subscript):
            node = node.func if isinstance(node, ast.Call) else node.value
            if isinstance(node, ast.Attribute) and node.attr in ("items", "values", "get"):
                node = node.value
        return "" if plain else last_name(node)

    def read(self):
        """Fields that are read, by section."""
        found = defaultdict(set)
        for kind in (node for tree in self.trees for node in ast.walk(tree)):
            if isinstance(kind, ast.ClassDef) and kind.name in self.fields:
                own = (n for n in ast.walk(kind) if isinstance(n, ast.Attribute))
                names = {n.attr for n in own if last_name(n.value) == "self"}
                found[kind.name] |= names & self.fields[kind.name]
        for node in (node for tree in self.trees for node in ast.walk(tree)):
            receiver, attribute = None, ""
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                receiver, attribute = node.value, node.attr
            elif isinstance(node, ast.Call) and last_name(node.func) in ("get", "getattr"):
                texts = [a.value for a in node.args if isinstance(a, ast.Constant)]
                receiver = getattr(node.func, "value", None) or node.args[0]
                attribute = (*texts, "")[0]
            if receiver is None:
                continue
            called = mentioned(receiver, self.fields) if isinstance(receiver, ast.Call) else set()
            for kind, fields in self.fields.items():
                if last_name(receiver) in self.names[kind] or kind in called:
                    # What is handed on as a whole is read by whoever takes it.
                    whole = attribute == "model_dump" and kind != "PaperConfig"
                    found[kind] |= fields if whole else fields & {attribute}
        return found


def unread(kinds, trees):
    read = Reader(kinds, trees).read()
    return {
        f"{kind.__name__}.{field}"
        for kind in kinds
        for field in set(kind.model_fields) - read[kind.__name__]
    }


def test_every_field_of_every_section_is_read():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES]
    assert unread(sections(), trees) == set()


def test_a_field_that_nothing_reads_is_found():
    class Inner(Section):
        used: int = 0
        idle: int = 0

    class Outer(Section):
        parts: dict[str, Inner] = Field(default_factory=dict)
        alone: Inner = Inner()

    kinds = [Inner, Outer]
    text = "def f(outer: Outer, other):\n    {}\n"
    for line, left in (
        ("outer.parts['x'].used", {"Inner.idle", "Outer.alone"}),
        ("[part.idle for part in outer.parts.values()]", {"Inner.used", "Outer.alone"}),
        ("outer.alone.model_dump()", {"Outer.parts"}),
        ("alone = outer.alone; alone.used", {"Inner.idle", "Outer.parts"}),
        ("other.used", {"Inner.idle", "Inner.used", "Outer.alone", "Outer.parts"}),
    ):
        assert unread(kinds, [ast.parse(text.format(line))]) == left, line


class Recorded(dict):
    """A mapping that remembers which of its numbers were looked at, by path."""

    def __init__(self, values, seen, path=()):
        super().__init__(values)
        self.seen, self.path = seen, path

    def _told(self, key):
        value, path = dict.__getitem__(self, key), (*self.path, str(key))
        if isinstance(value, dict):
            return Recorded(value, self.seen, path)
        self.seen.add(path)
        return value

    def __getitem__(self, key):
        return self._told(key)

    def get(self, key, default=None):
        return self._told(key) if key in self else default

    def items(self):
        return [(key, self._told(key)) for key in self]

    def values(self):
        return [self._told(key) for key in self]


def leaves(values, path=()):
    for key, value in values.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key))


@pytest.mark.parametrize("name", papers.names())
def test_every_published_number_stands_in_a_table_or_a_figure(name, monkeypatch):
    published, seen = config.load(name).published, set()
    monkeypatch.setattr(PaperRun, "published", Recorded(published, seen))
    _, runs = read_run(ROOT / "docs" / "results" / f"{name}-simulated-quick")
    found = papers.results(name)
    for make in (*found.tables.values(), *found.figures.values()):
        make(runs[name])
    assert set(leaves(published)) - seen == set()
