"""The CSV exported by VIA 3: comments that start with #, then one annotation per row."""

import csv
import json
import re
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from lus_keras.core.errors import DataError
from lus_keras.data.importers.via_annotation import (
    Annotation,
    Attribute,
    Project,
    check_shape,
    read_shape,
    resolve_words,
)

_DELIMITERS = ",;\t"
_SEGMENT_COLUMNS = "metadata_id,file_list,temporal_segment_start,temporal_segment_end,metadata"


def parse_csv(path: Path, text: str, problems: list[str]) -> Project:
    """Reads the text of an export; appends problems to be corrected to `problems`.

    Raises:
        DataError: The table of attributes is damaged, or the file does not contain the words that
            its option ids denote.
    """
    header = _SEGMENT_COLUMNS.split(",")
    names: dict[str, str] = {}
    options: dict[str, dict[str, str]] = {}
    lines = text.splitlines()
    for line in filter(_is_comment, lines):
        key, _, value = line.lstrip('"# ').partition("=")
        if key.strip() == "CSV_HEADER":
            header = [name.strip(' "') for name in re.split("[,;\t]", value) if name.strip(' "')]
        if key.strip() in ("ATTRIBUTE", "ATTRIBUTES"):
            names, options = _csv_attributes(path, _as_exported(line).partition("=")[2])
    annotations = []
    numbered: dict[str, list[int]] = {}
    for number, row in enumerate(_rows(lines, len(header)), start=1):
        if not any(row):
            continue
        try:
            if len(row) != len(header):
                raise ValueError(f"{len(row)} cells, not {len(header)}")
            cells = dict(zip(header, row, strict=True))
            (file,) = json.loads(cells["file_list"])
            times = _csv_times(cells)
            xy = [float(value) for value in json.loads(cells.get("spatial_coordinates") or "[]")]
            chosen = {key: str(value) for key, value in json.loads(cells["metadata"]).items()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            problems.append(
                f"row {number}: must be {','.join(header)}, with one file ({error}). Export it "
                "again."
            )
            continue
        for key in coded(chosen, options):
            numbered.setdefault(names.get(key, key), []).append(number)
        words = resolve_words(chosen, names, options, f"row {number}, metadata", problems)
        problems += check_shape(xy, f"row {number}")
        box, other = read_shape(xy)
        place = f"{path}, row {number} ({cells['metadata_id']})"
        annotations.append(Annotation(place, str(file), times, box, other, tuple(words)))
    _refuse_codes(path, numbered)
    files = tuple(dict.fromkeys(annotation.file for annotation in annotations))
    return Project(3, tuple(annotations), files)


def _is_comment(line: str) -> bool:
    return line.startswith(("#", '"#'))


def _rows(lines: Sequence[str], count: int) -> list[list[str]]:
    """Rows of cells, also if a spreadsheet has changed the delimiter."""
    # Comments become blank lines, so that row numbers are preserved.
    kept = ["" if _is_comment(line) else line for line in lines]
    # A spreadsheet splits the attribute table at its commas and pads all rows to its width.
    readings = [
        [[*row[:count], *filter(None, row[count:])] for row in csv.reader(kept, delimiter=mark)]
        for mark in _DELIMITERS
    ]
    fit = (rows for rows in readings if any(len(row) == count for row in rows))
    return next(fit, readings[0])


def _as_exported(comment: str) -> str:
    """A comment as written by VIA, before a spreadsheet split it at commas and quoted the parts."""
    for delimiter in _DELIMITERS:
        joined = ",".join(next(csv.reader([comment], delimiter=delimiter))).rstrip(",;\t ")
        with suppress(ValueError):
            json.loads(joined.partition("=")[2])
            return joined
    return comment


def coded(chosen: Mapping[str, str], options: Container[str]) -> list[str]:
    """Attributes without known options whose value is one or more option ids."""
    return [
        key
        for key, value in chosen.items()
        if key not in options and re.fullmatch(r"\s*-?\d+(\s*,\s*-?\d+)*\s*", value)
    ]


def _refuse_codes(path: Path, coded: Mapping[str, Sequence[int]]) -> None:
    """Refuses a file with unresolved option ids: 0 may mean "present".

    Raises:
        DataError: There are such ids; all attributes concerned are listed.
    """
    if coded:
        listed = "; ".join(
            f"{name!r} (row {rows[0]}{f' and {len(rows) - 1} more' if len(rows) > 1 else ''})"
            for name, rows in coded.items()
        )
        raise DataError(
            f"{path}: contains numbers of options but no table of their meaning, in the attribute "
            f"{listed}. The CSV of temporal segments lacks that table: give the project (saved in "
            "VIA, JSON), or the CSV of all annotations, which has a line # ATTRIBUTE."
        )


def _csv_attributes(path: Path, text: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Names of all attributes, and options of those that are fully defined.

    Older versions export names only, so that the meaning of option ids is unknown.
    """
    try:
        content = json.loads(text)
        full = {
            key: value if isinstance(value, dict) else {"aname": value}
            for key, value in content.items()
        }
        attributes = {key: Attribute.model_validate(value) for key, value in full.items()}
    except (ValueError, AttributeError) as error:
        raise DataError(
            f"{path}, # ATTRIBUTE: cannot be read ({error}). Export it again."
        ) from error
    names = {key: attribute.aname for key, attribute in attributes.items()}
    described = [key for key, value in full.items() if "options" in value]
    return names, {key: attributes[key].options for key in described}


def _csv_times(cells: Mapping[str, str]) -> tuple[float, ...]:
    if "temporal_coordinates" in cells:
        times = tuple(float(value) for value in json.loads(cells["temporal_coordinates"]))
    else:
        # Both are empty for labels of the whole file; the end is empty for an instant.
        columns = ("temporal_segment_start", "temporal_segment_end")
        stated = [cells[column].strip() for column in columns]
        if not stated[0] and stated[1]:
            raise ValueError("an end without a start")
        times = tuple(float(time) for time in stated if time)
    if len(times) > 2:
        raise ValueError(f"{len(times)} times")
    return times
