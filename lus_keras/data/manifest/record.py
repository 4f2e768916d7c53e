"""What is known of a video, and how each column of a manifest is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lus_keras.data import fields
from lus_keras.data.fields import Box, Segments


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
        sign: One of `SIGNS`, the only one that the video shows.
        signs: All of `SIGNS` that the video shows, in their order; empty means "looked at, none".
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
    signs: tuple[str, ...] | None = None
    segments: Segments | None = None
    roi: Box | None = None
    fps: float | None = None
    sha256: str = ""
    license: str = ""
    source: str = ""


REQUIRED = ("video", "patient_id")
LABELS = ("b_lines", "sliding", "severity", "sign", "signs", "segments")
COLUMNS = tuple(field.name for field in dataclasses.fields(Video))

PARSERS: dict[str, Callable[[str, str], Any]] = {
    **dict.fromkeys(COLUMNS, fields.parse_text),
    **dict.fromkeys(fields.SCORES, fields.parse_score),
    "sign": fields.parse_sign,
    "signs": fields.parse_signs,
    "segments": fields.parse_segments,
    "roi": fields.parse_box,
    "fps": fields.parse_fps,
    "sha256": fields.parse_sha256,
}
