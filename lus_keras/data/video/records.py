"""What decoding hands on."""

from dataclasses import dataclass, replace

import av
import numpy as np

from lus_keras.data.video.orientation import UPRIGHT, Orientation


@dataclass(frozen=True)
class VideoInfo:
    """What a header says, before anything is decoded.

    Attributes:
        container: A key of `SUFFIXES`, or pictures for a folder.
        codec: One of `CODECS`.
        width: Pixels of the picture that is shown, turned as its file says.
        height: Pixels of the picture that is shown.
        fps: Average frames per second, or None.
        declared_frames: Number of frames, or None; often wrong.
        start_s: Seconds by which the picture starts after the sound. Players count time from the
            sound; times of frames are counted from the first frame.
        index_outside: Whether an index names frames that lie beyond the end of the file.
        notes: What is worth knowing, a sentence each; nothing has to be done about it.
        doubts: What only the user can judge: short names, and sentences with cause and remedy.
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
        duration_s: Time stamp of the last frame plus the time it is shown.
        corrupt_frames: Indices of frames the decoder had to guess at, or that follow a lost one;
            the last, if what came after it was lost.
        declared_frames: What the header says, or None; often wrong.
    """

    frames: np.ndarray
    times_s: np.ndarray
    duration_s: float
    corrupt_frames: tuple[int, ...]
    declared_frames: int | None


@dataclass(frozen=True)
class Frame:
    """One decoded frame, its pixels neither converted nor turned yet."""

    picture: av.VideoFrame
    time_s: float
    duration_s: float
    corrupt: bool
    orientation: Orientation = UPRIGHT


def as_shown(info: VideoInfo, orientation: Orientation) -> VideoInfo:
    """Size and notes of a video whose pictures are turned."""
    if orientation.upright:
        return info
    width, height = orientation.size(info.width, info.height)
    note = (
        f"its pictures are turned as players show them: {info.width}×{info.height} as stored, "
        f"{width}×{height} as shown."
    )
    return replace(info, width=width, height=height, notes=(*info.notes, note))
