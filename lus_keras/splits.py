"""Patient-wise splits: made once, written to `split.json`, verified whenever they are read.

Proposing a split is scikit-learn's work; that no patient stands on both sides is checked here,
every time.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lus_keras.errors import DataError, LeakageError
from lus_keras.files import atomic_write

SCHEMA = 1


@dataclass(frozen=True)
class Fold:
    """One division of the patients.

    Attributes:
        fold: Number from 0.
        train: Patients to learn from, sorted.
        test: Patients to be tested on, sorted.
    """

    fold: int
    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """All folds of an experiment and how they were drawn.

    Attributes:
        scheme: "kfold" (every patient is tested once) or "holdout" (one fold).
        seed: Seed of the draw.
        folds: The folds, numbered from 0.
    """

    scheme: str
    seed: int
    folds: tuple[Fold, ...]

    @property
    def sha256(self) -> str:
        """Hash of the folds: equal splits have equal hashes."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def make_kfold(patients: ArrayLike, labels: ArrayLike, *, folds: int, seed: int) -> Split:
    """Divides patients into folds of similar size and class balance; each is tested once.

    Args:
        patients: `(n,)` text, patient of every clip.
        labels: `(n,)` int, class of every clip.
        folds: Number of folds, at least 2.
        seed: Seed of the division, 0 … 2³² - 1; the order of the rows does not matter.

    Returns:
        The split, verified.

    Raises:
        DataError: There are fewer patients than folds, or less than two folds.
    """
    groups, classes = _in_canonical_order(patients, labels)
    count = len(set(groups))
    if not 2 <= folds <= count:
        raise DataError(
            f"split.folds: must be at least 2 and at most the number of patients. Received {folds} "
            f"folds of {count} patients. Set split.folds, or add patients."
        )
    tests = _stratified_by_clips(groups, classes, folds, seed)
    if not all(tests):
        tests = _stratified_by_patients(groups, classes, folds, seed)
    split = Split("kfold", seed, tuple(_fold(i, set(groups), test) for i, test in enumerate(tests)))
    verify(split, groups)
    return split


def make_holdout(
    patients: ArrayLike, labels: ArrayLike, *, test_fraction: float, seed: int
) -> Split:
    """Draws one test set of patients, stratified by the largest class each patient shows.

    Args:
        patients: `(n,)` text, patient of every clip.
        labels: `(n,)` int, class of every clip.
        test_fraction: Share of the patients to test on, 0 … 1; at least one is on each side.
        seed: Seed of the draw, 0 … 2³² - 1; the order of the rows does not matter.

    Returns:
        A split with one fold, verified.

    Raises:
        DataError: There are fewer than two patients.
    """
    from sklearn.model_selection import train_test_split

    groups, classes = _in_canonical_order(patients, labels)
    names = np.unique(groups)
    if len(names) < 2:
        raise DataError(f"a hold-out split needs at least 2 patients. Received {len(names)}.")
    strata = _largest_class(groups, classes)
    count = min(max(round(test_fraction * len(names)), 1), len(names) - 1)
    sizes = np.unique(strata, return_counts=True)[1]
    feasible = sizes.min() >= 2 and len(sizes) <= min(count, len(names) - count)
    _, test = train_test_split(
        names, test_size=count, random_state=seed, stratify=strata if feasible else None
    )
    split = Split("holdout", seed, (_fold(0, set(names), set(test)),))
    verify(split, groups)
    return split


def verify(split: Split, patients: Iterable[str]) -> None:
    """Checks that no patient is on both sides, and that split and data name the same patients.

    Args:
        split: The split.
        patients: Patients of the data.

    Raises:
        LeakageError: A patient is on both sides of a fold, or is tested in two folds of a k-fold.
        DataError: A fold lacks a side, or a patient of the data is missing in the split or the
            other way round.
    """
    known = set(map(str, patients))
    leaks = list(_leaks(split))
    if leaks:
        raise LeakageError.from_problems(leaks)
    gaps = [gap for fold in split.folds for gap in _gaps(fold, known)]
    if split.scheme == "kfold":
        tested = {patient for fold in split.folds for patient in fold.test}
        gaps += [f"patient '{name}' is never tested." for name in sorted(known - tested)]
    if gaps:
        raise DataError.from_problems(gaps)


def write_split(path: Path, splits: dict[str, Split]) -> None:
    """Writes the splits of a run, one a paper, with their hashes.

    Args:
        path: File to create or replace.
        splits: Splits by paper.

    Raises:
        OSError: The file cannot be written.
    """
    papers = {name: {**asdict(split), "sha256": split.sha256} for name, split in splits.items()}
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps({"schema": SCHEMA, "papers": papers}, indent=1) + "\n")


def read_splits(path: Path) -> dict[str, Split]:
    """Reads the splits of a run, one a paper.

    Args:
        path: `split.json` of a run; it need not exist.

    Returns:
        Splits by paper, free of leaks; `verify` compares one with the data.

    Raises:
        LeakageError: A patient is on both sides.
        DataError: The file is damaged or was edited.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}. Received {content['schema']!r}.")
        papers: dict[str, Any] = content["papers"]
        splits = {name: _parse(entry) for name, entry in papers.items()}
        edited = [name for name, split in splits.items() if papers[name]["sha256"] != split.sha256]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not a split file ({type(error).__name__}: {error}). Delete it and the folds "
            "beside it to draw the split again."
        ) from None
    leaks = [f"{path}: {name}: {leak}" for name, split in splits.items() for leak in _leaks(split)]
    if leaks:
        raise LeakageError.from_problems(leaks)
    if edited:
        raise DataError(
            f"{path}: {', '.join(edited)}: the folds do not match their sha256, the file was "
            "edited. Restore it, or delete it and the folds beside it to draw the split again."
        )
    return splits


def _parse(entry: dict[str, Any]) -> Split:
    folds = tuple(
        Fold(int(fold["fold"]), tuple(map(str, fold["train"])), tuple(map(str, fold["test"])))
        for fold in entry["folds"]
    )
    return Split(str(entry["scheme"]), int(entry["seed"]), folds)


def _stratified_by_clips(
    groups: np.ndarray, classes: np.ndarray, folds: int, seed: int
) -> list[set[str]]:
    """Test patients of each fold, balanced in clips; folds are empty where that cannot be done."""
    from sklearn.model_selection import StratifiedGroupKFold

    if np.unique(classes, return_counts=True)[1].max() < folds:
        return [set()]
    division = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class of fewer clips than folds cannot be in every fold; the report says n/a there.
        warnings.simplefilter("ignore", UserWarning)
        return [set(groups[test]) for _, test in division.split(groups, classes, groups)]


def _stratified_by_patients(
    groups: np.ndarray, classes: np.ndarray, folds: int, seed: int
) -> list[set[str]]:
    """Test patients of each fold: patients are dealt like cards, class by class; none is empty."""
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    strata = dict(zip(np.unique(groups), _largest_class(groups, classes), strict=True))
    dealt = sorted(names, key=strata.__getitem__)
    return [set(dealt[fold::folds]) for fold in range(folds)]


def _largest_class(groups: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Largest class that each patient shows, patients in ascending order."""
    return np.array([classes[groups == name].max() for name in np.unique(groups)])


def _in_canonical_order(patients: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    groups, classes = np.asarray(patients, dtype=str), np.asarray(labels, dtype=int)
    order = np.lexsort((classes, groups))
    return groups[order], classes[order]


def _fold(number: int, patients: set[str], test: set[str]) -> Fold:
    return Fold(
        number,
        tuple(sorted(str(name) for name in patients - test)),
        tuple(sorted(str(name) for name in test)),
    )


def _leaks(split: Split) -> Iterator[str]:
    tested: dict[str, int] = {}
    for fold in split.folds:
        for patient in sorted(set(fold.train) & set(fold.test)):
            yield f"fold {fold.fold}: patient '{patient}' is in train and test."
        for patient in fold.test:
            if split.scheme == "kfold" and patient in tested:
                first = tested[patient]
                yield f"patient '{patient}' is tested in fold {first} and fold {fold.fold}."
            tested[patient] = fold.fold


def _gaps(fold: Fold, known: set[str]) -> Iterator[str]:
    for side in ("train", "test"):
        if not getattr(fold, side):
            yield f"fold {fold.fold}: no patient to {side}."
    named = set(fold.train) | set(fold.test)
    for name in sorted(named - known):
        yield f"fold {fold.fold}: patient '{name}' is not in the data."
    for name in sorted(known - named):
        yield f"fold {fold.fold}: patient '{name}' is in neither side."
