"""VIA 2, which annotates images only: its project, its annotation export, and its region CSV."""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from lus_keras.data.importers.via_annotation import BLANK, Annotation, Box, Model, Project

CSV_COLUMNS = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)


class Region(Model):
    """A shape in an image."""

    shape_attributes: dict[str, Any] = Field(default_factory=dict)
    region_attributes: dict[str, Any] = Field(default_factory=dict)


class Picture(Model):
    """An image with its labels; old files store regions by number."""

    filename: str
    regions: list[Region] | dict[str, Region] = Field(default_factory=list)
    file_attributes: dict[str, Any] = Field(default_factory=dict)


class Described(Model):
    """Definition of an attribute in a project."""

    options: dict[str, Any] = Field(default_factory=dict)


class Attributes(Model):
    """Definitions of the attributes of files and of regions, by name."""

    file: dict[str, Described] = Field(default_factory=dict)
    region: dict[str, Described] = Field(default_factory=dict)


class Via2(Model):
    """Images by their key."""

    metadata: dict[str, Picture]
    attributes: Attributes = Field(default_factory=Attributes)


def is_picture(value: Any) -> bool:
    """Whether a value is an entry of a VIA 2 annotation export."""
    return isinstance(value, dict) and {"filename", "regions"} <= set(value)


def project_of(path: Path, content: Via2, pointer: str) -> Project:
    """Annotations of images as a `Project`."""
    annotations = []
    for key, picture in content.metadata.items():
        place = f"{path}, {pointer}/{key}"
        words = tuple(_words(picture.file_attributes, content.attributes.file))
        annotations.append(Annotation(place, picture.filename, (), None, False, words))
        regions = picture.regions
        for number, region in enumerate(regions.values() if isinstance(regions, dict) else regions):
            box = _rectangle(region.shape_attributes)
            annotations.append(
                Annotation(
                    f"{place}/regions/{number}",
                    picture.filename,
                    (),
                    box,
                    box is None,
                    tuple(_words(region.region_attributes, content.attributes.region)),
                )
            )
    return Project(2, tuple(annotations), tuple(p.filename for p in content.metadata.values()))


def is_region_csv(text: str) -> bool:
    """Whether a text is `via_region_data.csv`, possibly resaved by a spreadsheet."""
    header, _ = _header(text)
    return header[:3] == list(CSV_COLUMNS[:3]) and "region_shape_attributes" in header


def _header(text: str) -> tuple[list[str], str]:
    first = text.lstrip("\ufeff").partition("\n")[0].strip().lstrip("#").strip()
    delimiter = max(",;\t", key=first.count)
    return [name.strip().strip('"') for name in first.split(delimiter)], delimiter


def pictures_of_csv(text: str, problems: list[str]) -> Via2:
    """Reads `via_region_data.csv`: one row per region, or one row for an image without regions.

    Args:
        problems: Problems to be corrected are appended.
    """
    header, delimiter = _header(text)
    pictures: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(csv.reader(text.splitlines(), delimiter=delimiter), start=1):
        if number == 1 or not any(row):
            continue
        try:
            if len(row) != len(header):
                raise ValueError(f"{len(row)} cells, not {len(header)}")
            cells = dict(zip(header, row, strict=True))
            shape = _mapping(cells["region_shape_attributes"])
            labels = _mapping(cells.get("region_attributes", ""))
            stated = _mapping(cells["file_attributes"])
        except ValueError as error:
            problems.append(f"row {number}: must be {','.join(header)} ({error}). Export it again.")
            continue
        name = cells["filename"]
        picture = pictures.setdefault(
            f"{name}{cells.get('file_size', '')}",
            {"filename": name, "regions": [], "file_attributes": stated},
        )
        if picture["file_attributes"] != stated:
            problems.append(
                f"row {number}: file_attributes of {name!r} differ from those of a row above. "
                "Export it again."
            )
        if shape or labels:
            picture["regions"].append({"shape_attributes": shape, "region_attributes": labels})
    return Via2.model_validate({"metadata": pictures})


def _mapping(text: str) -> dict[str, Any]:
    value = json.loads(text) if text.strip() else {}
    if not isinstance(value, dict):
        raise ValueError(f"{text[:40]!r} is not a JSON object")
    return value


def _rectangle(shape: Mapping[str, Any]) -> Box | None:
    try:
        x, y, width, height = (float(shape[side]) for side in ("x", "y", "width", "height"))
    except (KeyError, TypeError, ValueError):
        return None
    return (x, y, width, height) if shape.get("name") == "rect" else None


def _words(
    attributes: Mapping[str, Any], described: Mapping[str, Described]
) -> Iterator[tuple[str, str]]:
    """Pairs of attribute and word; ids of options are replaced by their descriptions.

    Args:
        attributes: A text by attribute, or `{option: true}` for check boxes.
        described: Definitions of the attributes.
    """
    for name, value in attributes.items():
        words = [word for word, on in value.items() if on] if isinstance(value, dict) else [value]
        options = described[name].options if name in described else {}
        for word in map(str, words):
            text = str(options.get(word) or word) if word.isdigit() else word
            if text.strip() not in BLANK:
                yield name, text.strip()
