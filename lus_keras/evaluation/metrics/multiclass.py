"""Metrics of more than two classes that exclude each other: each class against the rest, and all.

Every function takes `confusion (…, k, k)`, rows = truth, columns = prediction, and gives `(…)`
float64. A class that does not occur in the truth has no metric: NaN, even where a formula such as
precision would give a number. Means over classes are strict: NaN if one of them is undefined.

Total accuracy, trace / N, and the mean recall are two quantities. They agree only where all classes
are equally large, or where no class is recognized better than another.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lus_keras.evaluation.metrics import confusion as counted
from lus_keras.evaluation.metrics.confusion import Floats

Formula = Callable[[ArrayLike, int], Floats]


def class_accuracy(confusion: ArrayLike, positive: int) -> Floats:
    """(TP + TN) / N of one class against the rest; NaN where there are no clips."""
    cells = np.asarray(confusion, np.float64)
    total = cells.sum((-2, -1))
    missed = cells[..., positive, :].sum(-1) - cells[..., positive, positive]
    false = cells[..., :, positive].sum(-1) - cells[..., positive, positive]
    return counted._ratio(total - missed - false, total)


PER_CLASS: dict[str, Formula] = {
    "precision": counted.precision,
    "specificity": counted.specificity,
    "f1": counted.f1,
    "recall": counted.recall,
    "accuracy": class_accuracy,
}


def class_metric(confusion: ArrayLike, metric: str, positive: int) -> Floats:
    """A metric in `PER_CLASS` of one class against the rest, for counts `(…, k, k)`: `(…)` float64.

    NaN where the class does not occur in the truth, or the metric is undefined.
    """
    values = PER_CLASS[metric](confusion, positive)
    occurs = np.asarray(confusion)[..., positive, :].sum(-1) > 0
    return np.where(occurs, values, np.nan)


def class_mean(confusion: ArrayLike, metric: str, classes: Sequence[int]) -> Floats:
    """Unweighted mean ("macro") of a `class_metric` over `classes`; NaN if one of them has none."""
    if not len(classes):
        return np.full(np.shape(confusion)[:-2], np.nan)
    values = [class_metric(confusion, metric, positive) for positive in classes]
    return np.mean(values, axis=0)


def present_classes(y_true: ArrayLike) -> list[int]:
    """Classes that occur, ascending."""
    return [int(value) for value in np.unique(np.asarray(y_true, np.int64))]


def total_formulas(classes: Sequence[int]) -> dict[str, Callable[[Any], Floats]]:
    """Formulas of confusion matrices over all classes together, by name.

    `precision`, `specificity`, `f1`, `recall` are means over classes; `accuracy` is trace / N,
    `kappa` Cohen's.
    """

    def mean_of(metric: str) -> Callable[[Any], Floats]:
        return lambda confusion: class_mean(confusion, metric, classes)

    means = {metric: mean_of(metric) for metric in PER_CLASS if metric != "accuracy"}
    return means | {"accuracy": counted.accuracy, "kappa": counted.cohen_kappa}
