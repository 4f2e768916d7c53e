"""Any CSV or Excel sheet with one row per video, as a manifest."""

import os
import re
import shlex
import string
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data.fields import is_excel_error, is_missing, names_nobody
from lus_keras.data.importers import Imported
from lus_keras.data.importers.naming import find_videos, manifest_root, match_video, video_id_of
from lus_keras.data.importers.sheet import Sheet, read_sheet
from lus_keras.data.importers.values import ValueMap, plain
from lus_keras.data.manifest import COLUMNS, REQUIRED, Video, write_manifest

# Names of columns, normalized by `plain`, in addition to those of a manifest.
_OTHER_NAMES = {
    **dict.fromkeys(("file", "filename", "videofile", "path", "clip"), "video"),
    **dict.fromkeys(("patient", "subject", "subjectid", "pid", "case"), "patient_id"),
    **dict.fromkeys(("exam", "examination", "study", "visit"), "exam_id"),
    **dict.fromkeys(("area", "region", "view"), "zone"),
    **dict.fromkeys(("score", "lusscore", "severityscore"), "severity"),
    **dict.fromkeys(("lungsliding", "pleuralsliding"), "sliding"),
    **dict.fromkeys(("framerate", "hz"), "fps"),
}
# Dates and times of day as stored by Excel when somebody types `3-1` or `1:03`.
_DATE = re.compile(r"\d{4}-\d\d-\d\d 00:00:00|\d\d:\d\d:\d\d", re.ASCII)
_IDS = ("video", "patient_id", "video_id", "exam_id", "zone")


@dataclass(frozen=True)
class TableOptions:
    """How a sheet is interpreted.

    Attributes:
        columns: Manifest field by column of the sheet; not needed for columns of the same name.
        video: Template of a video's path from the sheet's columns, such as `{patient}/{zone}`.
        videos: Files and folders with the videos; the sheet's own folder if empty.
        root: Folder to which the manifest's paths are relative; the manifest's own if None.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    values: ValueMap = field(default_factory=ValueMap)
    video: str | None = None
    videos: tuple[Path, ...] = ()
    root: Path | None = None


def import_table(
    sheet: str | os.PathLike[str], out: str | os.PathLike[str], options: TableOptions | None = None
) -> Imported:
    """Converts a sheet to a manifest; ids stay text.

    Args:
        sheet: CSV in UTF-8 with commas, semicolons or tabs; or the first visible sheet of an
            `.xlsx`.
        out: Manifest to write.

    Returns:
        The manifest; its notes list unused columns and videos.

    Raises:
        ConfigError: The mapping of columns is wrong, or the sheet is an `.xlsx` and the extra
            `excel` is not installed.
        DataError: Cells violate rules; every unknown word is listed once, with its rows.
    """
    sheet, out, options = Path(sheet), Path(out), options or TableOptions()
    read = read_rows(sheet, None, options)
    root = manifest_root(out, options.root, read.rows)
    videos = [_video(fields, root) for _, fields in read.rows.values()]
    write_manifest(videos, out, root=root)
    notes = [*read.told]
    if read.given > len(read.rows):
        notes.append(f"{read.given - len(read.rows)} videos have no row and are excluded.")
    return Imported(out, tuple(videos), tuple(notes))


@dataclass(frozen=True)
class SheetRows:
    """Content of a sheet.

    Attributes:
        rows: Row number and manifest fields, by video.
        others: Sheets of a workbook that were not read.
        differing: For columns whose numbers are displayed differently than they are stored: one
            number, and how it is displayed.
    """

    rows: dict[Path, tuple[int, dict[str, Any]]]
    unused: tuple[str, ...]
    given: int = 0
    others: tuple[str, ...] = ()
    differing: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)

    @property
    def told(self) -> tuple[str, ...]:
        """Sentences on unused columns with suggestions, other sheets, and displayed numbers."""
        told = []
        if self.unused:
            hint = _mapping(_suggested(self.unused))
            hint = f" Did you mean one of these? {hint}" if hint else ""
            told.append(f"Unused columns: {', '.join(self.unused)}.{hint}")
        if self.others:
            told.append(
                f"Only the first sheet is read, not {', '.join(map(repr, self.others))}. Move the "
                "sheet to the first place, or save it as a separate file."
            )
        for name, (value, shown) in self.differing.items():
            said = "as words defined by its format" if shown is None else f"as {shown!r}"
            told.append(
                f"Column {name!r}: numbers are read, such as {value}, which a spreadsheet shows "
                f"{said}. If the words are the labels, format the column as text and type them."
            )
        return tuple(told)


def read_rows(
    sheet: Path,
    found: Sequence[Path] | None,
    options: TableOptions,
    required: Sequence[str] = REQUIRED,
) -> SheetRows:
    """Reads a sheet and finds the video of each row.

    Args:
        found: Available videos; those of the options if None.
        required: Manifest fields that the sheet must provide.
    """
    table = read_sheet(sheet)
    columns = _columns(sheet, table.header, options, required)
    if found is None:
        found = find_videos(options.videos or [sheet.parent])
    problems: dict[str, list[int]] = defaultdict(list)
    rows: dict[Path, tuple[int, dict[str, Any]]] = {}
    differing: dict[str, tuple[str, str | None]] = {}
    for number, stored in table.rows:
        row = _as_shown(number, stored, table, _read_as_shown(columns, options), problems)
        for name in stored:
            if (number, name) in table.shown and row[name] == stored[name]:
                differing.setdefault(name, (stored[name], table.shown[number, name]))
        fields = _read_row(number, row, columns, (found, required), options, problems)
        path = fields.get("video")
        if path and rows.setdefault(path, (number, fields))[0] != number:
            problems[f"video {path.name!r} already has a row, row {rows[path][0]}. Keep one."] += [
                number
            ]
    if problems:
        raise DataError.from_problems(
            f"{sheet}, {_numbers(where)}: {problem}" for problem, where in problems.items()
        )
    unused = tuple(name for name in table.header if name and name not in columns)
    differing = {name: seen for name, seen in differing.items() if name in columns}
    return SheetRows(rows, unused, len(found), table.others, differing)


def _read_as_shown(columns: Mapping[str, str], options: TableOptions) -> set[str]:
    """Columns of identifiers, which are read as displayed: `P001`, not 1."""
    parsed = string.Formatter().parse(options.video or "")
    return {name for name, column in columns.items() if column in _IDS} | {
        name for _, name, _, _ in parsed if name
    }


def _as_shown(
    number: int,
    row: Mapping[str, str],
    table: Sheet,
    names: Iterable[str],
    problems: dict[str, list[int]],
) -> dict[str, str]:
    """A row with identifiers as displayed by a spreadsheet; unsupported formats are problems."""
    cells = dict(row)
    for name in names:
        if (number, name) not in table.shown:
            continue
        text = table.shown[number, name]
        if text is None:
            problems[
                f"column {name!r}: contains the number {row[name]} in a format that cannot be "
                "interpreted. Format the column as text and type the id as displayed."
            ].append(number)
        else:
            cells[name] = text
    return cells


def _video(fields: dict[str, Any], root: Path) -> Video:
    path = fields["video"]
    return Video(**({"video_id": video_id_of(path, root)} | fields | {"video": str(path)}))


def _stated(column: str, text: str) -> str:
    """Text of a cell; empty if a word states that the value is unknown.

    In a label column `none` may be a value ("examined, nothing found") and is kept.

    Raises:
        ValueError: The cell contains an Excel error value, or an id that Excel converted to a date.
    """
    if is_excel_error(text):
        raise ValueError(f"contains {text!r}, an error value of Excel. Correct its formula.")
    if column in _IDS and _DATE.fullmatch(text):
        raise ValueError(
            f"contains a date or time, {text.removesuffix(' 00:00:00')}. A spreadsheet may have "
            "converted an id. Format the column as text and type the id again."
        )
    if column == "patient_id" and names_nobody(text):
        return ""
    return "" if is_missing(text) and (column in _IDS or text.casefold() != "none") else text


def _numbers(rows: Sequence[int]) -> str:
    listed = ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
    return f"row{'s' * (len(rows) > 1)} {listed}"


def _columns(
    sheet: Path, header: Sequence[str], options: TableOptions, required: Sequence[str]
) -> dict[str, str]:
    """Manifest field by column of the sheet."""
    absent = [name for name in options.columns if name not in header]
    needed = {name for _, name, _, _ in string.Formatter().parse(options.video or "") if name}
    absent += sorted(needed - set(header))
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if absent or twice:
        cause = f"has no column {', '.join(map(repr, absent))}" if absent else f"has {twice} twice"
        raise ConfigError(f"{sheet}: {cause}. Its columns are {', '.join(header)}. Correct --map.")
    taken = set(options.columns.values())
    same = {name: name for name in header if name in COLUMNS and name not in taken}
    columns = same | dict(options.columns)
    missing = [name for name in required if name not in columns.values()]
    if options.video and "video" in missing:
        missing.remove("video")
    doubled = sorted({name for name in taken if list(options.columns.values()).count(name) > 1})
    if missing or doubled:
        what = f"{', '.join(missing)} missing" if missing else f"{', '.join(doubled)} mapped twice"
        guess = _mapping(_suggested(name for name in header if name not in columns))
        raise ConfigError(
            f"{sheet}: {what}. Its columns are {', '.join(header)}. Specify the columns: "
            f"{guess or '--map COLUMN=patient_id'}."
        )
    return columns


def _suggested(header: Iterable[str]) -> dict[str, str]:
    """Manifest fields that columns may correspond to, judging by their names."""
    known = {plain(name): name for name in COLUMNS} | _OTHER_NAMES
    near = {name: known[plain(name)] for name in header if plain(name) in known}
    return {name: column for name, column in near.items() if list(near.values()).count(column) == 1}


def _mapping(suggested: Mapping[str, str]) -> str:
    pairs = (shlex.quote(f"{name}={column}") for name, column in suggested.items())
    return " ".join(f"--map {pair}" for pair in pairs)


def _read_row(
    number: int,
    row: Mapping[str, str],
    columns: Mapping[str, str],
    given: tuple[Sequence[Path], Sequence[str]],
    options: TableOptions,
    problems: dict[str, list[int]],
) -> dict[str, Any]:
    (found, required), fields = given, dict[str, Any]()
    for name, column in columns.items():
        text = row[name]
        try:
            if not options.values.knows(column, text):
                text = _stated(column, text)
            if column == "video":
                if text and not options.video:
                    fields[column] = match_video(text, found)
            elif text:
                fields[column] = options.values.read(column, text)
        except ValueError as error:
            problems[f"column {name!r}: {error}"].append(number)
            continue
        if not text and column in required:
            received = f"{row[name]!r}, which means no value" if row[name] else "a blank"
            problems[f"column {name!r} must be filled in. Received {received}. Fill it in."] += [
                number
            ]
    if options.video:
        try:
            fields["video"] = match_video(options.video.format_map(dict(row)), found)
        except (ValueError, KeyError, IndexError, AttributeError) as error:
            problems[f"--video: {error}"].append(number)
    return {name: value for name, value in fields.items() if value is not None}
