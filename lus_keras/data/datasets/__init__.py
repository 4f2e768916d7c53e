"""Data sets: one module per source, found by its file name; each gives a list of `Video`.

A source module has `NAME` and `load(root=None) -> Dataset`; if its data are files, also `MARKER` (a
file that identifies the folder of the data set) and `OBTAIN` (how to get it), used by `find_root`.
"""

import csv
import difflib
import importlib
import itertools
import os
import pkgutil
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.files import PICTURE_SUFFIXES, cache_root
from lus_keras.data.manifest import Video
from lus_keras.data.video.formats import VIDEO_SUFFIXES

ENVIRONMENT_VARIABLE = "LUS_KERAS_DATA"
# The name of the simulated cohort, which is computed elsewhere and is no data set of files.
SIMULATED = "simulated"
MAX_LOOKED_AT = 5_000


@dataclass(frozen=True)
class Dataset:
    """Videos of one source, with license and notes to print with every result.

    Attributes:
        videos: Videos present, in the order of the source.
        cropped: Whether the frames show only the ultrasound sector.
    """

    name: str
    title: str
    videos: list[Video]
    license: str
    citation: str
    notes: tuple[str, ...]
    root: Path
    cropped: bool = False


def names() -> list[str]:
    """Names of the data sets, sorted, for `load`, which also accepts the path of a manifest.

    The simulated cohort is not included, as it has no files.
    """
    modules = (_import(module.name) for module in pkgutil.iter_modules(__path__))
    return sorted(module.NAME for module in modules if hasattr(module, "NAME"))


def load(
    name_or_path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
) -> Dataset:
    """Loads a data set by name, or a user's manifest by path.

    Args:
        name_or_path: One of `names()`, or a path that ends in `.csv`.
        root: Folder of the data; for a manifest, the folder to which its paths are relative.

    Raises:
        ConfigError: There is no data set with that name.
        DataError: The data are missing or invalid.
    """
    text = os.fspath(name_or_path)
    if text not in names() and (importer := _importer(Path(text))):
        raise ConfigError(f"{text}: is not a manifest. To make one: {importer}")
    if text.lower().endswith(".csv"):
        return _import("manifest_file").load(text, root=root)
    return source(text).load(root)


def _importer(path: Path) -> str:
    """Command that makes a manifest from a file or folder; empty for a CSV or a missing file."""
    quoted = shlex.quote(os.fspath(path))
    suffix = path.suffix.lower()
    if suffix in (".xlsx", ".xls", ".ods", ".tsv"):
        return f"`lus-keras data import-table {quoted} VIDEOS --out manifest.csv`."
    if suffix == ".json":
        return (
            f"`lus-keras data import-annotations {quoted} VIDEOS --out manifest.csv` if it was "
            f"saved by `data annotate`, `lus-keras data import-via {quoted} VIDEOS --out "
            "manifest.csv --patient REGEX` if by VIA."
        )
    if not path.is_dir():
        return ""
    files = [file for file in itertools.islice(path.rglob("*"), MAX_LOOKED_AT) if file.is_file()]
    suffixes = {file.suffix.lower() for file in files}
    found = [file for file in files if file.name == "manifest.csv"]
    if found:
        return f"it contains one: --data {shlex.quote(os.fspath(found[0]))}."
    if suffixes & set(VIDEO_SUFFIXES):
        return (
            f"mark the videos in a browser, `lus-keras data annotate {quoted} --out page.html`, or "
            f"give a sheet of labels, `lus-keras data import-table SHEET {quoted} --out "
            "manifest.csv`."
        )
    if suffixes & set(PICTURE_SUFFIXES):
        return f"`lus-keras data import-frames {quoted} --fps RATE --out {quoted}/manifest.csv`."
    return f"`lus-keras data import-dicom {quoted} --key dicom.key --out videos`, if it is DICOM."


def find_root(name: str, root: str | os.PathLike[str] | None = None) -> Path:
    """Finds the folder of a data set: `root`, else `LUS_KERAS_DATA`, else the user's cache.

    Each may be the folder of the data set or one that contains it under its name.

    Args:
        name: One of `names()`.
        root: The only place to search, if given.

    Raises:
        ConfigError: There is no data set with that name.
        DataError: It is in none of the places; all of them are listed.
    """
    module = source(name)
    places = _places(root)
    for place in places.values():
        for folder in (place / name, place / name.upper(), place):
            if (folder / module.MARKER).is_file():
                return folder
    looked_at = "; ".join(f"{how}: {place}" for how, place in places.items())
    unset = "" if root is not None or ENVIRONMENT_VARIABLE in os.environ else " (not set now)"
    raise DataError(
        f"{name}: no folder with {module.MARKER!r} was found. Searched: {looked_at}. "
        f"{module.OBTAIN} Then point to it with --root FOLDER, with the environment variable "
        f"{ENVIRONMENT_VARIABLE}{unset}, or by moving it to {cache_root() / name}."
    )


def read_table(
    path: Path, required: Sequence[str], source: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields rows of a data set's own table with their numbers; row 1 names the columns.

    Args:
        required: Columns that must be present.
        source: Where the data set is from, for messages.

    Yields:
        Number of the row, and its cells by column, stripped.

    Raises:
        DataError: The file cannot be read, is not a CSV file in UTF-8, or lacks columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream)
            columns = tuple(table.fieldnames or ())
            missing = [column for column in required if column not in columns]
            if missing:
                raise DataError(
                    f"{path}, row 1: columns {', '.join(required)} must be present. Missing: "
                    f"{', '.join(missing)}. Download the file again from {source}."
                )
            for number, row in enumerate(table, start=2):
                yield number, {column: (row.get(column) or "").strip() for column in columns}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path}: cannot be read ({error}). Download it again from {source}."
        ) from error


def _places(root: str | os.PathLike[str] | None) -> dict[str, Path]:
    if root is not None:
        return {"--root": Path(root)}
    places = {"cache": cache_root()}
    if os.environ.get(ENVIRONMENT_VARIABLE):
        return {ENVIRONMENT_VARIABLE: Path(os.environ[ENVIRONMENT_VARIABLE])} | places
    return places


def source(name: str) -> ModuleType:
    """Module of a data set by its name.

    Raises:
        ConfigError: There is no data set of that name.
    """
    if name not in names():
        known = [*names(), SIMULATED]
        nearest = difflib.get_close_matches(name.lower(), known, n=1)
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ConfigError(
            f"unknown data set {name!r}.{hint} Known: {', '.join(known)}, or the path of a "
            "manifest that ends in .csv."
        )
    return _import(name.replace("-", "_"))


def _import(module: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{module}")
