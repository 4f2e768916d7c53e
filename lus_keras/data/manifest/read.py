"""Reading a manifest: all errors are reported at once, before anything is decoded."""

import itertools
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from lus_keras.core.errors import ConfigError, ManifestError
from lus_keras.core.suggestions import nearest_files
from lus_keras.data.identity import warning_of_ids
from lus_keras.data.manifest.record import LABELS, Video
from lus_keras.data.manifest.rows import folder_of, numbered, parse

MAX_MISSING_LISTED = 50


def read_manifest(
    path: str | os.PathLike[str],
    *,
    labels: Sequence[str] = (),
    root: str | os.PathLike[str] | None = None,
) -> list[Video]:
    """Reads a manifest and checks every row before anything is decoded.

    Cells are text and are stripped. For numeric labels `2.0` is read as 2, and `no` and `yes` as 0
    and 1. An empty `segments` cell means "not annotated", `none` means "annotated, no B-lines";
    likewise for `signs` and the four signs. Rows are numbered as in a spreadsheet: row 1 contains
    the column names.

    Args:
        path: CSV file in UTF-8.
        labels: Label columns that must be present and filled in every row.
        root: Folder to which paths are relative and in which they must lie; the manifest's folder
            if not given.

    Returns:
        One `Video` per row, in the order of the file, with absolute paths of existing files.

    Raises:
        ManifestError: The file cannot be read or is invalid; all errors are listed.
        ConfigError: `labels` contains a name that is not a label.
    """
    unknown = [label for label in labels if label not in LABELS]
    if unknown:
        raise ConfigError(f"`labels` must be among {', '.join(LABELS)}. Received {unknown}.")
    path = Path(path)
    folder = folder_of(path, root)
    rows, broken = parse(path, folder, labels)
    problems = [*numbered(broken), *_missing_files(rows, folder)]
    if problems:
        raise ManifestError.from_problems(f"{path}, {problem}" for problem in problems)
    if told := warning_of_ids(video.patient_id for video in rows.values()):
        warnings.warn(f"{path}: {told}", stacklevel=2)
    return list(rows.values())


def scan_manifest(
    path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
) -> tuple[dict[int, Video], dict[int, list[str]]]:
    """Reads a manifest row by row, so that one invalid row does not hide the others.

    Returns:
        Videos by row number, whether their files exist or not (`video` is empty where the path was
        refused), and problems by row number.

    Raises:
        ManifestError: The file cannot be read, its columns are wrong, or it has no row.
    """
    path = Path(path)
    rows, broken = parse(path, folder_of(path, root), ())
    if 1 in broken or not rows:
        raise ManifestError.from_problems(f"{path}, {problem}" for problem in numbered(broken))
    return rows, broken


def _missing_files(rows: dict[int, Video], folder: Path) -> list[str]:
    """One problem that names every missing file, each with the nearest file that is there."""
    missing = {
        number: Path(video.video).relative_to(folder).as_posix()
        for number, video in rows.items()
        if video.video and not Path(video.video).exists()
    }
    if not missing:
        return []
    shown = dict(itertools.islice(missing.items(), MAX_MISSING_LISTED))
    nearest = nearest_files(shown.values(), folder)
    listed = [
        f"row {number} {name!r}" + (f" (is it {nearest[name]!r}?)" if name in nearest else "")
        for number, name in shown.items()
    ]
    if len(missing) > len(listed):
        listed.append(f"… and {len(missing) - len(listed)} more")
    return [
        f"row {next(iter(missing))}: every video file must exist. {len(missing)} of {len(rows)} "
        f"are not in {folder}: {', '.join(listed)}. Correct the paths, or give another root."
    ]
