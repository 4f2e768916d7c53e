"""Checks, their findings, and the settings that determine their size."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np


class TrainAndScore(Protocol):
    """Trains a classifier and applies it to clips of unseen patients."""

    def __call__(
        self, clips: np.ndarray, labels: np.ndarray, test: np.ndarray, *, seed: int
    ) -> np.ndarray:
        """Trains on clips `(n, t, h, w)`; returns probabilities `(m, k)` of the `m` test clips."""
        ...


@dataclass(frozen=True)
class Settings:
    """Settings of the checks.

    Attributes:
        seed: Seed of the cohorts and of all training.
        size: Share of the full number of patients, 0 < size ≤ 1. Targets apply to size 1.
        train_and_score: A network, to run the checks that need one; None skips them.
        root: Folder of real data; located by `datasets.find_root` if not given.
    """

    seed: int = 0
    size: float = 1.0
    train_and_score: TrainAndScore | None = None
    root: str | None = None

    def patients(self, full: int) -> int:
        """Number of patients of a check with the given full number, at least 8."""
        return max(8, round(full * self.size))


@dataclass(frozen=True)
class Finding:
    """Result of a check; `passed` is None if it was skipped."""

    measured: str
    passed: bool | None
    values: dict[str, float] = field(default_factory=dict)

    @property
    def status(self) -> str:
        """`pass`, `FAIL` or `skipped`."""
        return "skipped" if self.passed is None else "pass" if self.passed else "FAIL"


@dataclass(frozen=True)
class Check:
    """One acceptance check."""

    number: int
    title: str
    mark: str
    run: Callable[[Settings], Finding]


REGISTERED: dict[int, Check] = {}
Measure = Callable[[Settings], Finding]


def check(number: int, title: str, mark: str) -> Callable[[Measure], Measure]:
    """Registers a function as the check with a number."""

    def register(measure: Measure) -> Measure:
        REGISTERED[number] = Check(number, title, mark, measure)
        return measure

    return register
