"""The record of a video, and how each column of a manifest is read."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lus_keras.core.labels import REGISTRY, Labels
from lus_keras.data import fields
from lus_keras.data.fields import Box


@dataclass(frozen=True)
class _Identity:
    """Columns before the labels."""

    video: str
    patient_id: str
    video_id: str
    exam_id: str = ""
    zone: str = ""


# Fields of bases come in the reverse order of the bases: identity, labels, then those below.
@dataclass(frozen=True)
class Video(Labels, _Identity):
    """One video and its labels; `None` for anything unknown.

    Attributes:
        video: Path of the file or of a folder of numbered images, absolute once read; empty for
            frames that are rendered, not decoded.
        patient_id: Patient, the unit of splits and of statistics.
        video_id: Id, unique in the manifest.
        b_lines: For this and the other labels see `lus_keras.core.labels.Labels`.
        roi: Region of interest `(x, y, w, h)` in pixels of the file.
        fps: Frames per second of images, or of a file whose stated rate is 0.
        sha256: Hash of the file or, for a folder, of `video.sha256_of_video`.
    """

    roi: Box | None = None
    fps: float | None = None
    sha256: str = ""
    license: str = ""
    source: str = ""


REQUIRED = ("video", "patient_id")
LABELS = tuple(REGISTRY)
COLUMNS = tuple(field.name for field in dataclasses.fields(Video))

PARSERS: dict[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(COLUMNS, fields.parse_text),
    **dict.fromkeys(("patient_id", "video_id"), fields.parse_id),
    **dict.fromkeys(LABELS, fields.parse_label),
    "roi": fields.parse_box,
    "fps": fields.parse_fps,
    "sha256": fields.parse_sha256,
}
