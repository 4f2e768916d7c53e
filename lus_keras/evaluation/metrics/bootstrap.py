"""Confidence intervals over patients, for any statistic that can be written with patient weights.

Clips of one patient resemble each other, so the patient is what is drawn: with replacement, all
clips of a drawn patient, 2,000 times. A draw is a vector of weights, how often each patient came
up; a statistic is prepared once from the clips and then maps weights `(r, patients)` to `(r,)`.
Weights of 1 give the value on the data themselves, so a value and its interval share their code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lus_keras.evaluation.metrics.confusion import _ratio

RESAMPLES = 2000
# Trainings from which on a claimed order gets a verdict.
LEAST_SEEDS = 3

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weighted = Callable[[Floats], Floats]
Statistic = Callable[[Ints], Weighted]
"""Given `(m,)` positions of the clips to use, a function of weights `(r, patients)` → `(r,)`."""


@dataclass(frozen=True)
class Clusters:
    """Which patient and which fold every clip belongs to.

    Attributes:
        patients: `(n,)` int64, 0 … n_patients-1.
        folds: `(n,)` int64 number of the fold that tested the clip.
    """

    patients: Ints
    folds: Ints
    n_patients: int
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, patient_ids: ArrayLike, folds: ArrayLike) -> Clusters:
        """Numbers patients in the order of their sorted ids.

        Args:
            patient_ids: `(n,)` text.
            folds: `(n,)` integers.
        """
        names, patients = np.unique(np.asarray(patient_ids, str), return_inverse=True)
        numbers = patients.astype(np.int64), np.asarray(folds, np.int64)
        return cls(*numbers, len(names), tuple(names.tolist()))


@dataclass(frozen=True)
class Estimate:
    """A metric with what is needed to judge it; NaN wherever it is undefined.

    Attributes:
        ci_low: 2.5th percentile of the patient bootstrap.
        ci_high: 97.5th percentile.
        folds: The metric in each fold, in fold order.
        undefined: Share of resamples in which the metric was undefined; they were dropped.
        n_patients: Patients behind `value`.
        n_clips: Clips behind `value`.
        over_folds: Whether `value` is the mean of `folds`.
        seeds: The metric of each seed's training, where `value` is their mean; empty for one.
    """

    value: float
    ci_low: float
    ci_high: float
    folds: tuple[float, ...] = field(default=())
    undefined: float = 0.0
    n_patients: int = 0
    n_clips: int = 0
    over_folds: bool = False
    seeds: tuple[float, ...] = ()

    @property
    def fold_sd(self) -> float:
        """SD across folds (ddof 1); says how folds differ and is not a confidence interval."""
        return _sd(self.folds)

    @property
    def seed_sd(self) -> float:
        """SD across seeds (ddof 1): how much trainings differ by chance; NaN for one."""
        return _sd(self.seeds)


@dataclass(frozen=True)
class Difference:
    """Metric of one model minus that of another on the same clips.

    Attributes:
        value: The difference; positive means that the first is better.
        ci_low: 2.5th percentile of the bootstrap.
        ci_high: 97.5th percentile.
        undefined: Share of resamples that were undefined and dropped.
        seeds: The difference of each seed's trainings, where `value` is their mean; empty for one.
    """

    value: float
    ci_low: float
    ci_high: float
    undefined: float = 0.0
    seeds: tuple[float, ...] = ()

    @property
    def n_seeds(self) -> int:
        """Trainings of each network behind `value`."""
        return len(self.seeds) or 1

    @property
    def seed_sd(self) -> float:
        """SD across seeds (ddof 1); NaN for one."""
        return _sd(self.seeds)

    @property
    def judged(self) -> bool:
        """Whether there are trainings enough for a verdict."""
        return self.n_seeds >= LEAST_SEEDS

    @property
    def verdict(self) -> str:
        """`holds` if the interval lies above 0, `fails` if below, otherwise `undecided`.

        Fewer than three trainings have none: the interval then leaves out, or hardly knows, how
        much trainings differ by chance.
        """
        if not self.judged:
            return f"{'one training' if self.n_seeds == 1 else 'two trainings'}: no verdict"
        if self.ci_low > 0:
            return "holds"
        return "fails" if self.ci_high < 0 else "undecided"


def patient_bootstrap(
    statistic: Weighted, n_patients: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """95 % percentile interval over patients.

    Args:
        statistic: Maps weights `(r, n_patients)` float64 (times each patient was drawn) to `(r,)`.
        seed: Seed of the draws; equal seeds draw equal patients.

    Returns:
        Low end, high end, and the share of resamples that were undefined (NaN) and dropped. The
        ends are NaN for fewer than two patients or if no resample is defined.
    """
    if n_patients < 2:
        return float("nan"), float("nan"), 0.0

    values = statistic(_draws(n_patients, resamples, seed))
    defined = values[~np.isnan(values)]
    undefined = 1 - len(defined) / len(values)
    if not len(defined):
        return float("nan"), float("nan"), undefined
    low, high = np.percentile(defined, [2.5, 97.5])
    return float(low), float(high), undefined


def estimate(
    statistic: Statistic,
    clusters: Clusters,
    *,
    over_folds: bool = False,
    clips: Ints | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Value, interval over patients and spread across folds of one metric.

    Args:
        clusters: Patient and fold of each of the n clips.
        over_folds: Mean of the folds' metrics instead of one metric of all clips together.
        clips: `(m,)` positions of the clips that count; all of them by default.

    Returns:
        The estimate; NaN throughout if no clip counts.
    """
    clips = np.arange(len(clusters.patients)) if clips is None else clips
    if not len(clips):
        return Estimate(float("nan"), float("nan"), float("nan"))
    ones = np.ones((1, clusters.n_patients))
    parts = _fold_statistics(statistic, clusters, clips)
    whole = _mean_of(parts) if over_folds else statistic(clips)
    # Patients without any of these clips weigh nothing; drawing them would only widen the interval.
    members = np.unique(clusters.patients[clips])
    ci_low, ci_high, undefined = patient_bootstrap(
        _only(whole, members, clusters.n_patients), len(members), resamples=resamples, seed=seed
    )
    return Estimate(
        value=float(whole(ones)[0]),
        ci_low=ci_low,
        ci_high=ci_high,
        folds=tuple(float(part(ones)[0]) for part in parts),
        undefined=undefined,
        n_patients=len(members),
        n_clips=len(clips),
        over_folds=over_folds,
    )


def point(statistic: Statistic, clusters: Clusters, *, over_folds: bool = False) -> float:
    """Value of a metric without an interval.

    Args:
        over_folds: Mean of the folds' metrics instead of one metric of all clips together.

    Returns:
        The value, NaN where undefined.
    """
    statistic = fold_mean(statistic, clusters) if over_folds else statistic
    clips = np.arange(len(clusters.patients))
    return float(statistic(clips)(np.ones((1, clusters.n_patients)))[0]) if len(clips) else np.nan


def paired_difference(
    better: Statistic,
    worse: Statistic,
    clusters: Clusters,
    *,
    others: Clusters | None = None,
    over_folds: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Tests a claimed order of two models; both see the same drawn patients.

    Args:
        better: Statistic of the model claimed to be better.
        others: Those of the other model's clips, of the same patients, where it was tested on
            others; the same clips in the same order if not given.
        over_folds: Compare means over folds instead of metrics of all clips together.

    Returns:
        Difference better - worse with its interval and verdict.
    """
    others = clusters if others is None else others
    if clusters.n_patients != others.n_patients:
        raise ValueError(
            "`clusters` and `others` must be of the same patients. "
            f"Received: {clusters.n_patients} and {others.n_patients} of them."
        )
    if over_folds:
        better, worse = fold_mean(better, clusters), fold_mean(worse, others)
    first, second = (
        statistic(np.arange(len(side.patients)))
        for statistic, side in ((better, clusters), (worse, others))
    )

    def difference(weights: Floats) -> Floats:
        return first(weights) - second(weights)

    n_patients = clusters.n_patients
    value = float(difference(np.ones((1, n_patients)))[0])
    low, high, undefined = patient_bootstrap(difference, n_patients, resamples=resamples, seed=seed)
    return Difference(value, low, high, undefined)


def independent_difference(
    first: tuple[Statistic, Clusters],
    second: tuple[Statistic, Clusters],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Compares one metric on two sets of clips, whose patients are drawn independently.

    Returns:
        Difference first - second with its interval; NaN where a side is undefined.
    """
    sides, counts = [], []
    for statistic, clusters in (first, second):
        clips = np.arange(len(clusters.patients))
        members = np.unique(clusters.patients)
        sides.append(_only(statistic(clips), members, clusters.n_patients))
        counts.append(len(members))
    value = float((sides[0](np.ones((1, counts[0]))) - sides[1](np.ones((1, counts[1]))))[0])
    rng = np.random.default_rng(seed)
    draws = [_weights(rng.integers(0, count, (resamples, count)), count) for count in counts]
    values = sides[0](draws[0]) - sides[1](draws[1])
    defined = values[~np.isnan(values)]
    if min(counts) < 2 or not len(defined):
        return Difference(value, float("nan"), float("nan"), 1.0)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Difference(value, float(low), float(high), 1 - len(defined) / resamples)


def fold_mean(statistic: Statistic, clusters: Clusters) -> Statistic:
    """Mean over the folds in which the statistic is defined, for any draw of patients.

    Returns:
        A statistic; NaN only if it is undefined in every fold.
    """
    return lambda clips: _mean_of(_fold_statistics(statistic, clusters, clips))


def fold_values(statistic: Statistic, clusters: Clusters) -> tuple[float, ...]:
    """A metric in each fold, in fold order; NaN where undefined."""
    parts = _fold_statistics(statistic, clusters, np.arange(len(clusters.patients)))
    return tuple(float(part(np.ones((1, clusters.n_patients)))[0]) for part in parts)


def _sd(values: tuple[float, ...]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.std(defined, ddof=1)) if len(defined) > 1 else float("nan")


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


def _fold_statistics(statistic: Statistic, clusters: Clusters, clips: Ints) -> list[Weighted]:
    folds = clusters.folds[clips]
    return [statistic(clips[folds == fold]) for fold in np.unique(folds)]


def _mean_of(parts: list[Weighted]) -> Weighted:
    def of_weights(weights: Floats) -> Floats:
        values = np.stack([part(weights) for part in parts])
        return _ratio(np.nansum(values, axis=0), (~np.isnan(values)).sum(0))

    return of_weights


def _only(statistic: Weighted, members: Ints, n_patients: int) -> Weighted:
    """Spreads weights of some patients over the columns of all."""

    def of_weights(weights: Floats) -> Floats:
        spread = np.zeros((len(weights), n_patients))
        spread[:, members] = weights
        return statistic(spread)

    return of_weights
