"""Finding the ultrasound sector in a frame that also shows text, scales and black."""

from __future__ import annotations

import functools
import itertools
import os

import cv2
import numpy as np

from lus_keras.video.decode import iter_frames

Box = tuple[int, int, int, int]

THRESHOLD = 10
MIN_AREA = 0.1


def sector_box(
    video: str | os.PathLike[str] | np.ndarray,
    *,
    seconds: float = 2.0,
    picture_fps: float | None = None,
) -> Box:
    """Finds the sector: the largest connected area that is ever brighter than 10 of 255.

    Text and scales are smaller than the sector and apart from it, so they are left out unless they
    stand beside it within its bounding box.

    Args:
        video: Video file or folder of pictures, of which the first `seconds` are decoded; or frames
            `(t, h, w)` or `(t, h, w, 3)` uint8, all of which are used.
        seconds: How much of a file to look at.
        picture_fps: Frames per second of a folder of pictures.

    Returns:
        `(x, y, w, h)` in pixels; the whole frame if the box would fill less than a tenth of it.

    Raises:
        VideoError: The file cannot be decoded.
    """
    projected = brightest(video, seconds, picture_fps)
    height, width = projected.shape
    # Shadows and speckle leave dark gaps; closing them keeps the sector in one piece.
    reach = 2 * round(0.01 * min(height, width)) + 1
    bright = (projected > THRESHOLD).astype(np.uint8)
    closed = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    areas = cv2.connectedComponentsWithStats(closed)[2][1:]
    if len(areas) == 0:
        return 0, 0, width, height
    x, y, w, h = (int(value) for value in areas[np.argmax(areas[:, cv2.CC_STAT_AREA])][:4])
    return (x, y, w, h) if w * h >= MIN_AREA * width * height else (0, 0, width, height)


def brightest(
    video: str | os.PathLike[str] | np.ndarray, seconds: float, picture_fps: float | None
) -> np.ndarray:
    """Projects a video: the maximum of each pixel over time.

    Args:
        video: As in `sector_box`.
        seconds: How much of a file to look at.
        picture_fps: Frames per second of a folder of pictures.

    Returns:
        `(h, w)` uint8 in the size of the file.

    Raises:
        VideoError: The file cannot be decoded.
    """
    if isinstance(video, np.ndarray):
        return np.asarray(video.max(axis=0 if video.ndim == 3 else (0, 3)))
    decoded = iter_frames(video, picture_fps=picture_fps)
    frames = itertools.takewhile(lambda frame: frame[0] < seconds, decoded)
    return functools.reduce(np.maximum, (pixels for _, pixels in frames))
