"""The rows of a manifest, parsed one by one; no file is looked for."""

import csv
import difflib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lus_keras.core.errors import ManifestError
from lus_keras.core.files import read_text
from lus_keras.core.safe_text import unguard
from lus_keras.data import fields
from lus_keras.data.manifest.record import COLUMNS, PARSERS, REQUIRED, Video


def folder_of(path: Path, root: str | os.PathLike[str] | None) -> Path:
    """Folder that the paths of a manifest start from, absolute."""
    # Not resolve(): links above the folder stay as the user wrote them.
    return Path(os.path.normpath(Path(path.parent if root is None else root).absolute()))


def parse(
    path: Path, folder: Path, labels: Sequence[str]
) -> tuple[dict[int, Video], dict[int, list[str]]]:
    """Parses all rows but looks for no file; returns videos and problems by row number."""
    header, table = _read_table(path)
    problems: dict[int, list[str]] = {1: list(_check_header(header, labels))}
    if not table:
        problems[2] = ["a manifest must have one row per video. Received none. Add them."]
    videos: dict[int, Video] = {}
    first_row: dict[str, int] = {}
    for number, row in table:
        video, broken = _parse_row(dict(zip(header, row, strict=False)), folder, labels)
        if len(row) != len(header):
            broken = [
                f"a row must have {len(header)} cells. Received {len(row)}. Put double quotes "
                "around a cell that contains a comma."
            ]
        elif video.video_id and first_row.setdefault(video.video_id, number) != number:
            broken.append(
                f"`video_id` must be unique. Received {video.video_id!r}, as in row "
                f"{first_row[video.video_id]}. Give each row a unique id."
            )
        videos[number], problems[number] = video, broken
    return videos, {number: broken for number, broken in problems.items() if broken}


def numbered(broken: dict[int, list[str]]) -> Iterator[str]:
    """Problems with their rows in front."""
    for number, problems in broken.items():
        yield from (f"row {number}: {problem}" for problem in problems)


def _read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Reads the header and, numbered, the rows that are not blank."""
    try:
        lines = io.StringIO(read_text(path), newline="")
        table = list(csv.reader(lines, strict=True, skipinitialspace=True))
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}. Check the path.") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: is not UTF-8 text. Save it as 'CSV UTF-8'.") from error
    except csv.Error as error:
        raise ManifestError(f"{path}: is not CSV: {error}. Save it as 'CSV UTF-8'.") from error
    table = [[unguard(cell.strip()) for cell in row] for row in table]
    if not table or not any(table[0]):
        raise ManifestError(
            f"{path}, row 1: must contain the column names. The file is empty. Add them."
        )
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
            yield f"column {column!r} must appear once. Received {header.count(column)}. Keep one."
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
                values[column] = fields.parse_path(column, text, folder)
            elif column in COLUMNS and text:
                values[column] = PARSERS[column](column, text)
            elif column in REQUIRED or column in labels:
                problems.append(f"`{column}` must be filled in. Received a blank. Fill it in.")
        except ValueError as error:
            problems.append(str(error))
    problems += _contradictions(values)
    if values["video"] and not row.get("video_id"):
        path = Path(values["video"])
        named = path if path.is_dir() else path.with_suffix("")
        values["video_id"] = named.relative_to(folder).as_posix()
    if values["video"] and not row.get("fps") and Path(values["video"]).is_dir():
        problems.append(
            "`fps` must be filled in for image sequences. Received a blank. Give the frame rate."
        )
    return Video(**values), problems


def _contradictions(values: Mapping[str, Any]) -> Iterator[str]:
    """What `sign` and `b_lines` deny of `signs`."""
    signs, sign, b_lines = (values.get(name) for name in ("signs", "sign", "b_lines"))
    if signs is None:
        return
    listed = fields.format_field("signs", signs)
    if sign is not None and sign not in signs:
        yield f"`sign` must be among `signs`. Received {sign!r} and {listed!r}. Correct one."
    if b_lines is not None and bool(b_lines) != ("b_lines" in signs):
        yield f"`b_lines` and `signs` must agree. Received {b_lines} and {listed!r}. Correct one."
