"""A video with the predictions of a network: probability and attention below the frames."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from lus_keras.data.cache import FrameSpec, scaled_box
from lus_keras.data.cache.stream import Look, look_at, stream_pictures
from lus_keras.data.manifest import Box
from lus_keras.data.video import write_video
from lus_keras.inference.predict.strip import (
    AXIS,
    BLUE,
    FONT,
    GRAY,
    MARGIN,
    STRIP,
    WHITE,
    draw_strip,
    drawn_class,
    place_at,
    write_text,
)
from lus_keras.inference.predict.video import VideoPrediction

Size = tuple[int, int]

LONGEST_SIDE = 640
SMALLEST_WIDTH = 240
# Colors in RGB.
RED = (255, 90, 80)
# Narrower tiles show their probability only by color.
LEGIBLE = 26
OPACITY = 0.45
CAPTION = 20


def write_overlay(path: Path, prediction: VideoPrediction) -> None:
    """Writes the overlay of a video as MP4; the video is decoded again, frame by frame.

    Raises:
        VideoError: The video cannot be decoded.
    """
    write_frames(path, overlay_frames(prediction), prediction.fps)


def write_frames(path: Path, frames: Iterator[np.ndarray], fps: float | None) -> None:
    """Writes an MP4 that browsers can play, or MPEG-4 if PyAV has no H.264 encoder.

    Args:
        path: File to create or replace.
        frames: `(h, w, 3)` uint8 RGB with even height and width.
        fps: Frames per second; None is 25.
    """
    codec = "h264" if "libx264" in av.codecs_available else "mpeg4"
    write_video(path, frames, fps or 25.0, codec=codec)


def overlay_frames(prediction: VideoPrediction) -> Iterator[np.ndarray]:
    """Draws the frames of an overlay one by one.

    The blue curve is the probability of the class shown (the second of two, otherwise the predicted
    one), the orange curve the frame weights relative to their maximum. A white line marks the time;
    frames in no clip are shaded, and the curves are interrupted there. Spatial masks of the
    networks are overlaid on the frame. A gray rectangle marks the region that the networks see;
    tiles inside it are bluer the higher their probability of the class shown.

    Yields:
        `(h, w, 3)` uint8 RGB with even height and width, at the frame rate of the clips.
    """
    spec = FrameSpec.of(prediction.clip, cropped=prediction.cropped)
    look = look_at(prediction.video, spec)
    scale = min(1.0, LONGEST_SIDE / max(look.size))
    scale = max(scale, SMALLEST_WIDTH / look.size[1])
    height, width = (_even(side * scale) for side in look.size)
    where = _seen(look, spec.size, (height, width))
    tiles = _tiles(prediction, look, (height, width))
    starts = sorted(tiles)
    frames = stream_pictures(prediction.video, prediction.clip.fps, (height, width))
    count = prediction.frames
    strip = draw_strip(prediction, width, count)
    for number, pixels in enumerate(frames):
        picture = _with_mask(pixels.copy(), prediction, number, where)
        if where is not None:
            _frame(picture, where, GRAY)
        started = bisect_right(starts, number)
        for box, chance, end in tiles[starts[started - 1]] if started else ():
            if number < end:
                _draw_tile(picture, box, chance)
        if prediction.damage:
            write_text(picture, "damaged file", 2, RED)
        if prediction.fps:
            write_text(picture, f"{number / prediction.fps:.1f} s", width - 44, WHITE, height - 5)
        marked = strip.copy()
        place = place_at(number / max(count - 1, 1), width)
        cv2.line(marked, (place, MARGIN), (place, STRIP - AXIS), WHITE, 1)
        yield np.concatenate([picture, marked])


def captioned(picture: np.ndarray, lines: Sequence[str]) -> np.ndarray:
    """An image above lines of text, white on black; each is 20 pixels high, fitted in width."""
    bars = []
    for line in lines:
        bars.append(np.zeros((CAPTION, picture.shape[1], 3), np.uint8))
        width = cv2.getTextSize(line, FONT, 0.45, 1)[0][0]
        scale = 0.45 * min(1.0, (picture.shape[1] - 8) / max(width, 1))
        cv2.putText(bars[-1], line, (4, CAPTION - 6), FONT, scale, WHITE, 1, cv2.LINE_AA)
    return np.concatenate([picture, *bars])


def heat(picture: np.ndarray, values: np.ndarray, opacity: float = OPACITY) -> np.ndarray:
    """An image `(h, w, 3)` uint8 RGB with a color-coded map of 0 … 1 overlaid."""
    gray = (np.clip(np.asarray(values, np.float32), 0, 1) * 255).astype(np.uint8)
    levels: Any = cv2.resize(gray, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colors = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]
    return cv2.addWeighted(picture, 1 - opacity, colors, opacity, 0)


def _seen(look: Look, scaled: Size, to: Size) -> Box | None:
    """Box in the drawn frame that the networks see; None if they see the whole frame."""
    if look.region is not None:
        return scaled_box(look.region, scaled, to)
    return None if look.box is None else scaled_box(look.box, look.size, to)


def _tiles(
    prediction: VideoPrediction, look: Look, to: Size
) -> dict[int, list[tuple[Box, float, int]]]:
    """Tiles by the first frame of their window: box in the drawn frame, probability, end frame."""
    found: dict[int, list[tuple[Box, float, int]]] = {}
    clip = prediction.clip
    if clip.unit != "tile":
        return found
    assert look.region is not None
    left, top, _, _ = look.region
    chances = prediction.probabilities[:, drawn_class(prediction)]
    height, width = clip.picture
    for cut, chance in zip(prediction.cuts, chances, strict=True):
        box = scaled_box((left + cut.x, top + cut.y, width, height), clip.size, to)
        found.setdefault(cut.first, []).append((box, float(chance), cut.first + cut.length))
    return found


def _frame(picture: np.ndarray, box: Box, color: tuple[int, int, int]) -> None:
    x, y, w, h = box
    cv2.rectangle(picture, (x, y), (x + w - 1, y + h - 1), color, 1)


def _draw_tile(picture: np.ndarray, box: Box, chance: float) -> None:
    red, green, blue = (
        round(white + (full - white) * chance) for white, full in zip(WHITE, BLUE, strict=True)
    )
    # Neighbors share a border; drawn one pixel inside, each has its own.
    x, y, w, h = box
    _frame(picture, (x + 1, y + 1, max(w - 2, 1), max(h - 2, 1)), (red, green, blue))
    if min(w, h) >= LEGIBLE:
        # Without the leading 0, for which narrow tiles have no room.
        write_text(picture, f"{chance:.2f}".removeprefix("0"), x + 4, WHITE, y + 12)


def clip_box(prediction: VideoPrediction, place: int, size: Size) -> Box:
    """Box `(x, y, w, h)` from which a clip was cut, in frames of size `(h, w)`."""
    clip, cut = prediction.clip, prediction.cuts[place]
    spec = FrameSpec.of(clip, cropped=prediction.cropped)
    look = look_at(prediction.video, spec)
    if clip.unit != "tile":
        return _seen(look, spec.size, size) or (0, 0, size[1], size[0])
    assert look.region is not None
    left, top, _, _ = look.region
    height, width = clip.picture
    return scaled_box((left + cut.x, top + cut.y, width, height), clip.size, size)


def _even(side: float) -> int:
    return max(2, 2 * round(side / 2))


def _with_mask(
    picture: np.ndarray, prediction: VideoPrediction, number: int, where: Any
) -> np.ndarray:
    if prediction.masks is None:
        return picture
    for cut, masks in zip(prediction.cuts, prediction.masks, strict=True):
        if cut.first <= number < cut.first + cut.length:
            x, y, w, h = where or (0, 0, picture.shape[1], picture.shape[0])
            picture[y : y + h, x : x + w] = heat(
                np.ascontiguousarray(picture[y : y + h, x : x + w]), masks[number - cut.first]
            )
            break
    return picture
