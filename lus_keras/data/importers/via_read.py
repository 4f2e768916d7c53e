"""Reads and validates files of the VGG Image Annotator (VIA) without interpreting the labels.

VIA 3 project (JSON)   videos: temporal segments, labels of files, rectangles in frames
VIA 3 export (CSV)     the same, one annotation per line, below comments that start with #
VIA 2 project, annotation export (JSON) or region export (CSV)   images only
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import Field, ValidationError

from lus_keras.core.errors import DataError
from lus_keras.core.files import read_text
from lus_keras.data.importers import via2
from lus_keras.data.importers.reading import broken, readable
from lus_keras.data.importers.via_annotation import (
    Annotation,
    Attribute,
    Model,
    Project,
    check_shape,
    read_shape,
    resolve_words,
)
from lus_keras.data.importers.via_csv import coded, parse_csv

Number = Annotated[float, Field(allow_inf_nan=False)]


class _File(Model):
    fname: str
    src: str | None = ""

    def name(self) -> str:
        """Path or URL if VIA stores one, to distinguish files of the same name; else the name."""
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


def read_project(path: Path) -> Project:
    """Reads a VIA file in any of its formats.

    Args:
        path: JSON or CSV in UTF-8.

    Returns:
        The annotations; each names a file of the project.

    Raises:
        DataError: The file cannot be read, is of another kind, or violates rules; all violations
            are listed with their positions.
    """
    try:
        with readable(path):
            text = io.StringIO(read_text(path), newline=None).read()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text. Export it from VIA again.") from error
    problems: list[str] = []
    if via2.is_region_csv(text):
        project = via2.project_of(path, via2.pictures_of_csv(text, problems), "")
    elif text.lstrip().startswith(("#", '"#')):
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
        raise DataError(
            f"{path}: is not JSON: {error}. Save the project in VIA again, or give a CSV file "
            "exported by VIA, which begins with # (VIA 3) or filename,file_size (VIA 2)."
        ) from error
    try:
        if isinstance(content, dict) and "_via_img_metadata" in content:
            parts = {"metadata": content["_via_img_metadata"]}
            if isinstance(content.get("_via_attributes"), dict):
                parts["attributes"] = content["_via_attributes"]
            return via2.project_of(path, via2.Via2.model_validate(parts), "/_via_img_metadata")
        if isinstance(content, dict) and {"view", "metadata"} <= set(content):
            return _via3(path, _Via3.model_validate(content), problems)
        if isinstance(content, dict) and content and all(map(via2.is_picture, content.values())):
            return via2.project_of(path, via2.Via2.model_validate({"metadata": content}), "")
    except ValidationError as error:
        raise broken(path, error, "Correct it in VIA.") from None
    raise DataError(
        f"{path}: is neither a VIA 3 project (attribute, file, view, metadata) nor a VIA 2 "
        "project. Save the project in VIA, or export its annotations."
    )


def _via3(path: Path, project: _Via3, problems: list[str]) -> Project:
    annotations = []
    problems += _files_of_one_name(project)
    options = {key: attribute.options for key, attribute in project.attribute.items()}
    names = {key: attribute.aname for key, attribute in project.attribute.items()}
    # Unknown attributes are reported separately.
    listed = {*(set(options) - {key for key, a in project.attribute.items() if a.lacks_options})}
    for key, metadata in project.metadata.items():
        place = f"/metadata/{key}"
        view = project.view.get(metadata.vid)
        files = [project.file.get(fid) for fid in view.fid_list] if view else []
        if len(files) != 1 or files[0] is None:
            problems.append(
                f"{place}/vid: must refer to one file. Received view {metadata.vid!r}, which shows "
                f"{len(files)} known files. Annotate one video per view."
            )
            continue
        for key in coded(metadata.av, listed):
            problems.append(
                f"{place}/av/{key}: contains the number of an option, {metadata.av[key]!r}, and "
                f"the attribute {names.get(key, key)!r} lists no options. Add them again in VIA."
            )
        words = resolve_words(metadata.av, names, options, f"{place}/av", problems)
        problems += check_shape(metadata.xy, place)
        box, other = read_shape(metadata.xy)
        annotations.append(
            Annotation(
                f"{path}, {place}", files[0].name(), tuple(metadata.z), box, other, tuple(words)
            )
        )
    return Project(3, tuple(annotations), tuple(file.name() for file in project.file.values()))


def _files_of_one_name(project: _Via3) -> Iterator[str]:
    annotated = {metadata.vid for metadata in project.metadata.values()}
    shown = {fid for vid in annotated if vid in project.view for fid in project.view[vid].fid_list}
    names = [project.file[fid].name() for fid in sorted(shown) if fid in project.file]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield (
            f"/file: {names.count(name)} annotated files have the name {name!r} and cannot be "
            "distinguished. Give each video its own name, or annotate them in separate projects."
        )
