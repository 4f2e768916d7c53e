"""Maps of saliency against each other and against a region.

A map or mask is an array of any shape, here `(t, h, w)` or `(h, w)`; one pair at a time.
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def map_similarity(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rank correlation of two maps, pixel by pixel.

    It depends only on the order of the pixels, so monotonic rescaling of a map does not change it.
    A value near 1 between a trained and a random network means that the map reflects the input
    rather than what was learned.

    Args:
        first: Floats of any shape.
        second: Floats of the same shape.

    Returns:
        -1 … 1; NaN if either map is constant.

    Raises:
        ValueError: The shapes differ.
    """
    first, second = _same_shape(first, second)
    ranks = [pd.Series(values).rank().to_numpy() for values in (first, second)]
    if any(np.ptp(values) == 0 for values in ranks):
        return math.nan
    return float(np.corrcoef(ranks)[0, 1])


def share_in(saliency: ArrayLike, mask: ArrayLike) -> tuple[float, float]:
    """Share of a map's sum that lies in a region, and the share expected by chance.

    Args:
        saliency: Floats of 0 or more, of any shape.
        mask: Booleans of the same shape, true inside the region.

    Returns:
        Share of the sum, 0 … 1, NaN if the map is 0 everywhere; and the share of the area, which
        a constant map would give.

    Raises:
        ValueError: The shapes differ, they are empty, or the map has negative values.
    """
    values, inside = _same_shape(saliency, mask)
    if values.size == 0 or values.min() < 0:
        raise ValueError("`saliency` must not be empty, and all values must be 0 or more.")
    inside = inside.astype(bool)
    total = values.sum()
    share = values[inside].sum() / total if total > 0 else math.nan
    return float(share), float(inside.mean())


def _same_shape(first: ArrayLike, second: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.shape != second.shape:
        raise ValueError(
            f"Both must have the same shape. Received: shapes {first.shape} and {second.shape}."
        )
    return first.ravel(), second.ravel()
