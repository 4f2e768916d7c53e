"""Metrics of ordered classes, severity scores 0 … K-1, and predictors that ignore the input.

`matrix` is `(…, k, k)`, counts with rows = truth; results are `(…)` float64.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lus_keras.evaluation.metrics import confusion
from lus_keras.evaluation.metrics.confusion import Floats
from lus_keras.evaluation.metrics.records import Statistic
from lus_keras.evaluation.metrics.scores import Scores
from lus_keras.evaluation.metrics.statistics import confusion_statistic, mean_statistic

# Files hold nine digits, so a probability may be 0 where the loss is large but finite.
SMALLEST = 1e-9


def macro_f1(matrix: ArrayLike) -> Floats:
    """Mean F1 of the classes that occur or are predicted; NaN without clips."""
    classes = range(np.shape(matrix)[-1])
    each = np.stack([confusion.f1(matrix, positive=k) for k in classes])
    return confusion._ratio(np.nansum(each, axis=0), (~np.isnan(each)).sum(0))


def mean_absolute_error(matrix: ArrayLike) -> Floats:
    """Mean distance |predicted - true| in classes, 0 … k-1; NaN without clips."""
    return _mean_of_distance(matrix, _distances(matrix))


def within(matrix: ArrayLike, classes: int = 1) -> Floats:
    """Share of predictions at most `classes` away from the truth; NaN without clips."""
    return _mean_of_distance(matrix, _distances(matrix) <= classes)


def soft_cross_entropy(
    y_true: ArrayLike, probabilities: ArrayLike, targets: ArrayLike
) -> NDArray[np.float64]:
    """Cross-entropy of predictions with soft labels.

    Args:
        y_true: `(n,)` classes 0 … k-1.
        probabilities: `(n, k)`; values below 1e-9 are raised to it.
        targets: `(k, k)` soft labels, row y for class y.

    Returns:
        `(n,)` float64.
    """
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), SMALLEST))
    return -(np.asarray(targets)[np.asarray(y_true, np.int64)] * logs).sum(axis=1)


def summed_batch_loss(losses: ArrayLike, batch_size: int) -> float:
    """Sum of the batches' mean losses divided by the number of clips, that is, divided twice.

    With full batches it is the mean loss divided by the batch size. NaN without clips.
    """
    losses = np.asarray(losses, np.float64)
    if not len(losses):
        return float("nan")
    starts = range(0, len(losses), batch_size)
    return float(sum(losses[at : at + batch_size].mean() for at in starts) / len(losses))


def best_constant(y_true: ArrayLike, targets: ArrayLike) -> NDArray[np.float64]:
    """Constant probabilities `(k,)` with the lowest mean cross-entropy over all clips.

    They are the mean of the clips' soft labels; the loss is their entropy.
    """
    return np.asarray(targets, np.float64)[np.asarray(y_true, np.int64)].mean(axis=0)


def constant_baseline(scores: Scores, targets: ArrayLike) -> Scores:
    """Scores of the predictor that gives `best_constant` for every clip; `targets` `(k, k)`."""
    constant = best_constant(scores.y_true, targets)
    return replace(scores, probabilities=np.tile(constant, (len(scores.y_true), 1)))


def ordinal_statistics(scores: Scores, targets: ArrayLike) -> dict[str, Statistic]:
    """All metrics for ordered classes, by name; `loss` uses the `(k, k)` soft labels `targets`.

    `accuracy` is micro-F1, `kappa` has quadratic weights.
    """
    classes = scores.probabilities.shape[1]
    formulas: dict[str, Callable[[Floats], Floats]] = {
        "accuracy": confusion.accuracy,
        "macro_f1": macro_f1,
        "kappa": partial(confusion.cohen_kappa, quadratic=True),
        "mae": mean_absolute_error,
        "within_one": within,
    }
    counted = {
        name: confusion_statistic(formula, scores.y_true, scores.y_pred, scores.clusters, classes)
        for name, formula in formulas.items()
    }
    losses = soft_cross_entropy(scores.y_true, scores.probabilities, targets)
    return counted | {"loss": mean_statistic(losses, scores.clusters)}


def _distances(matrix: ArrayLike) -> NDArray[np.int64]:
    classes = np.arange(np.shape(matrix)[-1])
    return np.abs(np.subtract.outer(classes, classes))


def _mean_of_distance(matrix: ArrayLike, values: NDArray) -> Floats:
    counts = np.asarray(matrix, np.float64)
    return confusion._ratio((values * counts).sum((-2, -1)), counts.sum((-2, -1)))
