"""Soft labels for ordered classes, without a word of Keras: losses and metrics share them."""

import numpy as np


def soft_labels(num_classes: int, *, scale: float = 2.0, zero_gap: float = 0.0) -> np.ndarray:
    """Targets of SORD: `y_i = softmax_i(-scale·(s_t - s_i)²)` for every true class t.

    Class i stands at `s_i = i`, class 0 at `-zero_gap`: a gap sets "healthy" further apart.

    Args:
        num_classes: K, at least 2.
        scale: Factor of the squared distance, above 0; larger is closer to one-hot.
        zero_gap: How far class 0 is moved away from class 1, at least 0.

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
