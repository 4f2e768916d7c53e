"""Manifest: one CSV row a video, who it belongs to and what is known of it.

    video,patient_id,video_id,exam_id,zone,b_lines,segments,…
    p01/e1_z3.avi,p01,p01_e1_z3,e1,3,1,0.40-1.85;2.0-2.4,…

`video` and `patient_id` are required; every other column may be left out. Ids are text: `010` stays
`010`.
"""

from __future__ import annotations

import csv
import difflib
import itertools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lus_keras import cells
from lus_keras.cells import SIGNS as SIGNS
from lus_keras.cells import Box, Segments
from lus_keras.errors import ConfigError, ManifestError
from lus_keras.files import atomic_write
from lus_keras.lookalikes import groups_alike, nearest_files


@dataclass(frozen=True)
class Video:
    """One video and its labels; `None` wherever something is not known.

    Attributes:
        video: Path of the file or of a folder of numbered pictures, absolute once read; empty when
            frames are rendered, not decoded.
        patient_id: The unit of splits and of statistics.
        video_id: Unique in its manifest.
        exam_id: Examination the video belongs to.
        zone: Place of the probe on the chest.
        b_lines: 1 if B-lines are seen in the video, 0 if not.
        sliding: 1 if lung sliding is present, 0 if absent.
        severity: Score 0 … 3 of the whole video.
        sign: One of `SIGNS`.
        segments: Intervals with B-lines in seconds, start ≤ t < end; empty means "looked at, none".
        roi: Region of interest `(x, y, w, h)` in pixels of the file.
        fps: Frames per second of what has no clock: pictures, a file that states 0.
        sha256: Hash of the file, or of the folder as `video.sha256_of_video` takes it.
        license: Licence the video comes under.
        source: Where it was obtained.
    """

    video: str
    patient_id: str
    video_id: str
    exam_id: str = ""
    zone: str = ""
    b_lines: int | None = None
    sliding: int | None = None
    severity: int | None = None
    sign: str | None = None
    segments: Segments | None = None
    roi: Box | None = None
    fps: float | None = None
    sha256: str = ""
    license: str = ""
    source: str = ""


REQUIRED = ("video", "patient_id")
LABELS = ("b_lines", "sliding", "severity", "sign", "segments")
COLUMNS = tuple(field.name for field in fields(Video))
MAX_MISSING_LISTED = 50

PARSERS: dict[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(COLUMNS, cells.parse_text),
    **dict.fromkeys(cells.SCORES, cells.parse_score),
    "sign": cells.parse_sign,
    "segments": cells.parse_segments,
    "roi": cells.parse_box,
    "fps": cells.parse_fps,
    "sha256": cells.parse_sha256,
}


def read_manifest(
    path: str | os.PathLike[str],
    *,
    labels: Sequence[str] = (),
    root: str | os.PathLike[str] | None = None,
) -> list[Video]:
    """Reads a manifest and checks every row of it before anything is decoded.

    Cells are text and are stripped; for a label that is a number `2.0` is read as 2, and `no`/`yes`
    as 0/1. An empty `segments` cell means "not annotated", `none` means "looked at, no B-lines".
    Rows are numbered as a spreadsheet does: row 1 names the columns.

    Args:
        path: CSV file in UTF-8.
        labels: Columns among `LABELS` that must be present and filled in every row.
        root: Folder that paths start from and must stay in; the manifest's own if not given.

    Returns:
        One `Video` a row, in the order of the file, with absolute paths of files that exist.

    Raises:
        ManifestError: The file cannot be read or breaks rules; all of them are listed at once.
        ConfigError: `labels` names something that is not a label.
    """
    unknown = [label for label in labels if label not in LABELS]
    if unknown:
        raise ConfigError(f"`labels` must be among {', '.join(LABELS)}. Received {unknown}.")
    path = Path(path)
    folder = _folder_of(path, root)
    rows, broken = _parse(path, folder, labels)
    problems = [*_numbered(broken), *_missing_files(rows, folder)]
    if problems:
        raise ManifestError.from_problems(f"{path}, {problem}" for problem in problems)
    _warn_of_similar_patients(path, {video.patient_id for video in rows.values()})
    return list(rows.values())


def scan_manifest(
    path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None
) -> tuple[dict[int, Video], dict[int, list[str]]]:
    """Reads a manifest row by row, so that one bad row does not hide what the others hold.

    Args:
        path: As in `read_manifest`.
        root: As in `read_manifest`.

    Returns:
        Videos by row number, whether their files exist or not (`video` is empty where the path was
        refused), and problems by row number.

    Raises:
        ManifestError: The file cannot be read, its columns are wrong, or it has no row.
    """
    path = Path(path)
    rows, broken = _parse(path, _folder_of(path, root), ())
    if 1 in broken or not rows:
        raise ManifestError.from_problems(f"{path}, {problem}" for problem in _numbered(broken))
    return rows, broken


def write_manifest(
    videos: Sequence[Video],
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
) -> None:
    """Writes a manifest that `read_manifest` gives back unchanged, or else writes nothing.

    Columns that no video fills are left out. The video files themselves need not exist yet.

    Args:
        videos: What to write, one row each.
        path: CSV file to create or replace.
        root: Folder that paths are written relative to; the manifest's own if not given.

    Raises:
        ManifestError: A value breaks a rule of manifests, so that it could not be read again.
        OSError: The file cannot be written.
    """
    path = Path(path)
    folder = _folder_of(path, root)
    lines = [_format_row(video, folder) for video in videos]
    always = (*REQUIRED, "video_id")
    columns = [name for name in COLUMNS if name in always or any(line[name] for line in lines)]
    with atomic_write(path) as temporary_path:
        # "replace" alters what UTF-8 cannot hold, which the comparison below then reports.
        with temporary_path.open("w", newline="", encoding="utf-8", errors="replace") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        rows, broken = _parse(temporary_path, folder, ())
        problems = list(_numbered(broken))
        if not problems and list(rows.values()) != list(videos):
            changed = [video for video in videos if video not in rows.values()]
            problems = [f"{video} would not be read back as it is. Mend it." for video in changed]
        if problems:
            raise ManifestError.from_problems(f"{path}, {problem}" for problem in problems)


def _folder_of(path: Path, root: str | os.PathLike[str] | None) -> Path:
    # Not resolve(): links above the folder stay as the user wrote them.
    return Path(os.path.normpath(Path(path.parent if root is None else root).absolute()))


def _format_row(video: Video, folder: Path) -> dict[str, str]:
    line = {name: cells.format_cell(getattr(video, name)) for name in COLUMNS}
    path = Path(video.video)
    if video.video and path.is_relative_to(folder):
        line["video"] = path.relative_to(folder).as_posix()
    return line


def _parse(
    path: Path, folder: Path, labels: Sequence[str]
) -> tuple[dict[int, Video], dict[int, list[str]]]:
    """Parses all rows but looks for no file; returns videos and problems by row number."""
    header, table = _read_table(path)
    problems: dict[int, list[str]] = {1: list(_check_header(header, labels))}
    if not table:
        problems[2] = ["a manifest must hold a row a video. Received none. Add them."]
    videos: dict[int, Video] = {}
    first_row: dict[str, int] = {}
    for number, row in table:
        video, broken = _parse_row(dict(zip(header, row, strict=False)), folder, labels)
        if len(row) != len(header):
            broken = [
                f"a row must have {len(header)} cells. Received {len(row)}. "
                "Put double quotes around a cell that holds a comma."
            ]
        elif video.video_id and first_row.setdefault(video.video_id, number) != number:
            broken.append(
                f"`video_id` must be unique. Received {video.video_id!r}, as in row "
                f"{first_row[video.video_id]}. Give each row its own."
            )
        videos[number], problems[number] = video, broken
    return videos, {number: broken for number, broken in problems.items() if broken}


def _numbered(broken: dict[int, list[str]]) -> Iterator[str]:
    for number, problems in broken.items():
        yield from (f"row {number}: {problem}" for problem in problems)


def _read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Reads the header and, numbered, the rows that are not blank."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            table = list(csv.reader(stream, strict=True, skipinitialspace=True))
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: is not UTF-8 text. Save it as 'CSV UTF-8'.") from error
    except csv.Error as error:
        raise ManifestError(f"{path}: is not CSV: {error}. Save it as 'CSV UTF-8'.") from error
    table = [[cell.strip() for cell in row] for row in table]
    if not table or not any(table[0]):
        raise ManifestError(f"{path}, row 1: must name the columns. Received nothing. Add them.")
    return table[0], [(number, row) for number, row in enumerate(table[1:], start=2) if any(row)]


def _check_header(header: list[str], labels: Sequence[str]) -> Iterator[str]:
    if len(header) == 1 and ";" in header[0]:
        yield "cells must be separated by commas. Received semicolons. Save it as 'CSV UTF-8'."
        return
    for column in dict.fromkeys(header):
        if column not in COLUMNS:
            nearest = difflib.get_close_matches(column.lower(), COLUMNS, n=1)
            hint = f"Did you mean {nearest[0]!r}? " if nearest else ""
            yield f"unknown column {column!r}. {hint}Known columns: {', '.join(COLUMNS)}."
        if header.count(column) > 1:
            yield f"column {column!r} must stand once. Received {header.count(column)}. Keep one."
    for column in dict.fromkeys((*REQUIRED, *labels)):
        if column not in header:
            yield f"column {column!r} must be present. Received {', '.join(header)}. Add it."


def _parse_row(row: dict[str, str], folder: Path, labels: Sequence[str]) -> tuple[Video, list[str]]:
    """Turns cells into a `Video`; a cell that breaks a rule is left at its default."""
    values: dict[str, Any] = dict.fromkeys((*REQUIRED, "video_id"), "")
    problems = []
    for column, text in row.items():
        try:
            if column == "video" and text:
                values[column] = cells.parse_path(column, text, folder)
            elif column in COLUMNS and text:
                values[column] = PARSERS[column](column, text)
            elif column in REQUIRED or column in labels:
                problems.append(f"`{column}` must be filled. Received a blank. Fill it in.")
        except ValueError as error:
            problems.append(str(error))
    if values["video"] and not row.get("video_id"):
        path = Path(values["video"])
        named = path if path.is_dir() else path.with_suffix("")
        values["video_id"] = named.relative_to(folder).as_posix()
    if values["video"] and not row.get("fps") and Path(values["video"]).is_dir():
        problems.append("`fps` must be filled for pictures. Received a blank. Give their rate.")
    return Video(**values), problems


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


def _warn_of_similar_patients(path: Path, patient_ids: Iterable[str]) -> None:
    similar = [" and ".join(map(repr, group)) for group in groups_alike(patient_ids)]
    if similar:
        warnings.warn(
            f"{path}: patient ids look alike and are kept apart: {'; '.join(similar)}. "
            "If they are one person, write them alike, or a split may leak.",
            stacklevel=3,
        )
