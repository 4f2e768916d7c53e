"""How long videos last, by decoding; and intervals of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lus_keras.data.fields import Segments
from lus_keras.data.video import probe
from lus_keras.data.video.decode import decode


@dataclass(frozen=True)
class Length:
    """What decoding tells of a video's time.

    Attributes:
        times_s: Time stamp of each frame, from 0.
        duration_s: Time at which the last frame ends.
        width: Pixels.
        height: Pixels.
        start_s: Time of the first frame on the clock of players, which starts with the sound.
    """

    times_s: tuple[float, ...]
    duration_s: float
    width: int
    height: int
    start_s: float = 0.0

    @property
    def frame_s(self) -> float:
        """Mean time a frame is shown, in seconds."""
        return self.duration_s / len(self.times_s)

    def ends_s(self) -> list[float]:
        """Time at which each frame ends."""
        return [*self.times_s[1:], self.duration_s]


def measure(path: Path) -> Length:
    """Decodes a video for its time stamps; no pixel is converted or kept.

    Raises:
        VideoError: It cannot be decoded.
    """
    info = probe(path)
    times_s, end_s = [], 0.0
    for frame in decode(path):
        times_s.append(frame.time_s)
        end_s = frame.time_s + frame.duration_s
    return Length(tuple(times_s), end_s, info.width, info.height, info.start_s)


def late_pictures(lengths: Mapping[Path, Length]) -> Iterator[str]:
    """One note for each video whose picture starts a frame or more after its sound."""
    for path, length in lengths.items():
        if length.start_s >= length.frame_s:
            yield (
                f"{path.name}: its picture starts {length.start_s:.3f} s after its sound. Segments "
                "are taken on the clock of players, which starts with the sound."
            )


def merge_segments(segments: Iterable[tuple[float, float]]) -> Segments:
    """Joins intervals that overlap or touch; a time lies in the result iff it lay in one of them.

    `[(2, 3), (0, 1), (0.5, 2)]` becomes `((0, 3),)`.

    Args:
        segments: Intervals start ≤ t < end, start < end, in any order.

    Returns:
        Intervals in order, with gaps between them.
    """
    merged: list[tuple[float, float]] = []
    for start, end in sorted(segments):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def segments_of_frames(marked: Sequence[bool], length: Length) -> Segments:
    """Intervals in which marked frames are shown, one for each run of them.

    Args:
        marked: One mark a frame of the video.
        length: The video's time stamps.
    """
    shown = zip(marked, length.times_s, length.ends_s(), strict=True)
    return merge_segments((start, end) for mark, start, end in shown if mark)


def fit_segment(times_s: tuple[float, float], length: Length) -> tuple[float, float]:
    """Checks a segment against its video; an end up to one frame too late is set to the end.

    Args:
        times_s: Start and end on the clock of players, in seconds.
        length: The video's time stamps.

    Returns:
        Start and end in seconds from the first frame.

    Raises:
        ValueError: It is reversed or empty, or leaves the video by more than a frame.
    """
    start, end = times_s
    received = f"Received [{start:g}, {end:g}]"
    if not start < end:
        cause = "is reversed" if end < start else "has no length"
        raise ValueError(f"segment {cause}. {received}. Correct it in VIA.")
    beyond = end - length.start_s > length.duration_s + length.frame_s
    if start < 0 or start - length.start_s >= length.duration_s or beyond or end <= length.start_s:
        first = f" and starts {length.start_s:.3f} s after the sound" if length.start_s else ""
        raise ValueError(
            f"segment leaves the video, which lasts {length.duration_s:.3f} s by decoding{first}. "
            f"{received}. Correct it, or see whether another version of the video was annotated."
        )
    return max(0.0, start - length.start_s), min(end - length.start_s, length.duration_s)
