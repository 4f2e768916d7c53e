"""Estimates over several trainings: the mean over seeds, and intervals over patients and seeds.

An interval over the patients of one training leaves out the chance of training itself: first
weights, order of clips, folds. With trainings of several seeds both are resampled: patients, and
the seeds within each draw of patients.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lus_keras.evaluation.metrics.bootstrap import (
    RESAMPLES,
    _of_all,
    _value,
    _weights,
    fold_mean,
    fold_values,
    interval,
)
from lus_keras.evaluation.metrics.records import (
    Clusters,
    Difference,
    Estimate,
    Floats,
    Ints,
    Statistic,
    Weighted,
)


@dataclass(frozen=True)
class Part:
    """What one seed's training contributes.

    Attributes:
        statistic: Maps weights `(r, len(patients))` float64 to `(r,)`.
        patients: Name of the patient of each column of the weights.
    """

    statistic: Weighted
    patients: tuple[str, ...]

    @property
    def value(self) -> float:
        """The statistic on the data themselves; NaN where undefined."""
        return _value(self.statistic, len(self.patients))

    @classmethod
    def of(cls, statistic: Statistic, clusters: Clusters, *, over_folds: bool = False) -> "Part":
        """Prepares a statistic of all clips of a training.

        Args:
            clusters: Patient and fold of each clip, with the patients' names.
            over_folds: Mean of the folds' metrics instead of one metric of all clips together.
        """
        chosen = fold_mean(statistic, clusters) if over_folds else statistic
        return cls(_of_all(chosen, clusters), clusters.names)

    def minus(self, other: "Part", *, paired: bool) -> "Part":
        """This part minus another one.

        Args:
            other: The other part; where `paired`, of the same patients in the same order.
            paired: One draw of patients for both; otherwise each side has patients of its own.

        Raises:
            ValueError: The sides are paired and their patients differ.
        """
        if paired:
            if self.patients != other.patients:
                raise ValueError("Paired parts must be from the same patients in the same order.")
            return Part(lambda w: self.statistic(w) - other.statistic(w), self.patients)
        at = len(self.patients)
        names = (*(f"first {n}" for n in self.patients), *(f"second {n}" for n in other.patients))
        return Part(lambda w: self.statistic(w[:, :at]) - other.statistic(w[:, at:]), names)


def hierarchical_bootstrap(
    parts: Sequence[Part], *, own_patients: bool = False, resamples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float, float]:
    """95 % percentile interval of the mean over seeds, over patients and seeds.

    In each resample patients are drawn with replacement, the same for every seed that tested them,
    and of n seeds n - 1, with replacement. n draws of n would make the variance between seeds too
    small by (n - 1) / n, which for three seeds is a third. Where each seed has patients of its own,
    the spread of the seeds already contains theirs, and the interval is wider than necessary.

    Args:
        parts: One per seed, at least two.
        own_patients: Whether the seeds have different patients even where names are equal, as in
            newly simulated cohorts; each seed's are then drawn independently.

    Returns:
        Low end, high end, and the share of resamples that were undefined (NaN) and dropped; the
        ends are NaN for fewer than two patients, or if no resample is defined.

    Raises:
        ValueError: There are fewer than two parts.
    """
    if len(parts) < 2:
        raise ValueError(f"`parts` must contain at least two seeds. Received: {len(parts)}.")
    names = sorted({name for part in parts for name in part.patients})
    counts = [len(part.patients) for part in parts] if own_patients else [len(names)]
    if min(counts) < 2:
        return np.nan, np.nan, 0.0
    drawn, seeds = _draws_of_both(tuple(counts), len(parts), resamples, seed)
    values = np.empty((resamples, len(parts)))
    place = {name: number for number, name in enumerate(names)}
    for number, part in enumerate(parts):
        weights = drawn[number] if own_patients else drawn[0]
        if not own_patients:
            weights = weights.take([place[name] for name in part.patients], axis=1)
        values[:, number] = part.statistic(weights)
    return interval(_mean_of_defined(np.take_along_axis(values, seeds, axis=1)))


@lru_cache(maxsize=1)
def _draws_of_both(
    counts: tuple[int, ...], n_seeds: int, resamples: int, seed: int
) -> tuple[list[Floats], Ints]:
    """Weights of the patients, a set for each of `counts`, and the seeds drawn, `(r, n - 1)`.

    All metrics of a report draw the same ones.
    """
    rng = np.random.default_rng(seed)
    drawn = [_weights(rng.integers(0, n, (resamples, n)), n) for n in counts]
    for weights in drawn:
        weights.flags.writeable = False
    return drawn, rng.integers(0, n_seeds, (resamples, n_seeds - 1))


def estimate_over_seeds(
    sides: Sequence[tuple[Statistic, Clusters]],
    *,
    over_folds: bool = False,
    own_patients: bool = False,
    seed: int = 0,
) -> Estimate:
    """Mean over seeds, its interval over patients and seeds, and the spread across seeds.

    Args:
        sides: Statistic and clusters of each seed's training, at least two.
        over_folds: Mean of the folds' metrics instead of one metric of all clips together.

    Returns:
        The estimate; `folds` holds those of every seed, `n_clips` is that of the seed that tested
        the most, or of all where patients are the seeds' own.
    """
    parts = [Part.of(*side, over_folds=over_folds) for side in sides]
    low, high, undefined = hierarchical_bootstrap(parts, own_patients=own_patients, seed=seed)
    patients = [name for part in parts for name in part.patients]
    clips = [len(clusters.patients) for _, clusters in sides]
    return Estimate(
        value=_mean([part.value for part in parts]),
        ci_low=low,
        ci_high=high,
        folds=tuple(
            value
            for side, part in zip(sides, parts, strict=True)
            for value in fold_values(*side, part.statistic)
        ),
        undefined=undefined,
        n_patients=len(patients if own_patients else set(patients)),
        n_clips=sum(clips) if own_patients else max(clips),
        over_folds=over_folds,
        seeds=tuple(part.value for part in parts),
    )


def difference_over_seeds(
    parts: Sequence[Part], *, own_patients: bool = False, seed: int = 0
) -> Difference:
    """Mean difference over two or more seeds, interval over patients and seeds; verdict from 3."""
    low, high, undefined = hierarchical_bootstrap(parts, own_patients=own_patients, seed=seed)
    values = tuple(part.value for part in parts)
    return Difference(_mean(values), low, high, undefined, seeds=values)


def _mean(values: Sequence[float]) -> float:
    return float(_mean_of_defined(np.array([values], np.float64))[0])


def _mean_of_defined(values: Floats) -> Floats:
    counts = (~np.isnan(values)).sum(axis=1)
    return np.where(counts, np.nansum(values, axis=1) / np.maximum(counts, 1), np.nan)
