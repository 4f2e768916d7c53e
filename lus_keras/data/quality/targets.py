"""Targets of a check: the rows of a manifest, a named data set, or the videos of a folder."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.suggestions import groups_alike, nearest_files
from lus_keras.data import datasets
from lus_keras.data.identity import warning_of_ids
from lus_keras.data.manifest import Video, scan_manifest
from lus_keras.data.quality.faults import Problem
from lus_keras.data.video.formats import VIDEO_SUFFIXES


@dataclass(frozen=True)
class Item:
    """One video to be inspected.

    Attributes:
        name: Name for display: the path relative to the root, or the row if the path was refused.
        path: Absolute path; empty if there is no file to open.
        video: Manifest row, or None in a plain folder.
        problems: Problems known before any file is opened.
    """

    name: str
    path: str
    row: int | None = None
    video: Video | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Target:
    """The videos requested.

    Attributes:
        manifest: Path of the manifest if the target is one, else None.
    """

    name: str
    root: Path
    items: tuple[Item, ...]
    manifest: Path | None = None


def find_target(
    name_or_path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
) -> Target:
    """Finds the videos to inspect without opening any; missing files are problems, not errors.

    Args:
        name_or_path: A manifest that ends in `.csv`, a folder, or the name of a data set.
        root: Folder of the data set, or the folder to which a manifest's paths are relative.

    Returns:
        The target with at least one item.

    Raises:
        ConfigError: There is no such folder or data set, or it has no files.
        DataError: The manifest or data set cannot be read, or the folder contains no video.
    """
    text = os.fspath(name_or_path)
    if text.lower().endswith(".csv"):
        return _of_manifest(Path(text), root)
    if text == datasets.SIMULATED:
        raise ConfigError(
            f"{text}: is rendered on demand. Write the cohort with `data simulate` first."
        )
    if text not in datasets.names():
        if Path(text).is_dir():
            return _of_folder(Path(text))
        raise ConfigError(
            f"{text}: is neither a folder nor a manifest (.csv) nor a data set. "
            f"Known data sets: {', '.join(datasets.names())}."
        )
    data = datasets.load(text, root=root)
    items = tuple(Item(_shown(v.video, data.root), v.video, None, v) for v in data.videos)
    return Target(text, data.root, items)


def _of_manifest(path: Path, root: str | os.PathLike[str] | None) -> Target:
    videos, broken = scan_manifest(path, root=root)
    folder = Path(os.path.normpath(Path(path.parent if root is None else root).absolute()))
    absent = {
        _shown(video.video, folder)
        for video in videos.values()
        if video.video and not Path(video.video).exists()
    }
    nearest = nearest_files(absent, folder) if absent else {}
    patients = [video.patient_id for video in videos.values() if video.patient_id]
    first_alike = next((name for group in groups_alike(patients) for name in group), None)
    told = warning_of_ids(patients)
    items = []
    for row, video in videos.items():
        name = _shown(video.video, folder) if video.video else f"row {row}"
        problems = [Problem.of_sentences("manifest", "error", text) for text in broken.get(row, ())]
        if name in absent:
            hint = f"Is it {nearest[name]!r}? " if name in nearest else ""
            remedy = f"{hint}Correct the path, or copy the file there."
            problems.append(Problem("missing", "error", f"is not in {folder}.", remedy))
        # One warning for all: a manifest may contain thousands of such rows.
        if told and first_alike in (None, video.patient_id):
            problems.append(Problem.of_sentences("patients-alike", "warning", told))
            told = ""
        path_there = "" if name in absent else video.video
        items.append(Item(name, path_there, row, video, tuple(problems)))
    return Target(os.fspath(path), folder, tuple(items), path)


def _of_folder(folder: Path) -> Target:
    folder = Path(os.path.normpath(folder.absolute()))
    items = tuple(_items_below(folder))
    if not items:
        suffixes = ", ".join(sorted(VIDEO_SUFFIXES))
        raise DataError(f"{folder}: contains no video. Files must end in one of {suffixes}.")
    return Target(os.fspath(folder), folder, items)


def _items_below(folder: Path) -> Iterator[Item]:
    """Files with a video suffix; links to folders are skipped, links out of the folder refused."""
    real = folder.resolve()
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(parent, name)
            if name.startswith(".") or path.suffix.lower() not in VIDEO_SUFFIXES:
                continue
            shown = _shown(str(path), folder)
            if path.resolve().is_relative_to(real):
                yield Item(shown, str(path))
            else:
                cause = f"is a link to a place outside {folder}."
                problem = Problem("refused", "error", cause, "Copy the file into the folder.")
                yield Item(shown, "", problems=(problem,))


def _shown(path: str, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix() if path else ""
