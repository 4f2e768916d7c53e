"""Weights and inputs that golden values were computed from; the recipe is in the golden files."""

import json
import zlib
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"


def cases(name: str, section: str = "cases") -> list[dict]:
    return json.loads((GOLDEN / name).read_text())[section]


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


def seeded_torch_state(shapes: dict, seed: int) -> dict[str, np.ndarray]:
    """One generator an array, seeded by its name; PyTorch's names and shapes (out, in, kh, kw)."""
    state = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        if name.endswith("running_var"):
            value = 1 + 0.1 * rng.random(shape)
        elif len(shape) == 1 and name.endswith(".weight"):
            value = 1 + 0.1 * rng.standard_normal(shape)
        elif len(shape) > 1:
            value = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        else:
            value = 0.05 * rng.standard_normal(shape)
        # Small last normalizations keep 50 residual blocks from growing without bound.
        state[name] = (value * (0.2 if name.endswith("bn3.weight") else 1)).astype(np.float32)
    return state


def seeded_inputs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Normal noise, channels last."""
    return np.random.default_rng(seed + 1).standard_normal(shape).astype(np.float32)
