"""Metrics of probabilities, by scikit-learn; the areas are NaN where one class is missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn import metrics as sklearn_metrics


def roc_auc(y_true: ArrayLike, scores: ArrayLike) -> float:
    """Chance that a positive clip scores above a negative one; a tie counts one half.

    Args:
        y_true: `(n,)` integers 0 or 1.
        scores: `(n,)` floats, higher = more positive.

    Returns:
        Float in 0 … 1; NaN unless both classes are present.
    """
    if len(np.unique(y_true)) < 2:
        return float("nan")
    return float(sklearn_metrics.roc_auc_score(y_true, scores))


def pr_auc(y_true: ArrayLike, scores: ArrayLike) -> float:
    """Average precision: Σ (recall step) × precision, without interpolation.

    Args:
        y_true: `(n,)` integers 0 or 1.
        scores: `(n,)` floats, higher = more positive.

    Returns:
        Float in 0 … 1, the prevalence for constant scores; NaN unless both classes are present.
    """
    if len(np.unique(y_true)) < 2:
        return float("nan")
    return float(sklearn_metrics.average_precision_score(y_true, scores))
