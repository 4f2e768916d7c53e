"""Folds and splits, and their verification."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from lus_keras.core.errors import DataError, LeakageError
from lus_keras.data.clips import ClipIndex


@dataclass(frozen=True)
class Fold:
    """One division of the patients, or of the clips.

    Attributes:
        fold: Number of the fold, from 0.
        train: Training patients, sorted.
        test: Test patients, sorted.
        validation: Patients that select the epoch, sorted; in neither of the others.
        unit: "patient", or "clip" if all three are ids of clips.
    """

    fold: int
    train: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()
    unit: str = "patient"

    def rows(self, index: ClipIndex, side: str) -> np.ndarray:
        """Rows, ascending, of the clips on the side "train", "test" or "validation"."""
        names = getattr(self, side)
        return index.rows_of(names) if self.unit == "patient" else index.rows_named(names)


@dataclass(frozen=True)
class Split:
    """All folds of an experiment and how they were drawn.

    Attributes:
        scheme: "kfold" (every patient is tested once), "holdout" (an independent draw per fold),
            "as_published" or "image" (split by clip, not by patient) or "transfer" (trained on one
            data set, tested on another).
        folds: The folds, numbered from 0.
    """

    scheme: str
    seed: int
    folds: tuple[Fold, ...]

    @property
    def sha256(self) -> str:
        """Hash of the folds: equal splits have equal hashes."""
        return hashlib.sha256(json.dumps(plain(self), sort_keys=True).encode()).hexdigest()

    @property
    def by_clip(self) -> bool:
        """Whether the split is by clip, not by patient."""
        return any(fold.unit == "clip" for fold in self.folds)

    @property
    def leaks(self) -> bool:
        """Whether a patient may be in both training and test set."""
        return self.by_clip or any(True for _ in leaks(self))


def verify(split: Split, patients: Iterable[str], *, allow_leak: bool = False) -> None:
    """Checks that no patient is on both sides, and that split and data name the same patients.

    Args:
        patients: Patients of the data, or ids of its clips where clips are divided.
        allow_leak: Whether a patient may be on both sides, to measure the effect of leakage.

    Raises:
        LeakageError: A patient is on both sides of a fold, or is tested in two folds of a k-fold.
        DataError: A fold lacks a side, or a patient of the data is missing in the split or the
            other way round.
    """
    known = set(map(str, patients))
    found = list(leaks(split))
    if found and not allow_leak:
        raise LeakageError.from_problems(found)
    gaps = [gap for fold in split.folds for gap in _gaps(fold, known)]
    if split.scheme == "kfold":
        tested = {patient for fold in split.folds for patient in fold.test}
        gaps += [f"patient '{name}' is never tested." for name in sorted(known - tested)]
    if gaps:
        raise DataError.from_problems(gaps)


def shared_patients(split: Split, patients: Mapping[str, str]) -> Iterator[str]:
    """One sentence per fold and patient on both sides of a split by clip."""
    for fold in split.folds:
        if fold.unit != "clip":
            continue
        sides = {
            side: {patients[clip] for clip in getattr(fold, side) if clip in patients}
            for side in ("train", "validation", "test")
        }
        for one, other in combinations(sides, 2):
            for name in sorted(sides[one] & sides[other]):
                yield f"fold {fold.fold}: clips of patient '{name}' are in {one} and {other}."


def plain(split: Split) -> dict[str, Any]:
    """A split as JSON types; fields that most splits do not use are omitted."""
    entry = asdict(split)
    for fold in entry["folds"]:
        if not fold["validation"]:
            del fold["validation"]
        if fold["unit"] == "patient":
            del fold["unit"]
    return entry


def leaks(split: Split) -> Iterator[str]:
    """Finds patients, or clips, that are on both sides of a split.

    Yields:
        One sentence per name.
    """
    tested: dict[str, int] = {}
    for fold in split.folds:
        for one, other in combinations(("train", "validation", "test"), 2):
            for name in sorted(set(getattr(fold, one)) & set(getattr(fold, other))):
                yield f"fold {fold.fold}: {fold.unit} '{name}' is in {one} and {other}."
        for patient in fold.test:
            if split.scheme == "kfold" and patient in tested:
                first = tested[patient]
                yield f"patient '{patient}' is tested in fold {first} and fold {fold.fold}."
            tested[patient] = fold.fold


def _gaps(fold: Fold, known: set[str]) -> Iterator[str]:
    for side in ("train", "test"):
        if not getattr(fold, side):
            yield f"fold {fold.fold}: no {fold.unit} to {side}."
    named = {*fold.train, *fold.validation, *fold.test}
    for name in sorted(named - known):
        yield f"fold {fold.fold}: {fold.unit} '{name}' is not in the data."
    for name in sorted(known - named):
        yield f"fold {fold.fold}: {fold.unit} '{name}' is in neither set."
