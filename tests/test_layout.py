"""Imports go one way, nothing dangerous is used, and light modules stay light."""

import ast
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "lus_keras"

# Floors of the house: a room may import from the floors below its own, and from itself. Rooms of
# one floor know nothing of each other. The top of the package hands out what others define.
FLOORS = (
    {"core"},
    {"layers", "losses", "optimizers"},
    {"data", "evaluation", "models"},
    {"simulation"},
    {"papers"},
    {"inference"},
    {"experiments"},
    {"benchmark"},
    {"cli"},
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# Modules that are found by name as the program runs: what may be loaded there is an import, too.
DYNAMIC = {
    "benchmark.contenders.keras_plain": (),  # libraries of others
    "benchmark.worker": ("benchmark.contenders",),
    "data.datasets": ("data.datasets",),
    "models": ("models",),
    "papers": ("papers",),
    "simulation.tasks": ("simulation.tasks",),
}
# Only these may import Keras or TensorFlow when they are imported themselves.
HEAVY = (
    "data.pipeline",
    "layers",
    "layers.*",
    "losses",
    "optimizers",
    "models.*",
    "papers.*.explain",
    "simulation.validation.network",
    "inference.*",
    "experiments.training.*",
    "benchmark.*",
)
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
}
FORBIDDEN_CALLS = {"eval", "exec"}
FORBIDDEN_ARGUMENTS = {("allow_pickle", True), ("safe_mode", False), ("typ", "unsafe")}


def modules():
    """Source files of the package by dotted name, without the package's own name."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()
# The package itself is the front door: it hands out what `models` defines, when it is asked for.
CHECKED = sorted(set(MODULES) - {""})


def room_of(module):
    return module.partition(".")[0]


def imports_of(path):
    """Modules of this package that a file imports anywhere, as dotted names, with their lines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write the import in full."
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            package, _, inner = name.partition(".")
            if package == PACKAGE and inner:
                # The last part is a module, or something that a module defines.
                yield (inner if inner in MODULES else inner.rpartition(".")[0]), node.lineno


def test_the_house_has_these_rooms():
    assert {room_of(module) for module in CHECKED} == set(FLOOR_OF)
    assert len(FLOOR_OF) == 13


def runs_back(module, imported):
    """Whether an import points up, or to another room of the same floor."""
    own, other = room_of(module), room_of(imported)
    return own != other and FLOOR_OF[other] >= FLOOR_OF[own]


@pytest.mark.parametrize("module", CHECKED)
def test_no_import_points_up(module):
    back = [
        f"line {line}: {imported}"
        for imported, line in imports_of(MODULES[module])
        if imported and runs_back(module, imported)
    ]
    assert back == []


def loads_by_name(path):
    """Whether a file imports modules whose names it puts together."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = {getattr(node, "attr", getattr(node, "id", "")) for node in nodes}
    return bool(names & {"import_module", "__import__"})


def test_dynamic_imports_point_up_as_little_as_others():
    found = {module for module in CHECKED if loads_by_name(MODULES[module])}
    assert found == set(DYNAMIC)
    for module, loaded in DYNAMIC.items():
        assert [name for name in loaded if runs_back(module, name)] == []


def test_the_check_of_imports_sees_all_their_forms(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import numpy\nimport lus_keras.core.config\nfrom lus_keras import __version__, papers\n"
        "def f():\n    from lus_keras.data.video.decode import probe\n"
        "if TYPE_CHECKING:\n    from lus_keras.data.video import decode\n"
    )
    assert sorted(imports_of(path), key=lambda found: found[1]) == [
        ("core.config", 2),
        ("", 3),
        ("papers", 3),
        ("data.video.decode", 5),
        ("data.video.decode", 7),
    ]
    assert runs_back("data.cache", "simulation.dataset") and runs_back("data.x", "evaluation.y")
    assert not runs_back("papers.bline", "data.clips") and not runs_back("cli", "cli.output")
    path.write_text("from importlib import import_module as load\nx = load.import_module('a')")
    assert loads_by_name(path)


def dangers_in(source):
    """What a source must not hold, with lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            for name in names:
                if name.partition(".")[0] in FORBIDDEN_MODULES:
                    yield f"line {node.lineno}: {name}"
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                yield f"line {node.lineno}: {node.func.id}()"
            for argument in node.keywords:
                value = getattr(argument.value, "value", None)
                if (argument.arg, value) in FORBIDDEN_ARGUMENTS:
                    yield f"line {node.lineno}: {argument.arg}={value}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_that_can_run_foreign_code_is_used(module):
    assert list(dangers_in(MODULES[module].read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import yaml\nyaml.load(x)",
        "eval('1')",
        "exec('1')",
        "np.load(path, allow_pickle=True)",
        "keras.models.load_model(path, safe_mode=False)",
        "YAML(typ='unsafe')",
    ],
)
def test_the_check_for_dangers_sees_each(source):
    assert len(list(dangers_in(source))) == 1
    assert list(dangers_in("np.load(path, allow_pickle=False)\nmodel.eval()")) == []


def test_yaml_is_read_in_one_place_only():
    readers = [name for name, path in MODULES.items() if "ruamel" in path.read_text("utf-8")]
    assert readers == ["core.config.reading"]


def test_no_file_of_the_repository_knows_the_machine_it_was_written_on():
    """Files that are committed, or will be with the next `git add`; binary ones too."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listing = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    # Put together here, so that this file does not hold them.
    places = [f"/{name}/".encode() for name in ("work", "root")] + [b"shared" + b"/"]
    files = {name.decode() for name in names if name} - {".ci/run"}
    assert f"{PACKAGE}/__init__.py" in files
    knowing = [
        f"{name}: {place.decode()}"
        for name in sorted(files)
        for place in places
        if (ROOT / name).is_file() and place in (ROOT / name).read_bytes()
    ]
    assert knowing == []


LIGHT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    for heavy in ("tensorflow", "keras", "jax", "torch"):
        if heavy in sys.modules:
            sys.exit(f"import {name} imports {heavy}")
print(len(sys.argv) - 1)
"""


def test_light_modules_import_neither_keras_nor_tensorflow():
    """From the ground floor up, so that the first module that does is the one that is named."""
    light = sorted(
        (name for name in CHECKED if not any(fnmatch(name, heavy) for heavy in HEAVY)),
        key=lambda name: (FLOOR_OF[room_of(name)], name),
    )
    assert {"cli", "core.config", "data.cache", "papers.bline", "papers.bline.tables"} <= set(light)
    # `predict` and its neighbors tell a wrong path before TensorFlow is loaded.
    names = [PACKAGE, *(f"{PACKAGE}.{name}" for name in (*light, "inference.predict.find"))]
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *names], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(len(names))), done.stderr
