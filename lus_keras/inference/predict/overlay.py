"""A video with what a network says drawn on it: probability and attention under the picture."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from lus_keras.data.cache import frame_spec, reading, scaled_box
from lus_keras.data.manifest import Box
from lus_keras.data.video import iter_resampled, probe, write_video
from lus_keras.inference.predict.video import VideoPrediction

Size = tuple[int, int]

LONGEST_SIDE = 640
SMALLEST_WIDTH = 240
STRIP = 64
MARGIN = 14
# RGB, those of figures.py made lighter: here they lie on black.
BLUE, ORANGE, GREY, WHITE = (90, 160, 255), (255, 150, 50), (119, 119, 119), (255, 255, 255)
RED = (255, 90, 80)
# Narrower tiles tell their probability by their colour alone.
LEGIBLE = 26
OPACITY = 0.45


def write_overlay(path: Path, prediction: VideoPrediction) -> None:
    """Writes the overlay of a video as MP4; it is decoded again, frame by frame.

    Args:
        path: File to write.
        prediction: What the networks say of it.

    Raises:
        VideoError: The video cannot be decoded.
        OSError: The file cannot be written.
    """
    write_frames(path, overlay_frames(prediction), prediction.fps)


def write_frames(path: Path, frames: Iterator[np.ndarray], fps: float | None) -> None:
    """Writes an MP4 that browsers play, or where PyAV has no encoder for that, one of MPEG-4.

    Args:
        path: File to write.
        frames: `(h, w, 3)` uint8 RGB, even in height and width.
        fps: Frames a second; None is 25.
    """
    codec = "h264" if "libx264" in av.codecs_available else "mpeg4"
    write_video(path, frames, fps or 25.0, codec=codec)


def overlay_frames(prediction: VideoPrediction) -> Iterator[np.ndarray]:
    """Draws frame after frame.

    Blue is the probability of the class drawn (the second of two, else the one predicted), orange
    the attention, whose highest weight is 1; a white line marks the time. Where networks have
    spatial masks, these lie over the picture as heat. A grey frame holds what the networks see of
    the picture; tiles within it are the bluer, the more probable the class drawn is in them.

    Args:
        prediction: What networks say of a video.

    Yields:
        `(h, w, 3)` uint8 RGB, even in height and width, at the rate of the clips.
    """
    row = prediction.video
    info = probe(row.video)
    scale = min(1.0, LONGEST_SIDE / max(info.width, info.height))
    scale = max(scale, SMALLEST_WIDTH / info.width)
    height, width = (_even(side * scale) for side in (info.height, info.width))
    where = _seen(prediction, (info.height, info.width), (height, width))
    tiles = _tiles(prediction, (height, width))
    starts = sorted(tiles)
    frames = iter_resampled(
        row.video,
        fps=prediction.clip.fps,
        size=(height, width),
        grayscale=False,
        picture_fps=row.fps,
    )
    count = prediction.frames
    strip = _strip(prediction, width, count)
    for number, pixels in enumerate(frames):
        picture = _with_mask(pixels.copy(), prediction, number, where)
        if where is not None:
            _frame(picture, where, GREY)
        started = bisect_right(starts, number)
        for box, chance, end in tiles[starts[started - 1]] if started else ():
            if number < end:
                _draw_tile(picture, box, chance)
        if prediction.damage:
            _write(picture, "damaged file", 2, RED)
        if prediction.fps:
            _write(picture, f"{number / prediction.fps:.1f} s", width - 44, WHITE, height - 5)
        marked = strip.copy()
        place = _place(number / max(count - 1, 1), width)
        cv2.line(marked, (place, MARGIN), (place, STRIP - 4), WHITE, 1)
        yield np.concatenate([picture, marked])


def heat(picture: np.ndarray, values: np.ndarray, opacity: float = OPACITY) -> np.ndarray:
    """Lays a map over a picture as heat.

    Args:
        picture: `(h, w, 3)` uint8 RGB.
        values: `(h', w')` floats 0 … 1, scaled to the picture.
        opacity: Of the heat, 0 … 1.

    Returns:
        `(h, w, 3)` uint8 RGB.
    """
    grey = (np.clip(np.asarray(values, np.float32), 0, 1) * 255).astype(np.uint8)
    levels: Any = cv2.resize(grey, picture.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1]
    return cv2.addWeighted(picture, 1 - opacity, colours, opacity, 0)


def curves(prediction: VideoPrediction) -> dict[str, np.ndarray]:
    """Probability and attention of every frame: means over the clips that hold it.

    Args:
        prediction: What networks say of a video.

    Returns:
        `probability (t,)` of the class drawn, and `attention (t,)`, where there is one, whose mean
        in a clip is 1; NaN in frames that no clip holds.
    """
    count = _covered(prediction)
    chances = prediction.probabilities[:, drawn_class(prediction)]
    weights: dict[str, list[np.ndarray]] = {
        "probability": [
            np.full(cut.length, p) for cut, p in zip(prediction.cuts, chances, strict=True)
        ]
    }
    if prediction.attention is not None:
        weights["attention"] = [
            values[: cut.length] * prediction.clip.frames
            for cut, values in zip(prediction.cuts, prediction.attention, strict=True)
        ]
    found = {}
    for name, parts in weights.items():
        total, number = np.zeros(count), np.zeros(count)
        for cut, part in zip(prediction.cuts, parts, strict=True):
            total[cut.first : cut.first + cut.length] += part
            number[cut.first : cut.first + cut.length] += 1
        found[name] = np.divide(total, number, out=np.full(count, np.nan), where=number > 0)
    return found


def drawn_class(prediction: VideoPrediction) -> int:
    """The second of two classes, which is the finding; of more, the one predicted."""
    return 1 if len(prediction.labels) == 2 else prediction.predicted


def _seen(prediction: VideoPrediction, size: Size, to: Size) -> Box | None:
    """Box of the picture drawn that the networks see; None if it is all of it."""
    spec = frame_spec(prediction.clip, cropped=prediction.cropped)
    options = reading(prediction.video, spec)
    if "region" in options:
        return scaled_box(options["region"], spec.size, to)
    return scaled_box(options["box"], size, to) if "box" in options else None


def _tiles(prediction: VideoPrediction, to: Size) -> dict[int, list[tuple[Box, float, int]]]:
    """Tiles by the first frame of their window: box in the picture drawn, probability, end."""
    found: dict[int, list[tuple[Box, float, int]]] = {}
    clip = prediction.clip
    if clip.unit != "tile":
        return found
    left, top, _, _ = reading(prediction.video, frame_spec(clip))["region"]
    chances = prediction.probabilities[:, drawn_class(prediction)]
    height, width = clip.picture
    for cut, chance in zip(prediction.cuts, chances, strict=True):
        box = scaled_box((left + cut.x, top + cut.y, width, height), clip.size, to)
        found.setdefault(cut.first, []).append((box, float(chance), cut.first + cut.length))
    return found


def _frame(picture: np.ndarray, box: Box, colour: tuple[int, int, int]) -> None:
    x, y, w, h = box
    cv2.rectangle(picture, (x, y), (x + w - 1, y + h - 1), colour, 1)


def _draw_tile(picture: np.ndarray, box: Box, chance: float) -> None:
    red, green, blue = (
        round(white + (full - white) * chance) for white, full in zip(WHITE, BLUE, strict=True)
    )
    # Neighbours share a border: one pixel inside, each keeps its own.
    x, y, w, h = box
    _frame(picture, (x + 1, y + 1, max(w - 2, 1), max(h - 2, 1)), (red, green, blue))
    if min(w, h) >= LEGIBLE:
        # Without the leading 0, which narrow tiles have no room for.
        _write(picture, f"{chance:.2f}".removeprefix("0"), x + 4, WHITE, y + 12)


def _covered(prediction: VideoPrediction) -> int:
    return max(cut.first + cut.length for cut in prediction.cuts)


def _strip(prediction: VideoPrediction, width: int, count: int) -> np.ndarray:
    """Curves over the time of a video of `count` frames, `(STRIP, width, 3)`."""
    strip = np.zeros((STRIP, width, 3), np.uint8)
    shown = drawn_class(prediction)
    text = f"P({prediction.labels[shown].replace('_', ' ')}) = {prediction.mean[shown]:.2f}"
    _write(strip, text, 2, BLUE)
    cv2.line(strip, (0, _level(0.5)), (width, _level(0.5)), GREY, 1)
    found = curves(prediction)
    if "attention" in found:
        _write(strip, "attention", width - 66, ORANGE)
        _draw(strip, found["attention"] / max(np.nanmax(found["attention"]), 1e-9), ORANGE, count)
    _draw(strip, found["probability"], BLUE, count)
    return strip


def _draw(strip: np.ndarray, values: np.ndarray, colour: tuple[int, int, int], count: int) -> None:
    """A line through every run of frames that clips hold; a dot where that is one frame."""
    held = np.flatnonzero(~np.isnan(values))
    for run in np.split(held, np.flatnonzero(np.diff(held) > 1) + 1):
        points: list[Any] = [
            (_place(number / max(count - 1, 1), strip.shape[1]), _level(values[number]))
            for number in run
        ]
        if len(points) == 1:
            cv2.circle(strip, points[0], 2, colour, -1)
        cv2.polylines(strip, [np.array(points, np.int32)], False, colour, 1, cv2.LINE_AA)


def _write(
    picture: np.ndarray, text: str, x: int, colour: tuple[int, int, int], y: int = 10
) -> None:
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.36, colour, 1, cv2.LINE_AA)


def _place(share: float, width: int) -> int:
    return round(share * (width - 1))


def _level(value: float) -> int:
    return round(STRIP - 5 - value * (STRIP - 5 - MARGIN))


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
