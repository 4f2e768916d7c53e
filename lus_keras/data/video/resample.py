"""Resampling in time and in space while decoding, so that only the result is ever held."""

import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

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

# Time stamps come from decimal or binary clocks; closer than this to the middle is a tie.
_TIE_S = 1e-6


def resample_indices(
    times_s: np.ndarray, fps: float, *, duration_s: float | None = None
) -> np.ndarray:
    """Chooses frames so that the video runs at `fps` and keeps its duration.

    Output k stands for time k / fps and takes the nearest frame; of two equally near, the earlier.
    For times 0, 0.04, 0.08, 0.12 (25 fps, 0.16 s) and 30 fps there are round(4.8) = 5 outputs, at
    0, 0.033, 0.067, 0.1, 0.133 s. The fourth lies midway between 0.08 and 0.12: 0, 1, 2, 2, 3.

    Args:
        times_s: `(t,)` float, seconds, strictly increasing from 0.
        fps: Frames per second wanted, positive.
        duration_s: Length of the video; if None, the last frame is shown as long as the median one.

    Returns:
        `(round(duration_s * fps),)` int64 indices into `times_s`, at least one, never decreasing.

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


def read_resampled(path: str | os.PathLike[str], **how: Any) -> np.ndarray:
    """Decodes once and keeps only cropped, resized frames at `fps`, those of `resample_indices`.

    Args:
        path: Video file, or folder of numbered pictures.
        how: Keywords of `iter_resampled`, but for `most`.

    Returns:
        `(t, h, w)`, or `(t, h, w, 3)` RGB, uint8; t = round(duration * fps), at least one, or the
        number of frames where `fps` is None.

    Raises:
        VideoError: As `iter_resampled`; more than 20,000 frames come out.
        ValueError: `fps` is not positive.
    """
    return np.stack(list(iter_resampled(path, most=MAX_FRAMES, **how)))


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
    """Gives resampled frames one by one; memory does not grow with the video.

    Args:
        path: Video file, or folder of numbered pictures.
        fps: Frames per second wanted, positive; None keeps every frame as it is.
        size: `(h, w)` to resize to, by area, or linearly if an axis grows; None keeps the size.
        box: `(x, y, w, h)` to crop to before that, pixels of the file; None keeps the whole.
        region: `(x, y, w, h)` to crop to after that, pixels of the resized frame.
        grayscale: Brightness 0 … 255 if true, RGB if not.
        picture_fps: Frames per second of what has no clock: pictures, a file that states 0.
        antialias: Resize bilinearly with antialiasing, as torchvision and Pillow, whether an axis
            grows or not.
        require_intact: Whether a file that lost its end, or frames, is an error once all has been
            decoded.
        tally: Counts the frames of the file, for `losses_of` to tell what it has lost.
        most: Frames that may be decoded, and that may come out.

    Yields:
        `(h, w)` or `(h, w, 3)` RGB uint8, at least one; a frame shown twice is one array.

    Raises:
        VideoError: As `iter_frames`, when the place is reached; `box` or `region` leaves the frame;
            more than `most` frames; the file is not whole.
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
    """Number of frames that `iter_resampled` gives; decodes the whole file.

    Args:
        fps: Frames per second wanted, positive; None keeps every frame.

    Returns:
        1 or more.

    Raises:
        VideoError: As `iter_resampled`.
        ValueError: `fps` is not positive.
    """
    return sum(1 for _ in _schedule(Path(path), fps, picture_fps, most, Tally()))


def _schedule(
    path: Path, fps: float | None, picture_fps: float | None, most: int, tally: Tally
) -> Iterator[Frame]:
    """Yields the frame that stands for each output, not converted yet."""
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
    # The file may end before an output's time is up: outputs wait until it is known not to.
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
    """Number of outputs that are not later than `midpoint_s`; the first `start` are known to be."""
    count = start
    # Written as in resample_indices, to the last bit: the two must choose alike.
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
        # A copy, so that what is cut away can be freed.
        return pixels if region is None else _cropped(path, pixels, region).copy()

    return fit


def resized(pixels: np.ndarray, size: Size, *, antialias: bool = False) -> np.ndarray:
    """Resizes a picture.

    Args:
        pixels: `(h, w)` or `(h, w, 3)` uint8.
        size: `(height, width)` wanted.
        antialias: Bilinearly, over as many pixels as one of the result covers, as torchvision and
            Pillow; otherwise by area, or linearly if an axis grows.

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
