"""Random fields: speckle, smooth noise along the lung, and noise over time."""

import cv2
import numpy as np

# Smooth profiles are drawn on a fixed lattice in mm, so that they do not depend on the beam count.
LATTICE_MM = 0.5
LATTICE = np.arange(-160.0, 160.0 + LATTICE_MM, LATTICE_MM)


def from_db(level: np.ndarray | float) -> np.ndarray:
    """Converts dB to power: `10 ** (level / 10)`, float32."""
    return np.power(np.float32(10), np.asarray(level, np.float32) * np.float32(0.1))


def soft_step(x: np.ndarray) -> np.ndarray:
    """Logistic step from 0 (x << 0) to 1 (x >> 0), float32."""
    return (1 / (1 + np.exp(-np.clip(x, -30, 30)))).astype(np.float32)


def _blurred_noise(
    rng: np.random.Generator, shape: tuple[int, int], axial: float, lateral: float
) -> np.ndarray:
    noise = rng.standard_normal(shape, dtype=np.float32)
    size = tuple(2 * int(np.ceil(2.5 * max(s, 0.3))) + 1 for s in (lateral, axial))
    return cv2.GaussianBlur(
        noise, size, sigmaX=max(lateral, 0.3), sigmaY=max(axial, 0.3), borderType=cv2.BORDER_REFLECT
    )


def smooth_field(
    rng: np.random.Generator, shape: tuple[int, int], axial: float, lateral: float
) -> np.ndarray:
    """Gaussian noise of SD 1 with Gaussian correlation (SD in rows and in columns).

    The amount consumed from the random stream depends on `shape` only.
    """
    out = _blurred_noise(rng, shape, axial, lateral)
    return out / out.std()


def speckle(
    rng: np.random.Generator, shape: tuple[int, int], axial: float, lateral: float
) -> np.ndarray:
    """Fully developed speckle of mean 1: |complex white noise * Gaussian point spread|²."""
    real = _blurred_noise(rng, shape, axial, lateral)
    imaginary = _blurred_noise(rng, shape, axial, lateral)
    power = real * real + imaginary * imaginary
    return power / power.mean()


def smooth_profile(
    rng: np.random.Generator, position_mm: np.ndarray, correlation_mm: float
) -> np.ndarray:
    """Smooth noise along the pleura, the same function for every sampling.

    Args:
        rng: Random stream; the amount consumed is constant.
        position_mm: `(n,)` sampling positions within ±160 mm.
        correlation_mm: Blur of the underlying white noise (SD, mm).

    Returns:
        `(n,)` float32 of standard deviation 1.
    """
    lattice = smooth_field(rng, (1, LATTICE.size), 0.3, correlation_mm / LATTICE_MM)[0]
    return np.interp(position_mm, LATTICE, lattice).astype(np.float32)


def ornstein_uhlenbeck(
    rng: np.random.Generator, frames: int, fps: float, time_constant_s: float
) -> np.ndarray:
    """Stationary noise `(t,)` of SD 1 whose correlation decays to 1/e within the time constant."""
    memory = np.exp(-1 / (fps * time_constant_s))
    steps = rng.standard_normal(frames) * np.sqrt(1 - memory**2)
    value = rng.standard_normal()
    path = np.empty(frames)
    for t in range(frames):
        value = memory * value + steps[t]
        path[t] = value
    return path
