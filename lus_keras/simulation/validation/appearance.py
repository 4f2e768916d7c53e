"""Appearance of images (gray levels, frequencies, mean image) and distances between two sets."""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.stats import wasserstein_distance

SIDE, MEAN_SIDE = 350, 32
LOWEST, HIGHEST = 1, 99


@dataclass(frozen=True)
class Appearance:
    """Appearance of a set of frames.

    Attributes:
        histogram: `(256,)` share of pixels at each gray level.
        radial_db: `(99,)` power at 1 … 99 cycles per image, dB.
        mean_image: `(32, 32)` gray levels.
    """

    histogram: np.ndarray
    radial_db: np.ndarray
    mean_image: np.ndarray


def measure(frames: np.ndarray) -> Appearance:
    """Appearance of frames `(n, h, w)` filled by the sector, with equal weights.

    Frames are resized to 350 × 350 pixels.
    """
    resized = np.stack([_resized(frame, SIDE) for frame in frames])
    histogram = np.bincount(resized.ravel(), minlength=256) / resized.size
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    y, x = np.indices((SIDE, SIDE)) - SIDE // 2
    radius = np.rint(np.hypot(x, y)).astype(int).ravel()
    power = np.zeros(radius.max() + 1)
    for frame in resized:
        gray = (frame - frame.mean()) * window
        spectrum = np.abs(np.fft.fftshift(np.fft.fft2(gray))) ** 2
        power += np.bincount(radius, spectrum.ravel()) / np.bincount(radius)
    radial_db = 10 * np.log10(power[LOWEST : HIGHEST + 1] / len(resized) + 1e-9)
    mean = np.mean([_resized(frame, MEAN_SIDE) for frame in frames], axis=0)
    return Appearance(histogram, radial_db, mean)


def _resized(frame: np.ndarray, side: int) -> np.ndarray:
    shrinks = frame.shape[0] >= side
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(frame, (side, side), interpolation=interpolation)


def distances(one: Appearance, other: Appearance) -> dict[str, float]:
    """Distances between gray levels (Wasserstein), spectra (RMS, dB) and mean images (RMS)."""
    levels = np.arange(256)
    psd = one.radial_db - other.radial_db
    image = one.mean_image - other.mean_image
    return {
        "grey_levels": float(wasserstein_distance(levels, levels, one.histogram, other.histogram)),
        "psd_db": float(np.sqrt(np.mean(psd**2))),
        "mean_image": float(np.sqrt(np.mean(image**2))),
    }
