"""Annotating videos in a browser: one page that holds them, and saves what is marked as JSON.

    videos → page.html → (a person marks) → page.json → lus_keras.data.importers.page → manifest

The page loads nothing and sends nothing: frames, style and script are inside of it.
"""

import base64
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np

from lus_keras.core.errors import DataError
from lus_keras.core.files import atomic_write
from lus_keras.core.labels import CLASSES, MULTILABEL, NONE, REGISTRY
from lus_keras.data.clips import TIME_TOLERANCE_S
from lus_keras.data.fields import format_field
from lus_keras.data.importers.timing import Length, measure
from lus_keras.data.manifest import Video
from lus_keras.data.video import iter_frames, sha256_of_video

TEMPLATES = Path(__file__).parent / "templates"
IDS = {"patient_id": "Patient", "exam_id": "Exam", "zone": "Zone"}
# Browsers hold a page as one string of at most 512 MB.
MAX_BYTES = 400e6
_SHOWN_OF_TIME = ("times_s", "duration_s", "width", "height")
_TITLES = {
    "b_lines": ("B-lines", "B"),
    "sliding": ("Lung sliding", "L"),
    "severity": ("Severity score", "0–3"),
    "sign": ("Single sign", ""),
    "signs": ("All signs", ""),
}
_WORDS = {
    "b_lines": {"0": "no", "1": "yes"},
    "sliding": {"0": "absent", "1": "present"},
    "sign": {"a_lines": "A-lines", "b_lines": "B-lines"},
}


@dataclass(frozen=True)
class Picturing:
    """How frames are stored in the page; annotations are in pixels of the file in any case.

    Attributes:
        longest_side: Longest side of the stored frames in pixels; larger frames are reduced.
        quality: Quality of the WebP compression, 1 … 100.
    """

    longest_side: int = 640
    quality: int = 70


def write_page(
    videos: Sequence[Video], out: str | os.PathLike[str], picturing: Picturing | None = None
) -> None:
    """Writes the page, with the known labels and regions of the videos marked in it.

    Args:
        videos: Videos to annotate; `patient_id` may be blank.

    Raises:
        DataError: The page would be larger than browsers open.
        VideoError: A video cannot be decoded.
    """
    out, picturing = Path(out), picturing or Picturing()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATES / "page.js").read_text("utf-8")
    pieces = environment.get_template("page.html.j2").generate(
        title=out.name,
        style=(TEMPLATES / "page.css").read_text("utf-8"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        ids=IDS.items(),
        labels=[_label(name) for name in CLASSES],
        videos=_each(videos, picturing),
    )
    with atomic_write(out) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for piece in pieces:
            stream.write(piece)
            if stream.tell() > MAX_BYTES:
                raise DataError(
                    f"{out}: {len(videos)} videos need a page of more than {MAX_BYTES / 1e6:.0f} "
                    "MB, too large for browsers. Write several pages, or add --size 400."
                )


def _label(name: str) -> dict[str, Any]:
    """A label as the page asks for it."""
    title, key = _TITLES.get(name, (name.replace("_", " "), ""))
    words = _WORDS.get("sign" if name == "signs" else name, {})
    values = [*REGISTRY[name].values, *[NONE] * (name in MULTILABEL)]
    options = [(value, words.get(value, value.replace("_", " "))) for value in values]
    return {
        **{"name": name, "title": title, "key": key},
        **{"options": options, "several": name in MULTILABEL},
    }


def _each(
    videos: Sequence[Video], picturing: Picturing
) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """What the page knows of each video, and its frames as WebP in base64; one at a time."""
    folder = Path(os.path.commonpath([Path(video.video).parent for video in videos]))
    for video in videos:
        length = measure(Path(video.video), video.fps)
        scale = min(1.0, picturing.longest_side / max(length.width, length.height))
        size = round(length.width * scale), round(length.height * scale)
        about = {
            "video": Path(video.video).relative_to(folder).as_posix(),
            "sha256": sha256_of_video(video.video),
            "fps": video.fps,
            "ids": {name: getattr(video, name) for name in IDS},
            "labels": {name: format_field(name, getattr(video, name)) for name in CLASSES},
            "intervals": frame_intervals(video.segments or (), length),
            "roi": video.roi,
            "shown": size,
            **{name: getattr(length, name) for name in _SHOWN_OF_TIME},
        }
        yield about, [_webp(frame, size, picturing.quality) for frame in _pixels(video)]


def _pixels(video: Video) -> Iterator[np.ndarray]:
    decoded = iter_frames(video.video, grayscale=False, picture_fps=video.fps)
    return (pixels for _, pixels in decoded)


def frame_intervals(
    segments: Sequence[tuple[float, float]], length: Length
) -> list[tuple[int, int]]:
    """First and last frame, both included, of each interval; an interval without a frame has none.

    Args:
        segments: Intervals start ≤ t < end in seconds, in ascending order with gaps between them.
    """
    times_s = np.array(length.times_s) + TIME_TOLERANCE_S
    ends = [np.flatnonzero((start <= times_s) & (times_s < end)) for start, end in segments]
    return [(int(frames[0]), int(frames[-1])) for frames in ends if len(frames)]


def _webp(frame: np.ndarray, size: tuple[int, int], quality: int) -> str:
    picture = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
    if picture.shape[1::-1] != size:
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
    return base64.b64encode(content.tobytes()).decode()
