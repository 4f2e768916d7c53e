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

# A module may import from its own layer and from those above it. `papers.*_results` are found by
# the report at run time; they belong after it, the papers themselves before training.
LAYERS = (
    "errors",
    "files",
    "torch_files",
    "isolation",
    "soft_labels",
    "multilabel",
    "cells",
    "lookalikes",
    "config",
    "manifest",
    "video",
    "simulate",
    "datasets",
    "clips",
    "splits",
    "cache",
    "tiling",
    "marking",
    "augment",
    "source",
    "pipeline",
    "layers",
    "torch_layers",
    "losses",
    "optimizers",
    "models",
    "torch_weights",
    "papers",
    "checkpoint",
    "environment",
    "interruption",
    "training",
    "metrics",
    "acceptance",
    "acceptance.network",
    "figures",
    "contact_sheet",
    "overlay",
    "results",
    "report",
    "papers.*_figures",
    "papers.*_results.*",
    "papers.*_results",
    "progress",
    "saliency",
    "predict",
    "explain",
    "export",
    "papers.*_explain",
    "reproduce",
    "inspection",
    "fetch",
    "walkthrough",
    "catalogue",
    "benchmark",
    "cli",
)
# Only these may import Keras or TensorFlow when they are imported themselves.
HEAVY = {
    *("pipeline", "layers", "torch_layers", "losses", "optimizers", "models", "torch_weights"),
    "training",
    *("saliency", "predict", "explain", "export", "benchmark", "papers.*_explain"),
    "acceptance.network",
}
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


def layer_of(module):
    """Place of a module in `LAYERS`, -1 if it has none; the last pattern that fits is meant."""
    fits = [
        place
        for place, layer in enumerate(LAYERS)
        if module == layer or module.startswith(f"{layer}.") or fnmatch(module, layer)
    ]
    return max(fits, default=-1)


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


@pytest.mark.parametrize("module", CHECKED)
def test_every_module_has_its_layer(module):
    assert layer_of(module) >= 0, f"add '{module}' to LAYERS, where it belongs"


@pytest.mark.parametrize("module", CHECKED)
def test_no_import_points_against_the_order(module):
    own = layer_of(module)
    against = [
        f"line {line}: {imported}"
        for imported, line in imports_of(MODULES[module])
        if imported and layer_of(imported) > own
    ]
    assert against == []


def test_the_check_of_imports_sees_all_their_forms(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import numpy\nimport lus_keras.config\nfrom lus_keras import __version__, splits\n"
        "def f():\n    from lus_keras.video.decode import probe\n"
        "if TYPE_CHECKING:\n    from lus_keras.video import decode\n"
    )
    assert sorted(imports_of(path), key=lambda found: found[1]) == [
        ("config", 2),
        ("", 3),
        ("splits", 3),
        ("video.decode", 5),
        ("video.decode", 7),
    ]
    assert LAYERS[layer_of("papers.bline_results")] == "papers.*_results"
    assert LAYERS[layer_of("papers.bline")] == "papers"
    assert layer_of("nowhere") == -1


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
    assert readers == ["config"]


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
    """In the order of the layers, so that the first module that does is the one that is named."""
    light = sorted(
        (name for name in CHECKED if LAYERS[layer_of(name)] not in HEAVY),
        key=lambda name: (layer_of(name), name),
    )
    assert {"cli", "config", "cache", "reproduce", "papers.bline"} <= set(light)
    names = [PACKAGE, *(f"{PACKAGE}.{name}" for name in light)]
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *names], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(len(names))), done.stderr
