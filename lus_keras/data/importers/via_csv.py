"""The CSV that VIA 3 exports: comments that start with #, then one annotation a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
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

_SEGMENT_COLUMNS = "metadata_id,file_list,temporal_segment_start,temporal_segment_end,metadata"


def parse_csv(path: Path, text: str, problems: list[str]) -> Project:
    """Reads the text of an export; appends to `problems` what has to be mended."""
    header = _SEGMENT_COLUMNS.split(",")
    names: dict[str, str] = {}
    options: dict[str, dict[str, str]] = {}
    lines = text.splitlines()
    for line in lines:
        key, _, value = line.lstrip("# ").partition("=")
        if line.startswith("#") and key.strip() == "CSV_HEADER":
            header = [name.strip() for name in value.split(",") if name.strip()]
        if line.startswith("#") and key.strip() in ("ATTRIBUTE", "ATTRIBUTES"):
            names, options = _csv_attributes(path, value)
    annotations = []
    # Comments become blank lines, so that a row keeps its number.
    rows = csv.reader("" if line.startswith("#") else line for line in lines)
    for number, row in enumerate(rows, start=1):
        if not row:
            continue
        try:
            cells = dict(zip(header, row, strict=False))
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
        words = resolve_words(chosen, names, options, f"row {number}, metadata", problems)
        problems += check_shape(xy, f"row {number}")
        box, other = read_shape(xy)
        place = f"{path}, row {number} ({cells['metadata_id']})"
        annotations.append(Annotation(place, str(file), times, box, other, tuple(words)))
    files = tuple(dict.fromkeys(annotation.file for annotation in annotations))
    return Project(3, tuple(annotations), files)


def _csv_attributes(path: Path, text: str) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Names and options of attributes; older versions write names only."""
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
    return names, {key: attribute.options for key, attribute in attributes.items()}


def _csv_times(cells: Mapping[str, str]) -> tuple[float, ...]:
    if "temporal_coordinates" in cells:
        times = tuple(float(value) for value in json.loads(cells["temporal_coordinates"]))
    else:
        times = (float(cells["temporal_segment_start"]), float(cells["temporal_segment_end"]))
    if len(times) > 2:
        raise ValueError(f"{len(times)} times")
    return times
