"""The wheel holds all that an installed package needs, away from the repository."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from lus_keras import __version__
from lus_keras.core import config

ROOT = Path(__file__).parents[1]
SOURCES = ("lus_keras", "configs", "data_manifests")
FILES = ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The wheel, built without network from a copy of the sources."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        ignore = shutil.ignore_patterns("__pycache__", ".*")
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=ignore)
    for name in FILES:
        shutil.copy(ROOT / name, folder / "source")
    command = ["-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [sys.executable, *command, "--disable-pip-version-check", "--wheel-dir", str(folder)],
        cwd=folder / "source",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """Folder that the wheel is unpacked in, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed, tmp_path, script):
    """Output of a script in an empty folder, with the unpacked wheel in front of everything."""
    variables = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def files_of(folder):
    """Files under a folder, but for what Python leaves behind."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if "__pycache__" not in path.parts}


def test_the_wheel_is_named_after_package_and_version(wheel):
    assert wheel.name == f"lus_keras-{__version__}-py3-none-any.whl"


def test_the_wheel_holds_every_file_of_the_package(installed):
    """Modules and templates alike: a package left out of setup.py shows here."""
    there = files_of(installed / "lus_keras")
    assert {"evaluation/report/templates/report.html.j2", "py.typed"} <= there
    assert files_of(ROOT / "lus_keras") - there == set()


@pytest.mark.parametrize("folder", ["configs", "data_manifests"])
def test_the_wheel_holds_configurations_and_manifests(installed, folder):
    there = files_of(installed / "lus_keras" / folder)
    expected = files_of(ROOT / folder)
    assert any(name.endswith(".yaml") for name in expected)
    assert there == expected


def test_the_wheel_holds_nothing_else(installed):
    assert {path.name for path in installed.iterdir()} == {
        "lus_keras",
        f"lus_keras-{__version__}.dist-info",
    }


def test_the_command_is_declared(installed):
    (entry_points,) = installed.glob("*.dist-info/entry_points.txt")
    assert "lus-keras = lus_keras.cli:main" in entry_points.read_text().splitlines()


def test_configurations_are_found_from_an_empty_folder(installed, tmp_path):
    script = (
        "from lus_keras.core import config; print(config.__file__); print(*config.papers()); "
        "print([config.load(p, 'smoke').paper for p in config.papers()])"
    )
    place, names, loaded = run(installed, tmp_path, script).splitlines()
    assert Path(place).is_relative_to(installed)
    assert names.split() == config.papers()
    assert loaded == str(config.papers())


def test_the_command_starts_from_an_empty_folder(installed, tmp_path):
    script = "from lus_keras.cli import main; main(['--version'])"
    assert run(installed, tmp_path, script) == f"lus-keras, version {__version__}"
    assert list(tmp_path.iterdir()) == []
