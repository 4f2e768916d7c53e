"""Videos decoded in a child process with limits and handed over frame by frame: nothing is stored.

One child serves all videos of a program, one after another, and decodes while its parent computes.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lus_keras.core.errors import LusKerasError, VideoError
from lus_keras.core.sandbox import Part, start_ahead, stream_isolated
from lus_keras.data.cache.load import (
    as_tuples,
    iter_stored,
    reading,
    spec_from_json,
    video_from_json,
)
from lus_keras.data.cache.spec import FrameSpec
from lus_keras.data.manifest import Box, Video
from lus_keras.data.video import count_resampled, iter_resampled, probe
from lus_keras.data.video.formats import MAX_STREAMED
from lus_keras.data.video.integrity import REMEDY, Tally, losses_of


@dataclass
class Found:
    """What decoding a video has told; all of it once the last frame is taken.

    Attributes:
        frames: Frames, at the rate wanted.
        lost: What a damaged file has lost, a sentence each.
    """

    frames: int = 0
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """What the start of a video tells.

    Attributes:
        size: `(height, width)` of its pictures in pixels.
        fps: Frames a second that the file states, or None.
        box: What a store crops to, `(x, y, w, h)` in pixels of the file; None for all of it.
        region: What it crops to once frames are scaled, in pixels of the scaled frame, or None.
    """

    size: tuple[int, int]
    fps: float | None
    box: Box | None
    region: Box | None


def start_decoder() -> None:
    """Starts the child that decodes, for what takes long to import to be imported meanwhile."""
    start_ahead(_decode)


def stream_stored(
    video: Video, spec: FrameSpec, *, damaged: bool = False, found: Found | None = None
) -> Iterator[np.ndarray]:
    """The frames that a store would hold, decoded in a child process.

    Args:
        damaged: Whether what is left of a damaged file is given; otherwise it is an error.
        found: Takes what the video was found to be.

    Yields:
        `(h, w, c)` uint8, read-only, at least one.

    Raises:
        VideoError: The file cannot be decoded, kills or stalls the decoder, or something of it is
            lost.
    """
    found = found or Found()
    with closing(_ask("stored", video, spec, damaged=damaged)) as parts:
        for part in parts:
            if isinstance(part, dict):
                found.lost += part["lost"]
            else:
                found.frames += 1
                yield part


def stream_pictures(
    video: Video, fps: float | None, size: tuple[int, int] | None = None
) -> Generator[np.ndarray]:
    """Whole frames in color, decoded in a child process.

    Args:
        fps: Frames a second; None keeps every frame.
        size: `(height, width)` to scale to; None keeps the file's.

    Yields:
        `(h, w, 3)` uint8 RGB, read-only, at least one.

    Raises:
        VideoError: The file cannot be decoded, or kills or stalls the decoder.
    """
    with closing(_ask("pictures", video, fps=fps, size=size)) as parts:
        for part in parts:
            assert isinstance(part, np.ndarray)
            yield part


def count_stored(video: Video, fps: float | None) -> int:
    """Frames of a video at a rate, see `count_resampled`; decoded in a child process."""
    return int(_told(_ask("count", video, fps=fps))["count"])


def look_at(video: Video, spec: FrameSpec) -> Look:
    """Size, rate and cropping of a video, found in a child process.

    Raises:
        VideoError: As `stream_stored`; or a region of interest is wanted and not given.
    """
    told = _told(_ask("look", video, spec))
    return Look(**{name: as_tuples(value) for name, value in told.items()})


def _told(parts: Generator[Part]) -> dict[str, Any]:
    with closing(parts):
        part = next(parts)
    assert isinstance(part, dict)
    return part


def _ask(kind: str, video: Video, spec: FrameSpec | None = None, **more: Any) -> Generator[Part]:
    task = {"kind": kind, "video": asdict(video), "spec": spec and asdict(spec), **more}
    try:
        yield from stream_isolated(_decode, json.dumps(task))
    except LusKerasError as error:
        raise VideoError(with_name(video, str(error))) from error


def with_name(video: Video, problem: str) -> str:
    """What is wrong with a video, as its own error or the death of its decoder tells it, named."""
    named = problem.startswith((video.video, "video '"))
    return problem if named else f"{video.video}: {problem} {REMEDY}"


def _decode(text: str) -> Iterator[Part]:
    """Runs in the child; see `stream_stored` and its neighbors for what is asked."""
    task = json.loads(text)
    video, spec = video_from_json(task["video"]), task["spec"] and spec_from_json(task["spec"])
    if task["kind"] == "stored":
        tally, damaged = Tally(), task["damaged"]
        yield from iter_stored(
            video, spec, require_intact=not damaged, tally=tally, most=MAX_STREAMED
        )
        lost = losses_of(Path(video.video), tally) if damaged else []
        yield {"lost": [loss.cause for loss in lost]}
    elif task["kind"] == "look":
        info, options = probe(video.video), reading(video, spec)
        boxes = {name: options.get(name) for name in ("box", "region")}
        yield {"size": (info.height, info.width), "fps": info.fps, **boxes}
    elif task["kind"] == "count":
        count = count_resampled(video.video, fps=task["fps"], picture_fps=video.fps)
        yield {"count": count}
    else:
        size = task["size"] and tuple(task["size"])
        options = {"fps": task["fps"], "size": size, "picture_fps": video.fps}
        yield from iter_resampled(video.video, grayscale=False, **options)
