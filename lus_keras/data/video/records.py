"""Records that decoding returns."""

from dataclasses import dataclass, replace

import av
import numpy as np

from lus_keras.data.video.orientation import UPRIGHT, Orientation


@dataclass(frozen=True)
class VideoInfo:
    """Properties of a video according to its header.

    Attributes:
        container: A key of `SUFFIXES`, or `pictures` for a folder.
        codec: One of `CODECS`.
        width: Width in pixels of the displayed frame, after rotation as stated by the file.
        height: Height in pixels of the displayed frame.
        fps: Mean frames per second, or None.
        declared_frames: Number of frames, or None; often wrong.
        start_s: Delay of the first frame relative to the sound in seconds. Players count time from
            the sound; frame times are counted from the first frame.
        index_outside: Whether an index refers to frames beyond the end of the file.
        notes: Remarks that require no action, one sentence each.
        doubts: Issues that only the user can judge: pairs of a short name and sentences with cause
            and remedy.
    """

    container: str
    codec: str
    width: int
    height: int
    fps: float | None
    declared_frames: int | None
    start_s: float = 0.0
    index_outside: bool = False
    notes: tuple[str, ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DecodedVideo:
    """A whole video in memory.

    Attributes:
        frames: `(t, h, w)`, or `(t, h, w, 3)` RGB, uint8.
        times_s: `(t,)` float64, seconds, strictly increasing from 0.
        duration_s: Time stamp of the last frame plus its duration.
        corrupt_frames: Indices of frames that the decoder had to conceal or that follow a lost one;
            the last frame if data after it were lost.
        declared_frames: Number of frames stated by the header, or None; often wrong.
    """

    frames: np.ndarray
    times_s: np.ndarray
    duration_s: float
    corrupt_frames: tuple[int, ...]
    declared_frames: int | None


@dataclass(frozen=True)
class Frame:
    """One decoded frame whose pixels are neither converted nor rotated yet."""

    picture: av.VideoFrame
    time_s: float
    duration_s: float
    corrupt: bool
    orientation: Orientation = UPRIGHT


def as_shown(info: VideoInfo, orientation: Orientation) -> VideoInfo:
    """Properties of a video with size and notes adapted to the orientation of its frames."""
    if orientation.upright:
        return info
    width, height = orientation.size(info.width, info.height)
    note = (
        f"its images are rotated as players display them: {info.width}×{info.height} as stored, "
        f"{width}×{height} as displayed."
    )
    return replace(info, width=width, height=height, notes=(*info.notes, note))
