"""Reading what the VGG Image Annotator (VIA) writes, and checking it; nothing is interpreted yet.

VIA 3 project (JSON)   videos: temporal segments, labels of files, rectangles in frames
VIA 3 export (CSV)     the same, one annotation a line, under comments that start with #
VIA 2 project or annotation export (JSON)   pictures only
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationError

from lus_keras.core.errors import DataError
from lus_keras.data.importers.via_annotation import (
    BLANK,
    Annotation,
    Attribute,
    Box,
    Model,
    Project,
    check_shape,
    read_shape,
    resolve_words,
)
from lus_keras.data.importers.via_csv import parse_csv

Number = Annotated[float, Field(allow_inf_nan=False)]


class _File(Model):
    fname: str
    src: str | None = ""

    def name(self) -> str:
        """Path or address as far as VIA knows it, which tells files of one name apart."""
        src = self.src or ""
        if not src or src.startswith(("data:", "blob:")):
            return self.fname
        return unquote(urlsplit(src).path) if "://" in src else src


class _View(Model):
    fid_list: list[str]


class _Metadata(Model):
    vid: str
    z: list[Number] = Field(default_factory=list, max_length=2)
    xy: list[Number] = Field(default_factory=list)
    av: dict[str, str] = Field(default_factory=dict)


class _Via3(Model):
    attribute: dict[str, Attribute]
    file: dict[str, _File]
    view: dict[str, _View]
    metadata: dict[str, _Metadata]


class _Region(Model):
    shape_attributes: dict[str, Any] = Field(default_factory=dict)
    region_attributes: dict[str, Any] = Field(default_factory=dict)


class _Picture(Model):
    filename: str
    regions: list[_Region] | dict[str, _Region] = Field(default_factory=list)
    file_attributes: dict[str, Any] = Field(default_factory=dict)


class _Via2(Model):
    metadata: dict[str, _Picture]


def read_project(path: Path) -> Project:
    """Reads a file of VIA, whichever of its formats it has.

    Args:
        path: JSON or CSV in UTF-8.

    Returns:
        The annotations; each names a file of the project.

    Raises:
        DataError: It cannot be read or is of another kind; or places of it break rules, all of
            which are listed, each as a JSON pointer.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text. Export it from VIA again.") from error
    problems: list[str] = []
    if text.lstrip().startswith("#"):
        project = parse_csv(path, text, problems)
    else:
        project = _from_json(path, text, problems)
    if problems:
        raise DataError.from_problems(f"{path}, {problem}" for problem in problems)
    return project


def _from_json(path: Path, text: str, problems: list[str]) -> Project:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON: {error}. Save the project in VIA again.") from error
    try:
        if isinstance(content, dict) and "_via_img_metadata" in content:
            pictures = _Via2.model_validate({"metadata": content["_via_img_metadata"]})
            return _via2(path, pictures, "/_via_img_metadata")
        if isinstance(content, dict) and {"view", "metadata"} <= set(content):
            return _via3(path, _Via3.model_validate(content), problems)
        if isinstance(content, dict) and content and all(map(_is_picture, content.values())):
            return _via2(path, _Via2.model_validate({"metadata": content}), "")
    except ValidationError as error:
        raise DataError.from_problems(
            f"{path}, /{'/'.join(map(str, detail['loc']))}: {detail['msg']}. Received "
            f"{str(detail['input'])[:60]!r}. Mend it in VIA."
            for detail in error.errors()
        ) from None
    raise DataError(
        f"{path}: is no project of VIA 3, whose parts are attribute, file, view and metadata, nor "
        "of VIA 2. Save the project in VIA, or export its annotations."
    )


def _is_picture(value: Any) -> bool:
    return isinstance(value, dict) and {"filename", "regions"} <= set(value)


def _via3(path: Path, project: _Via3, problems: list[str]) -> Project:
    annotations = []
    problems += _files_of_one_name(project)
    options = {key: attribute.options for key, attribute in project.attribute.items()}
    names = {key: attribute.aname for key, attribute in project.attribute.items()}
    for key, metadata in project.metadata.items():
        place = f"/metadata/{key}"
        view = project.view.get(metadata.vid)
        files = [project.file.get(fid) for fid in view.fid_list] if view else []
        if len(files) != 1 or files[0] is None:
            problems.append(
                f"{place}/vid: must lead to one file. Received view {metadata.vid!r}, which shows "
                f"{len(files)} known files. Annotate one video a view."
            )
            continue
        words = resolve_words(metadata.av, names, options, f"{place}/av", problems)
        problems += check_shape(metadata.xy, place)
        box, other = read_shape(metadata.xy)
        annotations.append(
            Annotation(
                f"{path}, {place}", files[0].name(), tuple(metadata.z), box, other, tuple(words)
            )
        )
    return Project(3, tuple(annotations), tuple(file.name() for file in project.file.values()))


def _via2(path: Path, project: _Via2, pointer: str) -> Project:
    annotations = []
    for key, picture in project.metadata.items():
        place = f"{path}, {pointer}/{key}"
        words = tuple(_via2_words(picture.file_attributes))
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
                    tuple(_via2_words(region.region_attributes)),
                )
            )
    return Project(2, tuple(annotations), tuple(p.filename for p in project.metadata.values()))


def _files_of_one_name(project: _Via3) -> Iterator[str]:
    annotated = {metadata.vid for metadata in project.metadata.values()}
    shown = {fid for vid in annotated if vid in project.view for fid in project.view[vid].fid_list}
    names = [project.file[fid].name() for fid in sorted(shown) if fid in project.file]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield (
            f"/file: {names.count(name)} annotated files have the name {name!r} and cannot be told "
            "apart. Give each video its own name, or annotate them in separate projects."
        )


def _rectangle(shape: Mapping[str, Any]) -> Box | None:
    try:
        x, y, width, height = (float(shape[side]) for side in ("x", "y", "width", "height"))
    except (KeyError, TypeError, ValueError):
        return None
    return (x, y, width, height) if shape.get("name") == "rect" else None


def _via2_words(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A text, or for ticked boxes `{option: true}`."""
    for name, value in attributes.items():
        words = [word for word, on in value.items() if on] if isinstance(value, dict) else [value]
        yield from ((name, str(word).strip()) for word in words if str(word).strip() not in BLANK)
