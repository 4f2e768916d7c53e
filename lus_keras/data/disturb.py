"""Nuisances of recording and storage, one at a time, on clips as networks are given them."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import av
import cv2
import numpy as np
from numpy.typing import ArrayLike

from lus_keras.data.clip_source import ClipSource

# Decibels from black to white, as scanners often show.
DISPLAY_DB = 60.0
# What a shadow leaves of the level.
SHADOWED = 0.15


@dataclass(frozen=True)
class Nuisance:
    """A disturbance of clips in several levels.

    Attributes:
        label: Printed name with its unit.
        levels: From the weakest to the strongest; no disturbance is not among them.
        apply: Function from frames `(t, h, w, c)` uint8 and a level to frames of the same shape.
        moves: Whether it changes the sequence of frames, so that it has no effect on stills.
    """

    label: str
    levels: tuple[float, ...]
    apply: Callable[[np.ndarray, float], np.ndarray]
    moves: bool = False


@dataclass(frozen=True)
class DisturbedClips(ClipSource):
    """Clips that are disturbed when they are read; padding is not disturbed.

    Attributes:
        nuisance: The disturbance.
        level: One of its levels.
    """

    nuisance: Nuisance
    level: float

    def read(self, rows: ArrayLike, mirrored: ArrayLike | None = None) -> np.ndarray:
        """Reads clips as `ClipSource.read` and disturbs them."""
        clips = super().read(rows, mirrored)
        for clip, length in zip(clips, self.index.length[np.asarray(rows, np.int64)], strict=True):
            clip[:length] = self.nuisance.apply(clip[:length], self.level)
        return clips


def _gain(frames: np.ndarray, decibels: float) -> np.ndarray:
    """Lifts what is not black, as outside the sector."""
    lifted = frames + 255.0 * decibels / DISPLAY_DB
    return np.where(frames > 0, np.clip(lifted, 0, 255), 0).round().astype(np.uint8)


def _each(frames: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Applies what OpenCV does to one frame, whose last axis it may drop, to each."""
    return np.stack([change(frame).reshape(frame.shape) for frame in frames])


def _depth(frames: np.ndarray, factor: float) -> np.ndarray:
    """Shows more depth: the picture is smaller, about the middle of the probe, black below it."""
    height, width = frames.shape[1:3]
    aside = (width - 1) / 2 * (1 - 1 / factor)
    smaller = np.array([[1 / factor, 0, aside], [0, 1 / factor, 0]])
    return _each(frames, lambda frame: cv2.warpAffine(frame, smaller, (width, height)))


def _blur(frames: np.ndarray, percent: float) -> np.ndarray:
    """Blurs; the standard deviation is a share of the longer side."""
    sigma = percent / 100 * max(frames.shape[1:3])
    return _each(frames, lambda frame: cv2.GaussianBlur(frame, (0, 0), sigma))


def _hold(frames: np.ndarray, count: float) -> np.ndarray:
    """Shows every so many frames alone, each as long as those that it stands for."""
    return frames[np.arange(len(frames)) // int(count) * int(count)]


def _motion(frames: np.ndarray, percent: float) -> np.ndarray:
    """Sways the picture sideways, twice in a clip, by a share of the width either way."""
    height, width = frames.shape[1:3]
    sway = percent / 100 * width * np.sin(4 * np.pi * np.arange(len(frames)) / len(frames))
    moves = iter([np.array([[1.0, 0, x], [0, 1, 0]]) for x in sway])
    return _each(frames, lambda frame: cv2.warpAffine(frame, next(moves), (width, height)))


def _shadow(frames: np.ndarray, percent: float) -> np.ndarray:
    """Darkens columns in the middle, as a rib or lost contact does: a share of the width."""
    width = frames.shape[2]
    dark = round(percent / 100 * width)
    first = (width - dark) // 2
    shadowed = frames.copy()
    shadowed[:, :, first : first + dark] = (shadowed[:, :, first : first + dark] * SHADOWED).round()
    return shadowed


def _jpeg(frames: np.ndarray, quality: float) -> np.ndarray:
    def change(frame: np.ndarray) -> np.ndarray:
        _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_UNCHANGED))

    return _each(frames, change)


def _h264(frames: np.ndarray, crf: float) -> np.ndarray:
    """Codes the clip as one video of gray frames, 30 a second; colors are equal in ultrasound."""
    height, width = frames.shape[1:3]
    # The codec takes even sides of 16 pixels or more.
    sides = [(0, max(16, size + size % 2) - size) for size in (height, width)]
    padded = np.pad(frames[..., 0], [(0, 0), *sides], mode="edge")
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width, stream.pix_fmt = *padded.shape[1:], "gray"
        # With its tree of macroblocks, x264 codes small frames differently each time.
        stream.options = {"crf": str(int(crf)), "x264-params": "no-mbtree=1:threads=1"}
        for frame in padded:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as video:
        coded = np.stack([frame.to_ndarray(format="gray") for frame in video.decode(video=0)])
    return np.repeat(coded[:, :height, :width, None], frames.shape[-1], axis=-1)


def _resize(frames: np.ndarray, factor: float) -> np.ndarray:
    """Makes frames smaller by area, and as large as before by interpolation."""
    height, width = frames.shape[1:3]
    small = max(1, round(width / factor)), max(1, round(height / factor))

    def change(frame: np.ndarray) -> np.ndarray:
        less = cv2.resize(frame, small, interpolation=cv2.INTER_AREA)
        return cv2.resize(less, (width, height), interpolation=cv2.INTER_LINEAR)

    return _each(frames, change)


NUISANCES = {
    "gain": Nuisance("Gain (dB)", (3, 6, 12, 24), _gain),
    "depth": Nuisance("Depth (times)", (1.1, 1.25, 1.5, 2), _depth),
    "blur": Nuisance("Blur (SD, % of the side)", (2, 4, 8, 16), _blur),
    "frame_rate": Nuisance("Frame rate (1/n)", (2, 3, 5, 10), _hold, moves=True),
    "motion": Nuisance("Probe motion (% of the width)", (2, 5, 10, 20), _motion, moves=True),
    "shadow": Nuisance("Shadow (% of the width)", (10, 20, 40, 60), _shadow),
    "jpeg": Nuisance("JPEG quality", (80, 40, 15, 5), _jpeg),
    "h264": Nuisance("H.264 CRF", (18, 24, 32, 51), _h264),
    "resize": Nuisance("Resized (1/n)", (1.5, 2, 3, 4), _resize),
}
