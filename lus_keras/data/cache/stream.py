"""Videos decoded in a limited child process and passed on frame by frame; nothing is stored.

One child serves all videos of a program in turn and decodes while its parent computes.
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
    """Findings of decoding a video; complete once the last frame has been consumed.

    Attributes:
        frames: Number of frames at the requested rate.
        lost: Losses of a damaged file, one sentence each.
    """

    frames: int = 0
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """Properties found at the start of a video.

    Attributes:
        size: `(height, width)` of its frames in pixels.
        fps: Frames per second stated by the file, or None.
        box: Crop before scaling, `(x, y, w, h)` in pixels of the file; None for the whole frame.
        region: Crop after scaling, `(x, y, w, h)` in pixels of the scaled frame; None for none.
    """

    size: tuple[int, int]
    fps: float | None
    box: Box | None
    region: Box | None


def start_decoder() -> None:
    """Starts the decoding child early, so that its slow imports overlap with other work."""
    start_ahead(_decode)


def stream_stored(
    video: Video, spec: FrameSpec, *, damaged: bool = False, found: Found | None = None
) -> Iterator[np.ndarray]:
    """The frames that a store would contain, decoded in a child process.

    Args:
        damaged: Whether the readable frames of a damaged file are returned; otherwise damage is an
            error.
        found: Filled with the findings of decoding.

    Yields:
        `(h, w, c)` uint8, read-only, at least one.

    Raises:
        VideoError: The file cannot be decoded, crashes or stalls the decoder, or is damaged and
            `damaged` is not set.
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
    """Uncropped color frames, decoded in a child process.

    Args:
        fps: Frames per second; None keeps every frame.
        size: `(height, width)` to scale to; None keeps the size of the file.

    Yields:
        `(h, w, 3)` uint8 RGB, read-only, at least one.

    Raises:
        VideoError: The file cannot be decoded, or crashes or stalls the decoder.
    """
    with closing(_ask("pictures", video, fps=fps, size=size)) as parts:
        for part in parts:
            assert isinstance(part, np.ndarray)
            yield part


def count_stored(video: Video, fps: float | None) -> int:
    """Number of frames of a video at a rate, see `count_resampled`; uses a child process."""
    return int(_told(_ask("count", video, fps=fps))["count"])


def look_at(video: Video, spec: FrameSpec) -> Look:
    """Size, frame rate and crop of a video, determined in a child process.

    Raises:
        VideoError: As `stream_stored`; or a required region of interest is missing.
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
    """A problem of a video, prefixed with its path unless the message already names the video."""
    named = problem.startswith((video.video, "video '"))
    return problem if named else f"{video.video}: {problem} {REMEDY}"


def _decode(text: str) -> Iterator[Part]:
    """Serves the requests of `stream_stored` and the functions beside it; runs in the child."""
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
