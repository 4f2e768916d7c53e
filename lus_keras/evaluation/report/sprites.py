"""Frames of a clip, and masks over them, as one small picture each."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

# Of the pictures of one clip, so that six of each of four papers stay under 2 MB as text.
MOST_BYTES = 55_000
LONGEST_SIDE = 160
QUALITIES = (80, 65, 50, 35)
MASK_SIDE, MASK_QUALITY = 32, 70


@dataclass(frozen=True)
class Sprite:
    """Frames side by side in one JPEG, row by row.

    Attributes:
        columns: Frames per row.
        height: Height of a frame in pixels.
        width: Width of a frame in pixels.
        shown: Indices of the frames included, among those given.
    """

    jpeg: bytes
    columns: int
    rows: int
    height: int
    width: int
    shown: NDArray[np.int64]

    @property
    def source(self) -> str:
        """The image as a `data:` address."""
        return _jpeg_source(self.jpeg)


def make_sprite(frames: NDArray[np.uint8], most_bytes: int = MOST_BYTES) -> Sprite:
    """Puts frames into one JPEG; lowers its quality, then drops frames, until it is small enough.

    Args:
        frames: `(t, h, w)` uint8 gray levels, at least one frame.
        most_bytes: Largest size; a single frame may be larger.

    Returns:
        The image; frames whose longer side exceeds 160 pixels are scaled down.
    """
    scale = min(1.0, LONGEST_SIDE / max(frames.shape[1:]))
    height, width = (max(1, round(side * scale)) for side in frames.shape[1:])
    small = np.stack(
        [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in frames]
    )
    step = 1
    while True:
        shown = np.arange(0, len(frames), step)
        columns = int(np.ceil(np.sqrt(len(shown))))
        tiled = _tiled(small[shown], columns)
        for quality in QUALITIES:
            jpeg = cv2.imencode(".jpg", tiled, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            if len(jpeg) <= most_bytes or (len(shown) == 1 and quality == QUALITIES[-1]):
                rows = len(tiled) // height
                return Sprite(jpeg, columns, rows, height, width, shown)
        step += 1


def mask_source(masks: NDArray[np.uint8], sprite: Sprite) -> str:
    """Masks in one JPEG, arranged like the frames of a sprite.

    Args:
        masks: `(t, h', w')` uint8, one mask per frame of the clip.
        sprite: Image of the frames.

    Returns:
        `data:` address; each mask has 32 × 32 pixels, to be stretched over its frame.
    """
    side = (MASK_SIDE, MASK_SIDE)
    small = np.stack(
        [cv2.resize(mask, side, interpolation=cv2.INTER_LINEAR) for mask in masks[sprite.shown]]
    )
    heat = cv2.applyColorMap(_tiled(small, sprite.columns), cv2.COLORMAP_INFERNO)
    jpeg = cv2.imencode(".jpg", heat, [cv2.IMWRITE_JPEG_QUALITY, MASK_QUALITY])[1].tobytes()
    return _jpeg_source(jpeg)


def _jpeg_source(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _tiled(frames: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    count, height, width = frames.shape
    rows = -(-count // columns)
    blank = np.zeros((rows * columns - count, height, width), np.uint8)
    grid = np.concatenate([frames, blank]).reshape(rows, columns, height, width)
    return grid.transpose(0, 2, 1, 3).reshape(rows * height, columns * width)
