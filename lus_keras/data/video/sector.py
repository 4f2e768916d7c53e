"""Detection of the ultrasound sector in frames that also show text, scales and background."""

import functools
import itertools
import os

import cv2
import numpy as np

from lus_keras.data.video.decode import iter_frames

Box = tuple[int, int, int, int]

THRESHOLD = 10
MIN_AREA = 0.1


def sector_box(
    video: str | os.PathLike[str] | np.ndarray,
    *,
    seconds: float = 2.0,
    picture_fps: float | None = None,
) -> Box:
    """Bounding box of the sector: the largest connected area whose maximum over time exceeds 10.

    Gray levels range from 0 to 255. Text and scales are smaller than the sector and not connected
    with it, so they are excluded unless they lie within its bounding box.

    Args:
        video: Video file or folder of images, of which the first `seconds` are decoded; or frames
            `(t, h, w)` or `(t, h, w, 3)` uint8, all of which are used.
        seconds: Duration at the start of a file that is used, in seconds.
        picture_fps: Frame rate of a folder of images in Hz.

    Returns:
        `(x, y, w, h)` in pixels; the whole frame if the box covers less than a tenth of it.

    Raises:
        VideoError: The file cannot be decoded.
    """
    return box_of(_bright_area(video, seconds, picture_fps))


def sector_mask(
    video: str | os.PathLike[str] | np.ndarray,
    *,
    seconds: float = 2.0,
    picture_fps: float | None = None,
) -> np.ndarray:
    """Mask of the sector: the convex hull of the area whose bounding box is `sector_box`.

    The hull includes dark parts of the sector, such as fluid. Text and scales beside the sector are
    excluded, also in the corners of its bounding box.

    Args:
        video: As in `sector_box`, like the other arguments.

    Returns:
        `(h, w)` bool, true inside the sector; all true if `sector_box` is the whole frame.

    Raises:
        VideoError: The file cannot be decoded.
    """
    area = _bright_area(video, seconds, picture_fps)
    outlines, _ = cv2.findContours(area, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(outlines))
    return cv2.fillConvexPoly(np.zeros_like(area), hull, (1,)).astype(bool)


def box_of(mask: np.ndarray) -> Box:
    """Smallest box around the true pixels of a mask.

    Args:
        mask: `(h, w)` bool or uint8, not all false.

    Returns:
        `(x, y, w, h)` in pixels.
    """
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, w, h


def _bright_area(
    video: str | os.PathLike[str] | np.ndarray, seconds: float, picture_fps: float | None
) -> np.ndarray:
    """Largest connected bright area, `(h, w)` uint8 0 or 1; all 1 if its box is too small."""
    projected = brightest(video, seconds, picture_fps)
    # Shadows and speckle leave dark gaps; closing them keeps the sector in one piece.
    reach = 2 * round(0.01 * min(projected.shape)) + 1
    bright = (projected > THRESHOLD).astype(np.uint8)
    closed = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    _, labels, areas, _ = cv2.connectedComponentsWithStats(closed)
    if len(areas) > 1:
        largest = 1 + int(np.argmax(areas[1:, cv2.CC_STAT_AREA]))
        _, _, w, h = areas[largest][:4]
        if w * h >= MIN_AREA * projected.size:
            return (labels == largest).astype(np.uint8)
    return np.ones_like(closed)


def brightest(
    video: str | os.PathLike[str] | np.ndarray, seconds: float, picture_fps: float | None
) -> np.ndarray:
    """Maximum of each pixel over time (and color channels).

    Args:
        video: As in `sector_box`, like the other arguments.

    Returns:
        `(h, w)` uint8, at the size of the frames.

    Raises:
        VideoError: The file cannot be decoded.
    """
    if isinstance(video, np.ndarray):
        return np.asarray(video.max(axis=0 if video.ndim == 3 else (0, 3)))
    decoded = iter_frames(video, picture_fps=picture_fps)
    frames = itertools.takewhile(lambda frame: frame[0] < seconds, decoded)
    return functools.reduce(np.maximum, (pixels for _, pixels in frames))
