"""Metrics prepared from the clips once, then evaluated for any weights of the patients."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from lus_keras.evaluation.metrics.confusion import _ratio
from lus_keras.evaluation.metrics.records import Clusters, Floats, Ints, Statistic, Weighted

# Resampled PR curves are (draws, clips); so few draws at once stay in the processor's cache.
DRAWS_AT_ONCE = 32


def confusion_statistic(
    formula: Callable[[Floats], Floats],
    y_true: ArrayLike,
    y_pred: ArrayLike,
    clusters: Clusters,
    classes: int = 2,
) -> Statistic:
    """Any metric of the confusion matrix; counts are summed over the drawn patients.

    Args:
        formula: Maps confusion matrices `(r, classes, classes)` to `(r,)`.
        y_true: `(n,)` integers 0 … classes-1.
        y_pred: `(n,)` integers 0 … classes-1.
    """
    cells = np.asarray(y_true, np.int64) * classes + np.asarray(y_pred, np.int64)

    def prepare(clips: Ints) -> Weighted:
        slots = clusters.patients[clips] * classes**2 + cells[clips]
        counts = np.bincount(slots, minlength=clusters.n_patients * classes**2)
        counts = counts.reshape(clusters.n_patients, classes**2).astype(np.float64)
        return lambda weights: formula((weights @ counts).reshape(-1, classes, classes))

    return prepare


def mean_statistic(values: ArrayLike, clusters: Clusters) -> Statistic:
    """Mean of one number per clip, `(n,)` without NaN where used: a hit rate, a squared error."""
    values = np.asarray(values, np.float64)

    def prepare(clips: Ints) -> Weighted:
        totals = _per_patient(clusters, clips, values[clips])
        counts = _per_patient(clusters, clips)
        return lambda weights: _ratio(weights @ totals, weights @ counts)

    return prepare


def roc_auc_statistic(y_true: ArrayLike, scores: ArrayLike, clusters: Clusters) -> Statistic:
    """ROC-AUC through the matrix of wins between patients.

    wins[i, j] counts pairs (positive clip of i, negative clip of j) in the right order, ties as one
    half; then AUC(w) = wᵀ·wins·w / (w·positives)(w·negatives) for any weights w.

    Args:
        y_true: `(n,)` integers 0 or 1.
        scores: `(n,)` floats.

    Returns:
        The statistic; NaN for draws with one class only.
    """
    y_true, scores = np.asarray(y_true, np.int64), np.asarray(scores, np.float64)

    def prepare(clips: Ints) -> Weighted:
        positives = clips[y_true[clips] == 1]
        negatives = clips[y_true[clips] == 0]
        wins = np.zeros((clusters.n_patients, clusters.n_patients))
        for patient in np.unique(clusters.patients[negatives]):
            rivals = np.sort(scores[negatives[clusters.patients[negatives] == patient]])
            below = np.searchsorted(rivals, scores[positives], "left")
            not_above = np.searchsorted(rivals, scores[positives], "right")
            wins[:, patient] = _per_patient(clusters, positives, (below + not_above) / 2)
        n_positive = _per_patient(clusters, positives)
        n_negative = _per_patient(clusters, negatives)

        def of_weights(weights: Floats) -> Floats:
            right = ((weights @ wins) * weights).sum(1)
            return _ratio(right, (weights @ n_positive) * (weights @ n_negative))

        return of_weights

    return prepare


def pr_auc_statistic(y_true: ArrayLike, scores: ArrayLike, clusters: Clusters) -> Statistic:
    """Average precision, a clip counted as often as its patient was drawn; NaN for one class."""

    def area(hits: Floats, false: Floats, positives: Floats, negatives: Floats) -> Floats:
        steps = np.diff(hits, axis=1, prepend=0)
        return _ratio(np.nansum(steps * _ratio(hits, hits + false), axis=1), positives)

    return _curve_statistic(y_true, scores, clusters, area)


def sensitivity_at_statistic(
    y_true: ArrayLike, scores: ArrayLike, clusters: Clusters, specificity: float
) -> Statistic:
    """Highest sensitivity of any threshold whose specificity is at least a given one.

    The threshold is chosen on the tested clips, again in every draw: the best that the network
    could reach, not the result of a threshold that was chosen before.

    Args:
        y_true: `(n,)` integers 0 or 1.
        scores: `(n,)` floats.
        clusters: Patient of each clip.
        specificity: 0 … 1.

    Returns:
        The statistic; 0 where only a threshold without positive predictions is specific enough,
        NaN for draws with one class only.
    """

    def highest(hits: Floats, false: Floats, positives: Floats, negatives: Floats) -> Floats:
        # 0.1 of 10 negatives is one of them, whatever binary fractions make of 1 - 0.9.
        allowed = false <= (1 - specificity) * negatives[:, None] + 1e-9
        return _ratio((hits * allowed).max(1, initial=0), positives)

    return _curve_statistic(y_true, scores, clusters, highest)


def _curve_statistic(
    y_true: ArrayLike,
    scores: ArrayLike,
    clusters: Clusters,
    read: Callable[[Floats, Floats, Floats, Floats], Floats],
) -> Statistic:
    """Reads a metric off the counts at all thresholds, for draws with both classes.

    Only thresholds that add a positive clip are looked at: in between, precision falls and
    sensitivity stays.

    Args:
        read: Maps `(r, thresholds)` true and false positives, from the highest threshold on, and
            `(r,)` positives and negatives to `(r,)`.
    """
    y_true, scores = np.asarray(y_true, np.int64), np.asarray(scores, np.float64)

    def prepare(clips: Ints) -> Weighted:
        ordered = clips[np.argsort(-scores[clips], kind="stable")]
        positive = y_true[ordered] == 1
        # A threshold cannot part equal scores: the curve has a point only at the last of each tie.
        thresholds = np.flatnonzero(np.append(np.diff(scores[ordered]) != 0, True))
        true = np.cumsum(positive)[thresholds]
        added = np.diff(true, prepend=0) > 0
        false = np.cumsum(~positive)[thresholds][added]
        true, patients = true[added], clusters.patients[ordered]

        def of_weights(weights: Floats) -> Floats:
            hits = _running(weights, patients[positive])
            alarms = _running(weights, patients[~positive])
            positives, negatives = hits[:, -1], alarms[:, -1]
            values = read(hits[:, true], alarms[:, false], positives, negatives)
            return np.where((positives == 0) | (negatives == 0), np.nan, values)

        def in_parts(weights: Floats) -> Floats:
            starts = range(0, len(weights), DRAWS_AT_ONCE)
            return np.concatenate([of_weights(weights[i : i + DRAWS_AT_ONCE]) for i in starts])

        return in_parts

    return prepare


def _running(weights: Floats, patients: Ints) -> Floats:
    """Clips of a draw among the first 0, 1, … of `(n,)` clips, `(r, n + 1)`."""
    counts = np.zeros((len(weights), len(patients) + 1))
    np.cumsum(weights[:, patients], axis=1, out=counts[:, 1:])
    return counts


def _per_patient(clusters: Clusters, clips: Ints, values: Floats | None = None) -> Floats:
    sums = np.bincount(clusters.patients[clips], values, minlength=clusters.n_patients)
    return sums.astype(np.float64)
