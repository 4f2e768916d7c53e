"""Curves of probability and attention over the time of a video, as a strip beneath it."""

from typing import Any

import cv2
import numpy as np

from lus_keras.inference.predict.video import VideoPrediction

# The strip: two lines of names, the curves, the axis of time.
STRIP, MARGIN, AXIS = 112, 30, 16
LEFT, RIGHT = 28, 10
# RGB, those of figures made lighter: here they lie on black.
BLUE, ORANGE, GRAY, WHITE = (90, 160, 255), (255, 150, 50), (119, 119, 119), (255, 255, 255)
SHADE = (48, 48, 52)
FONT = cv2.FONT_HERSHEY_SIMPLEX
TICKS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600)
MOST_TICKS = 7
UNFILLED = "shaded: too short for another clip"


def curves(prediction: VideoPrediction) -> dict[str, np.ndarray]:
    """Probability and attention of every frame: means over the clips that contain it.

    Returns:
        `probability (t,)` of the class drawn and, for networks with attention, `attention (t,)`,
        whose mean in a clip is 1; NaN in frames that are in no clip.
    """
    count = max(cut.first + cut.length for cut in prediction.cuts)
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
    """The second of two classes, which is the finding; of more classes, the one predicted."""
    return 1 if len(prediction.labels) == 2 else prediction.predicted


def draw_strip(prediction: VideoPrediction, width: int, count: int) -> np.ndarray:
    """`(STRIP, width, 3)` uint8 RGB with the curves over the time of a video."""
    strip = np.zeros((STRIP, width, 3), np.uint8)
    found = curves(prediction)
    held = np.zeros(count, bool)
    held[: len(found["probability"])] = ~np.isnan(found["probability"][:count])
    _shade(strip, held)
    _draw_axes(strip, prediction.fps, count)
    shown = drawn_class(prediction)
    text = f"P({prediction.labels[shown].replace('_', ' ')}), mean {prediction.mean[shown]:.2f}"
    write_text(strip, text, 2, BLUE)
    if not held.all():
        write_text(strip, UNFILLED, 2, GRAY, 23)
    if "attention" in found:
        text = "attention / max"
        write_text(strip, text, width - cv2.getTextSize(text, FONT, 0.36, 1)[0][0] - 2, ORANGE)
        _draw(strip, found["attention"] / max(np.nanmax(found["attention"]), 1e-9), ORANGE, count)
    _draw(strip, found["probability"], BLUE, count)
    return strip


def _shade(strip: np.ndarray, held: np.ndarray) -> None:
    """Shades the frames that no clip holds."""
    count, width = len(held), strip.shape[1]
    for number in np.flatnonzero(~held):
        left, right = (place_at((number + side) / max(count - 1, 1), width) for side in (-0.5, 0.5))
        strip[MARGIN : STRIP - AXIS, max(left, LEFT) : min(right, width - RIGHT) + 1] = SHADE


def _draw_axes(strip: np.ndarray, fps: float | None, count: int) -> None:
    """Lines and numbers of the values 0, 0.5 and 1 and of the time, in frames without a clock."""
    width = strip.shape[1]
    for value in (0, 0.5, 1):
        cv2.line(strip, (LEFT, _level(value)), (width - RIGHT, _level(value)), GRAY, 1)
        write_text(strip, f"{value:g}", 2, GRAY, _level(value) + 4)
    rate, unit = fps or 1.0, " s" if fps else ""
    length = max(count - 1, 1) / rate
    step = next((each for each in TICKS_S if length / each <= MOST_TICKS), length)
    for number in range(int(length / step + 1e-9) + 1):
        x = place_at(number * step / length, width)
        cv2.line(strip, (x, STRIP - AXIS), (x, STRIP - AXIS + 3), GRAY, 1)
        write_text(strip, f"{number * step:g}{unit * (number == 0)}", x - 3, GRAY, STRIP - 3)


def _draw(strip: np.ndarray, values: np.ndarray, color: tuple[int, int, int], count: int) -> None:
    """A line through every run of frames that clips hold; a dot where that is one frame."""
    held = np.flatnonzero(~np.isnan(values))
    for run in np.split(held, np.flatnonzero(np.diff(held) > 1) + 1):
        points: list[Any] = [
            (place_at(number / max(count - 1, 1), strip.shape[1]), _level(values[number]))
            for number in run
        ]
        if len(points) == 1:
            cv2.circle(strip, points[0], 2, color, -1)
        cv2.polylines(strip, [np.array(points, np.int32)], False, color, 1, cv2.LINE_AA)


def write_text(
    picture: np.ndarray, text: str, x: int, color: tuple[int, int, int], y: int = 10
) -> None:
    """Writes small text at `(x, y)`, its lower left corner."""
    cv2.putText(picture, text, (x, y), FONT, 0.36, color, 1, cv2.LINE_AA)


def place_at(share: float, width: int) -> int:
    """Column of a share 0 … 1 of the time axis."""
    return LEFT + round(share * (width - 1 - LEFT - RIGHT))


def _level(value: float) -> int:
    return round(STRIP - AXIS - value * (STRIP - AXIS - MARGIN))
