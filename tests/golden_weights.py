"""Weights and inputs that golden values were computed from; the recipe is in the golden files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"


def cases(name: str) -> list[dict]:
    return json.loads((GOLDEN / name).read_text())["cases"]


def seeded_weights(model, seed: int, dense_scale: float | None = None) -> list[np.ndarray]:
    """One generator over all weights in order; the kind of a weight is told by its name.

    Matrices are scaled by `dense_scale` if it is given, as all else by their fan-in if it is not.
    """
    rng = np.random.default_rng(seed)
    values = []
    for weight in model.weights:
        if weight.name in ("kernel", "recurrent_kernel"):
            by_fan_in = dense_scale is None or len(weight.shape) > 2
            scale = np.sqrt(2 / np.prod(weight.shape[:-1])) if by_fan_in else dense_scale
            value = rng.standard_normal(weight.shape) * scale
        elif weight.name == "gamma":
            value = 1 + 0.1 * rng.standard_normal(weight.shape)
        elif weight.name == "moving_variance":
            value = 1 + 0.1 * rng.random(weight.shape)
        else:
            value = 0.1 * rng.standard_normal(weight.shape)
        values.append(value.astype(np.float32))
    return values


def seeded_clips(case: dict) -> np.ndarray:
    """Uniform noise, brighter from frame to frame."""
    shape = tuple(case["input_shape"])
    rng = np.random.default_rng(case["seed"] + 1)
    brightness = np.linspace(0.3, 1.5, shape[0]).reshape(1, -1, 1, 1, 1)
    return (rng.random((case["batch"], *shape)) * brightness).astype(np.float32)
