"""Metrics of a confusion matrix, for one matrix or a whole stack of resampled ones.

Every function takes `confusion (…, k, k)`, rows = truth, columns = prediction, and returns `(…)`
float64 in 0 … 1, κ in -1 … 1. `positive` is the class that counts as positive against all others,
so the same code serves two classes (positive = 1) and one class against the rest.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def confusion_matrix(y_true: ArrayLike, y_pred: ArrayLike, classes: int = 2) -> NDArray[np.int64]:
    """Counts clips of classes 0 … k-1: `(k, k)` int64, rows = truth, columns = prediction."""
    pairs = np.asarray(y_true, np.int64) * classes + np.asarray(y_pred, np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def precision(confusion: ArrayLike, positive: int = 1) -> Floats:
    """TP / (TP + FP); NaN without positive predictions."""
    hits, predicted, _, _ = _margins(confusion, positive)
    return _ratio(hits, predicted)


def recall(confusion: ArrayLike, positive: int = 1) -> Floats:
    """TP / (TP + FN), also called sensitivity; NaN without positive clips."""
    hits, _, actual, _ = _margins(confusion, positive)
    return _ratio(hits, actual)


def f1(confusion: ArrayLike, positive: int = 1) -> Floats:
    """2 TP / (2 TP + FP + FN); NaN only without positive clips and positive predictions."""
    hits, predicted, actual, _ = _margins(confusion, positive)
    return _ratio(2 * hits, predicted + actual)


def specificity(confusion: ArrayLike, positive: int = 1) -> Floats:
    """TN / (TN + FP); NaN without negative clips."""
    hits, predicted, actual, total = _margins(confusion, positive)
    return _ratio(total - predicted - actual + hits, total - actual)


def accuracy(confusion: ArrayLike) -> Floats:
    """Share of correct predictions (= micro-F1 with one class per clip); NaN without clips."""
    confusion = np.asarray(confusion, np.float64)
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum((-2, -1)))


def cohen_kappa(confusion: ArrayLike, quadratic: bool = False) -> Floats:
    """Agreement beyond chance, 1 - Σ w·observed / Σ w·expected.

    Args:
        confusion: `(…, k, k)` counts.
        quadratic: Whether an error counts by its squared distance (ordered classes), not by 1.

    Returns:
        `(…)` at most 1; NaN if chance agreement is complete (one class in truth and prediction).
    """
    confusion = np.asarray(confusion, np.float64)
    classes = np.arange(confusion.shape[-1])
    distance = np.subtract.outer(classes, classes)
    weights = distance**2 if quadratic else (distance != 0)
    rows, columns = confusion.sum(-1), confusion.sum(-2)
    expected = _ratio(
        rows[..., :, None] * columns[..., None, :], confusion.sum((-2, -1))[..., None, None]
    )
    return 1 - _ratio((weights * confusion).sum((-2, -1)), (weights * expected).sum((-2, -1)))


def _margins(confusion: ArrayLike, positive: int) -> tuple[Floats, Floats, Floats, Floats]:
    confusion = np.asarray(confusion, np.float64)
    hits = confusion[..., positive, positive]
    predicted = confusion[..., :, positive].sum(-1)
    actual = confusion[..., positive, :].sum(-1)
    return hits, predicted, actual, confusion.sum((-2, -1))


def _ratio(numerator: Any, denominator: Any) -> Floats:
    """Divides, with NaN (and no warning) where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    undefined = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator > 0)
