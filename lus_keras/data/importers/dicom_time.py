"""Frame times of a DICOM cine, which several elements may state and may contradict."""

import math
from typing import Any

import numpy as np

from lus_keras.core.errors import DataError

_ELEMENTS = ("FrameTimeVector", "FrameTime", "CineRate", "RecommendedDisplayFrameRate")
_POINTED = {0x00181063: "FrameTime", 0x00181065: "FrameTimeVector"}
# Plausible frames per second; values outside result from a wrong unit or a typing error.
_POSSIBLE = (1, 1000)
# Relative difference below which rates are considered equal, as rates may be rounded.
_SAME_RATE = 0.02


def frame_times(dataset: Any, frame_rate: float | None) -> tuple[tuple[float, ...], list[str]]:
    """Time stamps of all frames.

    FrameIncrementPointer names the element that applies; without it, the first one present does. A
    rate given by the user overrides all of them.

    Args:
        frame_rate: Frames per second given by the user, or None.

    Returns:
        Seconds from 0, and notes on elements that disagree.

    Raises:
        DataError: No element states a time for every frame and no rate is given, or the stated
            rate is implausible.
    """
    frames = int(dataset.NumberOfFrames)
    stated = {name: times for name in _ELEMENTS if (times := _read(dataset, name, frames))}
    if frame_rate is not None:
        used, times = "--frame-rate", _even(frames, frame_rate)
    else:
        names = [name for name in (_pointed(dataset), *stated) if name in stated]
        if not names:
            raise DataError(_nothing_stated(dataset))
        used, times = names[0], stated[names[0]]
        if not _POSSIBLE[0] <= round(_rate(times), 6) <= _POSSIBLE[1]:
            raise DataError(
                f"{used} states {_rate(times):.4g} frames per second, which is not plausible for "
                "ultrasound. Give the rate with --frame-rate."
            )
    others = [
        f"{name} states {_rate(other):.4g}"
        for name, other in stated.items()
        if abs(_rate(other) / _rate(times) - 1) > _SAME_RATE
    ]
    if others:
        note = (
            f"{used} states {_rate(times):.4g} frames per second and is used; "
            f"{' and '.join(others)}."
        )
        return times, [note]
    return times, []


def _pointed(dataset: Any) -> str | None:
    pointer = dataset.get("FrameIncrementPointer")
    tags = [pointer] if isinstance(pointer, int) else list(pointer or ())
    return next((_POINTED[int(tag)] for tag in tags if int(tag) in _POINTED), None)


def _read(dataset: Any, name: str, frames: int) -> tuple[float, ...] | None:
    """Frame times in s stated by one element; None if it is absent or its values are invalid."""
    value = dataset.get(name)
    if value is None or value == "":
        return None
    if name == "FrameTimeVector":
        steps_ms = np.atleast_1d(np.array(value, np.float64))
        whole = len(steps_ms) == frames and np.isfinite(steps_ms).all()
        if not whole or not (steps_ms[1:] >= 1).all():
            return None
        steps_ms[0] = 0
        return tuple((np.cumsum(steps_ms) / 1000).tolist())
    number = float(value)
    if not 0 < number < math.inf:
        return None
    return _even(frames, 1000 / number if name == "FrameTime" else number)


def _even(frames: int, rate: float) -> tuple[float, ...]:
    return tuple((np.arange(frames) / rate).tolist())


def _rate(times_s: tuple[float, ...]) -> float:
    return (len(times_s) - 1) / times_s[-1]


def _nothing_stated(dataset: Any) -> str:
    if dataset.get("FrameTimeVector") is not None:
        return (
            "FrameTimeVector does not contain a time for each frame, and no other field states the "
            "rate. Give it with --frame-rate if known."
        )
    return "states no frame rate. Give it with --frame-rate if known."
