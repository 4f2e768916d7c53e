"""Inputs and results of metrics: clusters of clips, estimates, differences.

Undefined is NaN throughout.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Weighted = Callable[[Floats], Floats]
Statistic = Callable[[Ints], Weighted]
"""Given `(m,)` positions of the clips to use, a function of weights `(r, patients)` → `(r,)`."""
# Trainings from which on a claimed order gets a verdict.
LEAST_SEEDS = 3


@dataclass(frozen=True)
class Clusters:
    """Patient (0 … n_patients-1) and test fold of every clip, `(n,)` int64."""

    patients: Ints
    folds: Ints
    n_patients: int
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, patient_ids: ArrayLike, folds: ArrayLike) -> "Clusters":
        """Numbers patients, `(n,)` text, in the order of their sorted ids."""
        names, patients = np.unique(np.asarray(patient_ids, str), return_inverse=True)
        numbers = patients.astype(np.int64), np.asarray(folds, np.int64)
        return cls(*numbers, len(names), tuple(names.tolist()))


@dataclass(frozen=True)
class Estimate:
    """A metric with its interval and spread; NaN if undefined.

    Attributes:
        ci_low: 2.5th percentile of the bootstrap over patients.
        ci_high: 97.5th percentile.
        folds: The metric in each fold, in fold order.
        undefined: Share of resamples in which the metric was undefined; they were dropped.
        over_folds: Whether `value` is the mean of `folds`.
        seeds: The metric for each seed, if `value` is their mean; empty for a single training.
    """

    value: float
    ci_low: float
    ci_high: float
    folds: tuple[float, ...] = ()
    undefined: float = 0.0
    n_patients: int = 0
    n_clips: int = 0
    over_folds: bool = False
    seeds: tuple[float, ...] = ()

    @property
    def fold_sd(self) -> float:
        """SD across folds (ddof 1), the spread of the folds; not a confidence interval."""
        return _sd(self.folds)

    @property
    def seed_sd(self) -> float:
        """SD across seeds (ddof 1), the variation between trainings; NaN for one."""
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
        """Whether there are enough trainings for a verdict."""
        return self.n_seeds >= LEAST_SEEDS

    @property
    def verdict(self) -> str:
        """`holds` if the interval lies above 0, `fails` if below, otherwise `undecided`.

        Fewer than three trainings have no verdict, because the interval then does not cover the
        variation between trainings.
        """
        if not self.judged:
            return f"{'one training' if self.n_seeds == 1 else 'two trainings'}: no verdict"
        if self.ci_low > 0:
            return "holds"
        return "fails" if self.ci_high < 0 else "undecided"


def _sd(values: tuple[float, ...]) -> float:
    defined = [value for value in values if not np.isnan(value)]
    return float(np.std(defined, ddof=1)) if len(defined) > 1 else float("nan")
