"""Inspects a whole video in one pass and constant memory to detect problems."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lus_keras.data.video.decode import decode, pixel_converter, probe
from lus_keras.data.video.integrity import lost_its_end
from lus_keras.data.video.pictures import sha256_of_video

_HASH = 16
VISIBLE = 32


@dataclass(frozen=True)
class Inspection:
    """Properties of a completely decoded video.

    Attributes:
        sha256: Hash of the file or folder, see `sha256_of_video`.
        frames: Number of decoded frames.
        declared_frames: Number of frames stated by the header, or None.
        duration_s: Time stamp of the last frame plus its duration.
        shortest_s: Shortest time between two frames; 0 if there is only one frame.
        median_s: Median time between two frames; 0 if there is only one frame.
        longest_s: Longest time between two frames; 0 if there is only one frame.
        cut_short: Whether bytes are missing at the end; False if the container does not reveal it.
        corrupt_frames: Indices of frames that are damaged or follow a lost one.
        brightest: Largest gray value of all frames, 0 … 255.
        contrast: Largest difference between two gray values within a frame, 0 … 255.
        change: Largest mean absolute difference between consecutive frames, in gray values.
        fingerprint: 256 bits in hexadecimal of the first frame that is not dark; only few bits
            differ between re-encoded copies.
    """

    sha256: str
    container: str
    codec: str
    width: int
    height: int
    frames: int
    declared_frames: int | None
    duration_s: float
    shortest_s: float
    median_s: float
    longest_s: float
    cut_short: bool
    corrupt_frames: tuple[int, ...]
    brightest: int
    contrast: int
    change: float
    fingerprint: str
    notes: tuple[str, ...] = ()
    doubts: tuple[tuple[str, str], ...] = ()

    @property
    def fps(self) -> float:
        """Mean frames per second."""
        return self.frames / self.duration_s if self.duration_s > 0 else 0.0


def inspect_video(path: str | os.PathLike[str], *, picture_fps: float | None = None) -> Inspection:
    """Decodes every frame and keeps only summary numbers.

    Args:
        path: Video file, or folder of numbered images.
        picture_fps: Frames per second of images, or of a file whose stated rate is 0.

    Raises:
        VideoError: The file cannot be opened, or has no frames, too many frames or frames of
            different sizes.
    """
    path = Path(path)
    info = probe(path)
    to_pixels = pixel_converter(path, grayscale=True)
    times_s: list[float] = []
    corrupt: list[int] = []
    brightest, contrast, change, end_s = 0, 0, 0.0, 0.0
    first, previous, visible = None, None, False
    for frame in decode(path, picture_fps):
        pixels = to_pixels(frame)
        low, high = (int(value) for value in cv2.minMaxLoc(pixels)[:2])
        # Some recordings fade in from black, which would make all of them look alike.
        if first is None or not visible:
            first, visible = pixels, high - low >= VISIBLE
        brightest, contrast = max(brightest, high), max(contrast, high - low)
        if previous is not None:
            change = max(change, cv2.norm(pixels, previous, cv2.NORM_L1) / pixels.size)
        if frame.corrupt:
            corrupt.append(len(times_s))
        times_s.append(frame.time_s)
        end_s, previous = frame.time_s + frame.duration_s, pixels
    assert first is not None
    gaps_s = np.diff(times_s) if len(times_s) > 1 else np.zeros(1)
    return Inspection(
        sha256=sha256_of_video(path),
        container=info.container,
        codec=info.codec,
        width=first.shape[1],
        height=first.shape[0],
        frames=len(times_s),
        declared_frames=info.declared_frames,
        duration_s=end_s,
        shortest_s=float(gaps_s.min()),
        median_s=float(np.median(gaps_s)),
        longest_s=float(gaps_s.max()),
        cut_short=lost_its_end(path, info),
        corrupt_frames=tuple(corrupt),
        brightest=brightest,
        contrast=contrast,
        change=change,
        fingerprint=fingerprint(first),
        notes=info.notes,
        doubts=info.doubts,
    )


def fingerprint(pixels: np.ndarray) -> str:
    """256 bits: whether each of 16 × 16 areas is brighter than its left neighbor.

    Args:
        pixels: `(h, w)` uint8.

    Returns:
        64 hexadecimal digits.
    """
    small = cv2.resize(pixels, (_HASH + 1, _HASH), interpolation=cv2.INTER_AREA)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes().hex()


def first_fingerprint(frames: Iterable[np.ndarray]) -> str:
    """Fingerprint of the first frame that is not dark, or of the first frame if all are dark.

    Args:
        frames: Frames `(h, w)` uint8, at least one.

    Returns:
        64 hexadecimal digits.

    Raises:
        ValueError: There is no frame.
    """
    first: np.ndarray | None = None
    for pixels in frames:
        first = pixels if first is None else first
        if int(pixels.max()) - int(pixels.min()) >= VISIBLE:
            return fingerprint(pixels)
    if first is None:
        raise ValueError("`frames` must contain at least one frame.")
    return fingerprint(first)


def inspect_to_json(text: str) -> dict[str, Any]:
    """`inspect_video` with JSON types, for a child process.

    Args:
        text: JSON with `path` and `fps`, the arguments of `inspect_video`.
    """
    task = json.loads(text)
    return asdict(inspect_video(task["path"], picture_fps=task["fps"]))


def inspection_from_json(values: dict[str, Any]) -> Inspection:
    """Inverse of `inspect_to_json`."""
    lists = {name: tuple(values[name]) for name in ("corrupt_frames", "notes")}
    doubts = tuple((name, text) for name, text in values["doubts"])
    return Inspection(**{**values, **lists, "doubts": doubts})
