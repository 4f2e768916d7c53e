"""Confidence intervals over patients, for any statistic that can be written with patient weights.

Clips of one patient are correlated, so patients are drawn: with replacement, including all clips of
a drawn patient, 2,000 times. A draw is a vector of weights, the number of times each patient was
drawn; a statistic is prepared once from the clips and then maps weights `(r, patients)` to `(r,)`.
Weights of 1 give the value for the data themselves, so a value and its interval use the same code.
"""

from functools import lru_cache

import numpy as np

from lus_keras.evaluation.metrics.confusion import _ratio
from lus_keras.evaluation.metrics.records import (
    Clusters,
    Difference,
    Estimate,
    Floats,
    Ints,
    Statistic,
    Weighted,
)

RESAMPLES = 2000


def interval(values: Floats) -> tuple[float, float, float]:
    """95 % percentile interval of `(r,)` resampled values.

    Returns:
        Low end, high end, and the share of resamples that were undefined (NaN) and dropped. The
        ends are NaN if no resample is defined.
    """
    defined = values[~np.isnan(values)]
    undefined = 1 - len(defined) / len(values)
    if not len(defined):
        return np.nan, np.nan, undefined
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high), undefined


def patient_bootstrap(
    statistic: Weighted, n_patients: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """Bootstrap interval over patients.

    Args:
        statistic: Function from weights `(r, n_patients)` float64 (number of times each patient was
            drawn) to values `(r,)`.
        seed: Seed of the draws; equal seeds draw the same patients.

    Returns:
        As `interval`; the ends are NaN for fewer than two patients.
    """
    if n_patients < 2:
        return np.nan, np.nan, 0.0
    return interval(statistic(_draws(n_patients, resamples, seed)))


def estimate(
    statistic: Statistic,
    clusters: Clusters,
    *,
    over_folds: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Value, 95 % interval over patients, and values of the folds.

    Args:
        statistic: The metric.
        clusters: Patient and fold of every clip.
        over_folds: Whether the value is the mean of the folds' metrics; otherwise the metric of all
            clips pooled.
        seed: Seed of the draws.

    Returns:
        The estimate; NaN without clips or where the metric is undefined.
    """
    if not len(clusters.patients):
        return Estimate(np.nan, np.nan, np.nan)
    whole = _of_all(fold_mean(statistic, clusters) if over_folds else statistic, clusters)
    count = clusters.n_patients
    ci_low, ci_high, undefined = patient_bootstrap(whole, count, resamples=resamples, seed=seed)
    return Estimate(
        value=_value(whole, count),
        ci_low=ci_low,
        ci_high=ci_high,
        folds=fold_values(statistic, clusters, whole),
        undefined=undefined,
        n_patients=count,
        n_clips=len(clusters.patients),
        over_folds=over_folds,
    )


def point(statistic: Statistic, clusters: Clusters, *, over_folds: bool = False) -> float:
    """Value of a metric as in `estimate`, without an interval; NaN if undefined."""
    if not len(clusters.patients):
        return np.nan
    whole = _of_all(fold_mean(statistic, clusters) if over_folds else statistic, clusters)
    return _value(whole, clusters.n_patients)


def paired_difference(
    better: Statistic,
    worse: Statistic,
    clusters: Clusters,
    *,
    others: Clusters | None = None,
    seed: int = 0,
) -> Difference:
    """Difference of two networks' metrics by paired bootstrap: the same patients for both.

    Args:
        better: Metric of the network claimed to be better.
        worse: Metric of the other network.
        clusters: Patient and fold of every clip of the better network.
        others: Those of the other network if its clips differ, of the same patients; the same clips
            in the same order if not given.
        seed: Seed of the draws.

    Raises:
        ValueError: The numbers of patients differ.
    """
    others = clusters if others is None else others
    count = clusters.n_patients
    if count != others.n_patients:
        raise ValueError(
            f"`clusters` and `others` must be from the same patients. Received: {count} and "
            f"{others.n_patients} of them."
        )
    first, second = _of_all(better, clusters), _of_all(worse, others)

    def difference(weights: Floats) -> Floats:
        return first(weights) - second(weights)

    return Difference(_value(difference, count), *patient_bootstrap(difference, count, seed=seed))


def independent_difference(
    first: tuple[Statistic, Clusters],
    second: tuple[Statistic, Clusters],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Difference, first minus second, on two sets of clips whose patients are drawn independently.

    NaN if a metric is undefined; the interval is NaN for fewer than two patients on a side.
    """
    one, other = (_of_all(*side) for side in (first, second))
    counts = [clusters.n_patients for _, clusters in (first, second)]
    value = _value(one, counts[0]) - _value(other, counts[1])
    if min(counts) < 2:
        return Difference(value, np.nan, np.nan, 1.0)
    rng = np.random.default_rng(seed)
    draws = [_weights(rng.integers(0, count, (resamples, count)), count) for count in counts]
    return Difference(value, *interval(one(draws[0]) - other(draws[1])))


def _of_all(statistic: Statistic, clusters: Clusters) -> Weighted:
    return statistic(np.arange(len(clusters.patients)))


def _value(statistic: Weighted, n_patients: int) -> float:
    return float(statistic(np.ones((1, n_patients)))[0])


def fold_mean(statistic: Statistic, clusters: Clusters) -> Statistic:
    """Mean over the folds in which a statistic is defined, for any patient weights; else NaN."""

    def of_clips(clips: Ints) -> Weighted:
        parts = _of_folds(statistic, clusters, clips)

        def of_weights(weights: Floats) -> Floats:
            values = np.stack([part(weights) for part in parts])
            return _ratio(np.nansum(values, axis=0), (~np.isnan(values)).sum(0))

        return of_weights

    return of_clips


def fold_values(statistic: Statistic, clusters: Clusters, whole: Weighted) -> tuple[float, ...]:
    """Values of a metric in each fold, in fold order; NaN if undefined.

    Args:
        whole: The metric prepared on all clips; with a single fold it need not be prepared again.
    """
    if len(np.unique(clusters.folds)) == 1:
        return (_value(whole, clusters.n_patients),)
    parts = _of_folds(statistic, clusters, np.arange(len(clusters.patients)))
    return tuple(_value(part, clusters.n_patients) for part in parts)


def _of_folds(statistic: Statistic, clusters: Clusters, clips: Ints) -> list[Weighted]:
    folds = clusters.folds[clips]
    return [statistic(clips[folds == fold]) for fold in np.unique(folds)]


@lru_cache(maxsize=4)
def _draws(n_patients: int, resamples: int, seed: int) -> Floats:
    """Weights of every draw; all metrics of a set of predictions share them."""
    rng = np.random.default_rng(seed)
    weights = _weights(rng.integers(0, n_patients, (resamples, n_patients)), n_patients)
    weights.flags.writeable = False
    return weights


def _weights(draws: Ints, n_patients: int) -> Floats:
    """Turns drawn patients `(r, d)` into how often each came up, `(r, n_patients)`."""
    rows = np.arange(len(draws))[:, None] * n_patients
    counts = np.bincount((rows + draws).ravel(), minlength=len(draws) * n_patients)
    return counts.reshape(len(draws), n_patients).astype(np.float64)
