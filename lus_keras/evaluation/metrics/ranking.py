"""Metrics of probabilities, by scikit-learn; the areas are NaN if a class is missing.

scikit-learn takes as long to import as a video to predict, so it is imported where it is called.
"""

import numpy as np
from numpy.typing import ArrayLike


def roc_auc(y_true: ArrayLike, scores: ArrayLike) -> float:
    """Probability that a positive clip scores above a negative one; ties count one half.

    NaN unless both classes are present.
    """
    if len(np.unique(y_true)) < 2:
        return float("nan")
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(y_true, scores))


def pr_auc(y_true: ArrayLike, scores: ArrayLike) -> float:
    """Average precision: Σ (recall step) × precision, without interpolation.

    Equal to the prevalence for constant scores; NaN unless both classes are present.
    """
    if len(np.unique(y_true)) < 2:
        return float("nan")
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(y_true, scores))


def log_loss_of(y_true: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean negative log-likelihood of the labels.

    Labels are classes `(n,)`, or 0 and 1 `(n, k)` for labels that are predicted separately.
    """
    truth, chances = np.asarray(y_true), np.asarray(probabilities, np.float64)
    if truth.ndim == 1:
        said = chances[np.arange(len(truth)), truth]
    else:
        said = np.where(truth == 1, chances, 1 - chances)
    return float(-np.log(np.maximum(said, np.finfo(np.float64).tiny)).mean())
