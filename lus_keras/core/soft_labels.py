"""Soft labels for ordered classes, independent of Keras, for losses and metrics."""

import numpy as np


def soft_labels(num_classes: int, *, scale: float = 2.0, zero_gap: float = 0.0) -> np.ndarray:
    """Targets of SORD: `y_i = softmax_i(-scale·(s_t - s_i)²)` for every true class t.

    Class i is at `s_i = i`, class 0 at `-zero_gap`; a gap moves "healthy" further away.

    Args:
        num_classes: K, at least 2.
        scale: Factor of the squared distance, above 0; larger is closer to one-hot.
        zero_gap: Additional distance between class 0 and class 1, at least 0.

    Returns:
        `(K, K)` float64, row t sums to 1.

    References:
        Diaz & Marathe 2019, "Soft Labels for Ordinal Regression", Eq. 1; squared distance times 2
        as in the public code of Corso 2023; the gap as in Roy 2020 (0.5 there, none in Corso).
    """
    positions = np.arange(num_classes, dtype=np.float64)
    positions[0] -= zero_gap
    weights = np.exp(-scale * (positions[:, None] - positions[None, :]) ** 2)
    return weights / weights.sum(axis=1, keepdims=True)
