"""A video with what a network says drawn on it: probability and attention under the picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from lus_keras.cache import reading, scaled_box
from lus_keras.predict.stream import frame_spec
from lus_keras.predict.video import VideoPrediction
from lus_keras.video import iter_resampled, probe, write_video

LONGEST_SIDE = 640
SMALLEST_WIDTH = 240
STRIP = 64
MARGIN = 14
# RGB, as figures.py has them.
BLUE, ORANGE, GREY, WHITE = (31, 95, 191), (217, 115, 13), (119, 119, 119), (255, 255, 255)
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
    spatial masks, these lie over the picture as heat.

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
    seen = reading(row, frame_spec(prediction.clip, cropped=prediction.cropped)).get("box")
    where = None if seen is None else scaled_box(seen, (info.height, info.width), (height, width))
    strip = _strip(prediction, width)
    frames = iter_resampled(
        row.video,
        fps=prediction.clip.fps,
        size=(height, width),
        grayscale=False,
        picture_fps=row.fps,
    )
    last = max(_covered(prediction) - 1, 1)
    for number, pixels in enumerate(frames):
        picture = _with_mask(pixels.copy(), prediction, number, where)
        marked = strip.copy()
        if number <= last:
            place = _place(number / last, width)
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


def _covered(prediction: VideoPrediction) -> int:
    return max(cut.first + cut.length for cut in prediction.cuts)


def _strip(prediction: VideoPrediction, width: int) -> np.ndarray:
    """Curves over the time of the video, `(STRIP, width, 3)`."""
    strip = np.zeros((STRIP, width, 3), np.uint8)
    shown = drawn_class(prediction)
    text = f"P({prediction.labels[shown]}) = {prediction.mean[shown]:.2f}"
    _write(strip, text, 2, BLUE)
    cv2.line(strip, (0, _level(0.5)), (width, _level(0.5)), GREY, 1)
    found = curves(prediction)
    if "attention" in found:
        _write(strip, "attention", width - 66, ORANGE)
        _draw(strip, found["attention"] / max(np.nanmax(found["attention"]), 1e-9), ORANGE)
    _draw(strip, found["probability"], BLUE)
    return strip


def _draw(strip: np.ndarray, values: np.ndarray, colour: tuple[int, int, int]) -> None:
    last = max(len(values) - 1, 1)
    points: list[Any] = []
    for number in np.flatnonzero(~np.isnan(values)):
        points.append((_place(number / last, strip.shape[1]), _level(values[number])))
    if len(points) == 1:
        cv2.circle(strip, points[0], 2, colour, -1)
    cv2.polylines(strip, [np.array(points, np.int32)], False, colour, 1, cv2.LINE_AA)


def _write(strip: np.ndarray, text: str, x: int, colour: tuple[int, int, int]) -> None:
    cv2.putText(strip, text, (x, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.36, colour, 1, cv2.LINE_AA)


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
