"""Durations of videos, measured by decoding, and time intervals."""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av

from lus_keras.core.errors import MAX_LISTED, LusKerasError, VideoError
from lus_keras.core.labels import Segments
from lus_keras.core.sandbox import ChildDied, stream_isolated
from lus_keras.data.video import probe
from lus_keras.data.video.decode import decode, open_video


@dataclass(frozen=True)
class Length:
    """Size and timing of a video, found by decoding.

    Attributes:
        times_s: Time stamp of each frame, from 0.
        duration_s: Time at which the last frame ends.
        offset_s: Time of the first frame on the container's clock, which browsers display: the
            delay of the picture relative to the sound; 0 without sound.
        container_end_s: Time on that clock at which the container ends, including sound; 0 if
            unknown.
    """

    times_s: tuple[float, ...]
    duration_s: float
    width: int
    height: int
    offset_s: float = 0.0
    container_end_s: float = 0.0

    @property
    def frame_s(self) -> float:
        """Mean duration of a frame in seconds."""
        return self.duration_s / len(self.times_s)

    def ends_s(self) -> list[float]:
        """Time at which each frame ends, in seconds."""
        return [*self.times_s[1:], self.duration_s]


def measure(path: Path, picture_fps: float | None = None) -> Length:
    """Decodes a video for its time stamps in a limited child process; keeps no pixels.

    Args:
        picture_fps: Frames per second of images, or of a file whose stated rate is 0.

    Raises:
        VideoError: The video cannot be decoded, or crashes or stalls its decoder.
    """
    task = json.dumps({"path": os.fspath(path), "fps": picture_fps})
    try:
        (values,) = stream_isolated(decode_times, task)
    except ChildDied as error:
        raise VideoError(f"{path}: {error} Copy the file again, or exclude it.") from error
    except LusKerasError as error:
        raise VideoError(str(error)) from error
    assert isinstance(values, dict)
    return Length(**values | {"times_s": tuple(values["times_s"])})


def decode_times(text: str) -> Iterator[dict[str, Any]]:
    """Child process of `measure`.

    Args:
        text: JSON with `path` and `fps`.

    Yields:
        The fields of a `Length` by name, once.
    """
    task = json.loads(text)
    path, picture_fps = Path(task["path"]), task["fps"]
    info = probe(path)
    times_s, end_s = [], 0.0
    for frame in decode(path, picture_fps):
        times_s.append(frame.time_s)
        end_s = frame.time_s + frame.duration_s
    yield asdict(Length(tuple(times_s), end_s, info.width, info.height, *_clock_s(path)))


def doubts_of(paths: Iterable[str]) -> Iterator[str]:
    """Warnings about header statements that are ignored, one per kind, with count and files.

    Headers are read in a child process. Unreadable files are reported elsewhere.
    """
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in dict.fromkeys(paths):
        with suppress(LusKerasError):
            for part in stream_isolated(_header_doubts, path):
                assert isinstance(part, dict)
                found[part["kind"]].append((path, part["text"]))
    for files in found.values():
        path, text = files[0]
        more = (
            f" The same applies to {len(files) - 1} more: {_listed(files[1:])}."
            if files[1:]
            else ""
        )
        yield f"{path}: {text}{more}"


def _listed(files: Sequence[tuple[str, str]]) -> str:
    shown = ", ".join(path for path, _ in files[:MAX_LISTED])
    return f"{shown}, …" if len(files) > MAX_LISTED else shown


def _header_doubts(path: str) -> Iterator[dict[str, Any]]:
    for kind, text in probe(path).doubts:
        yield {"kind": kind, "text": text}


def _clock_s(path: Path) -> tuple[float, float]:
    """Start of the picture and end of the container in s, on the container's clock."""
    if path.is_dir():
        return 0.0, 0.0
    with open_video(path) as (container, stream, _):
        # Data before time 0, such as the priming samples of audio, are not played.
        zero_s = max(0.0, (container.start_time or 0) / av.time_base)
        start_s = float((stream.start_time or 0) * (stream.time_base or 0))
        first_s = (container.start_time or 0) / av.time_base
        end_s = first_s + (container.duration or 0) / av.time_base - zero_s
    return max(0.0, start_s - zero_s), end_s


def merge_segments(segments: Iterable[tuple[float, float]]) -> Segments:
    """Union of intervals; overlapping or adjacent ones are merged.

    `[(2, 3), (0, 1), (0.5, 2)]` becomes `((0, 3),)`.

    Args:
        segments: Intervals start ≤ t < end with start < end, in any order.

    Returns:
        Intervals in ascending order with gaps between them.
    """
    merged: list[tuple[float, float]] = []
    for start, end in sorted(segments):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def segments_of_frames(marked: Sequence[bool], length: Length) -> Segments:
    """Time intervals in s of marked frames, one per run.

    Args:
        marked: Whether each frame of the video is marked.
    """
    shown = zip(marked, length.times_s, length.ends_s(), strict=True)
    return merge_segments((start, end) for mark, start, end in shown if mark)


def fit_segment(times_s: tuple[float, float], length: Length) -> tuple[float, float]:
    """Converts a segment from the container's clock to that of the picture, and checks it.

    A start before the picture, if the sound begins earlier, is set to the start of the picture. An
    end up to one frame too late, or at the end of longer sound, is set to the end of the picture.

    Args:
        times_s: Start and end as annotated, in seconds on the clock of the container.

    Returns:
        Start and end in seconds from the first frame.

    Raises:
        ValueError: The segment is reversed or empty, or exceeds the video by more than a frame.
    """
    received = f"Received [{times_s[0]:g}, {times_s[1]:g}]"
    if not times_s[0] < times_s[1]:
        cause = "is reversed" if times_s[1] < times_s[0] else "has no duration"
        raise ValueError(f"segment {cause}. {received}. Correct it in VIA.")
    start, end = (
        (round(time - length.offset_s, 6) for time in times_s) if length.offset_s else times_s
    )
    last = max(length.duration_s, length.container_end_s - length.offset_s) + length.frame_s
    if times_s[0] < 0 or end <= 0 or start >= length.duration_s or end > last:
        after = f", from {length.offset_s:.3f} s on" if length.offset_s else ""
        raise ValueError(
            f"segment extends beyond the video, which lasts {length.duration_s:.3f} s when "
            f"decoded{after}. {received}. Correct it, or check whether another version of the "
            "video was annotated."
        )
    return max(0.0, start), min(end, length.duration_s)
