"""Resampling in time and space during decoding, so that only the result is kept in memory."""

import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from lus_keras.core.errors import VideoError
from lus_keras.data.video.decode import decode, pixel_converter
from lus_keras.data.video.formats import MAX_FRAMES, MAX_STREAMED
from lus_keras.data.video.integrity import Tally, refuse_losses
from lus_keras.data.video.records import Frame

Size = tuple[int, int]
Box = tuple[int, int, int, int]

# Time stamps are rounded by decimal or binary clocks: a time within this distance of a midpoint
# between two frames counts as a tie.
_TIE_S = 1e-6


def resample_indices(
    times_s: np.ndarray, fps: float, *, duration_s: float | None = None
) -> np.ndarray:
    """Indices of the frames that resample a video to `fps` at unchanged duration.

    Output frame k is the input frame nearest to time k / fps; of two equally near frames, the
    earlier one. Example: frames at 0, 0.04, 0.08, 0.12 s (25 fps, duration 0.16 s) resampled to
    30 fps yield round(4.8) = 5 frames, at 0, 0.033, 0.067, 0.1 and 0.133 s. The time 0.1 s is
    midway between 0.08 and 0.12 s, so the indices are 0, 1, 2, 2, 3.

    Args:
        times_s: `(t,)` float, times of the frames in seconds, strictly increasing from 0.
        fps: Frame rate of the result in Hz, positive.
        duration_s: Duration of the video in seconds; if None, the last frame is assumed to last as
            long as the median frame.

    Returns:
        `(round(duration_s * fps),)` int64 indices into `times_s`, non-decreasing, at least one.

    Raises:
        ValueError: `fps` is not positive, `times_s` is empty, or the output exceeds 20,000 frames.
    """
    times_s = np.asarray(times_s, np.float64)
    if not 0 < fps < math.inf:
        raise ValueError(f"`fps` must be positive. Received: fps={fps}.")
    if times_s.ndim != 1 or not times_s.size:
        raise ValueError(f"`times_s` must be (t,), t > 0. Received: shape {times_s.shape}.")
    if duration_s is None:
        duration_s = times_s[-1] + (np.median(np.diff(times_s)) if times_s.size > 1 else 1 / fps)
    outputs_s = np.arange(_count_outputs(float(duration_s), fps)) / fps
    midpoints_s = (times_s[:-1] + times_s[1:]) / 2
    return np.searchsorted(midpoints_s, outputs_s - _TIE_S, side="left")


def iter_resampled(
    path: str | os.PathLike[str],
    *,
    fps: float | None,
    size: Size | None = None,
    box: Box | None = None,
    region: Box | None = None,
    grayscale: bool = True,
    picture_fps: float | None = None,
    antialias: bool = False,
    require_intact: bool = False,
    tally: Tally | None = None,
    most: int = MAX_STREAMED,
) -> Iterator[np.ndarray]:
    """Resampled frames, one at a time; memory does not grow with the length of the video.

    Args:
        path: Video file, or folder of numbered images.
        fps: Target frames per second, positive; None keeps every frame unchanged.
        size: `(h, w)` to resize to, by area, or bilinearly if an axis grows; None keeps the size.
        box: Crop `(x, y, w, h)` before resizing, in pixels of the file; None keeps the whole frame.
        region: Crop `(x, y, w, h)` after resizing, in pixels of the resized frame.
        grayscale: Gray levels 0 … 255 if true, RGB if false.
        picture_fps: Frames per second of images, or of a file whose stated rate is 0.
        antialias: Resize bilinearly with antialiasing, like torchvision and Pillow, whether or not
            an axis grows.
        require_intact: Whether a truncated or damaged file is an error, raised after the last
            frame.
        tally: Counts the frames of the file, so that `losses_of` can determine its losses.
        most: Largest number of frames to decode and to return.

    Yields:
        `(h, w)` or `(h, w, 3)` RGB uint8, at least one; repeated frames are the same array.

    Raises:
        VideoError: As `iter_frames`, at the frame concerned; `box` or `region` exceeds the frame;
            there are more than `most` frames; the file is not intact.
        ValueError: `fps` is not positive.
    """
    path = Path(path)
    to_pixels = pixel_converter(path, grayscale)
    fit = _fitter(path, size, box, region, antialias)
    shown = None
    pixels = np.empty(0, np.uint8)
    tally = tally or Tally()
    for frame in _schedule(path, fps, picture_fps, most, tally):
        if frame is not shown:
            shown, pixels = frame, fit(to_pixels(frame))
        yield pixels
    if require_intact:
        refuse_losses(path, tally)


def count_resampled(
    path: str | os.PathLike[str],
    *,
    fps: float | None,
    picture_fps: float | None = None,
    most: int = MAX_STREAMED,
) -> int:
    """Number of frames, at least 1, that `iter_resampled` yields; decodes the whole file.

    Args:
        fps: Target frames per second, positive; None keeps every frame.
        picture_fps: As in `iter_resampled`.
        most: As in `iter_resampled`.

    Raises:
        VideoError: As `iter_resampled`.
        ValueError: `fps` is not positive.
    """
    return sum(1 for _ in _schedule(Path(path), fps, picture_fps, most, Tally()))


def _schedule(
    path: Path, fps: float | None, picture_fps: float | None, most: int, tally: Tally
) -> Iterator[Frame]:
    """Yields the source frame of each output frame, with unconverted pixels."""
    frames = tally.counted(decode(path, picture_fps, most))
    if fps is None:
        for count, frame in enumerate(frames, start=1):
            if count > most:
                raise VideoError(f"{path}: has more than {most} frames. Cut it.")
            yield frame
        return
    if not 0 < fps < math.inf:
        raise ValueError(f"`fps` must be positive. Received: fps={fps}.")
    previous = next(frames)
    # The file may end before the time of an output: outputs wait until this is excluded.
    waiting: deque[Frame] = deque()
    chosen = given = 0
    try:
        for frame in frames:
            middle_s = (previous.time_s + frame.time_s) / 2
            until = _outputs_until(middle_s, fps, start=chosen, most=most)
            waiting.extend([previous] * (until - chosen))
            chosen, previous = until, frame
            while waiting and given < round(frame.time_s * fps):
                given += 1
                yield waiting.popleft()
        count = _count_outputs(previous.time_s + previous.duration_s, fps, most)
    except ValueError as error:
        raise VideoError(f"{path}: time stamps are wrong: {error} Re-mux the file.") from error
    waiting.extend([previous] * (count - chosen))
    yield from itertools.islice(waiting, count - given)


def _count_outputs(duration_s: float, fps: float, most: int = MAX_FRAMES) -> int:
    exact = duration_s * fps
    if not exact <= most:
        raise ValueError(f"{duration_s:.6g} s at {fps:g} fps exceed {most} frames.")
    return max(1, round(exact))


def _outputs_until(midpoint_s: float, fps: float, *, start: int, most: int) -> int:
    """Number of outputs not later than `midpoint_s`; this is known for the first `start`."""
    count = start
    # The same expression as in resample_indices, as both must agree to the last bit.
    while count / fps - _TIE_S <= midpoint_s:
        count += 1
        if count > most:
            raise ValueError(f"{midpoint_s:.6g} s at {fps:g} fps exceed {most} frames.")
    return count


def _fitter(
    path: Path, size: Size | None, box: Box | None, region: Box | None, antialias: bool
) -> Callable[[np.ndarray], np.ndarray]:
    """Function that crops, resizes and crops again."""

    def fit(pixels: np.ndarray) -> np.ndarray:
        if box is not None:
            pixels = _cropped(path, pixels, box)
        if size is not None and pixels.shape[:2] != tuple(size):
            pixels = resized(pixels, size, antialias=antialias)
        # A copy, so that the memory of the full frame can be freed.
        return pixels if region is None else _cropped(path, pixels, region).copy()

    return fit


def resized(pixels: np.ndarray, size: Size, *, antialias: bool = False) -> np.ndarray:
    """Resizes an image.

    Args:
        pixels: `(h, w)` or `(h, w, 3)` uint8.
        size: Target `(height, width)` in pixels.
        antialias: Bilinear resizing whose filter covers the extent of an output pixel, like
            torchvision and Pillow; otherwise by area, or bilinearly if an axis grows.

    Returns:
        `(height, width)` or `(height, width, 3)` uint8.
    """
    if antialias:
        picture = Image.fromarray(pixels).resize((size[1], size[0]), Image.Resampling.BILINEAR)
        return np.asarray(picture)
    grows = size[0] > pixels.shape[0] or size[1] > pixels.shape[1]
    method = cv2.INTER_LINEAR if grows else cv2.INTER_AREA
    return cv2.resize(pixels, (size[1], size[0]), interpolation=method)


def _cropped(path: Path, pixels: np.ndarray, box: Box) -> np.ndarray:
    x, y, width, height = box
    inside = min(x, y) >= 0 and min(width, height) > 0
    if not inside or y + height > pixels.shape[0] or x + width > pixels.shape[1]:
        raise VideoError(
            f"{path}: box {box} (x, y, w, h) must lie inside the frame of "
            f"{pixels.shape[1]}×{pixels.shape[0]}. Correct the region of interest."
        )
    return pixels[y : y + height, x : x + width]
