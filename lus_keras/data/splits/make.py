"""Drawing splits with scikit-learn, from a seed, and verifying them."""

import math
import warnings
from collections.abc import Iterable, Sequence, Set

import numpy as np
from numpy.typing import ArrayLike

from lus_keras.core.errors import DataError
from lus_keras.data.splits.split import Fold, Split, verify

# What the counts of correct predictions in the lung-sliding paper's tables imply: the test sets are
# the fifth part of all clips, with the numbers of positives that this seed draws.
PUBLISHED_FRACTION = 0.2
PUBLISHED_SEED = 1234
INNER_SEED = 10_000


def make_kfold(patients: ArrayLike, labels: ArrayLike, *, folds: int, seed: int) -> Split:
    """Divides patients into folds of similar size and class balance; each is tested once.

    Args:
        patients: `(n,)` text, patient of every clip.
        labels: `(n,)` int, class of every clip.
        folds: Number of folds, at least 2.
        seed: Seed of the split, 0 … 2³² - 1; the order of the rows does not matter.

    Raises:
        DataError: There are fewer patients than folds, or fewer than two folds.
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
    patients: ArrayLike,
    labels: ArrayLike,
    *,
    test_fraction: float,
    seed: int,
    repeats: int = 1,
    validation_fraction: float = 0.0,
    test_patients: Sequence[str] = (),
) -> Split:
    """Draws test sets of patients, stratified by the largest class each patient shows.

    Args:
        patients: `(n,)` text, patient of every clip.
        labels: `(n,)` int, class of every clip.
        test_fraction: Share of the patients drawn as the test set, 0 … 1; training and test set
            have at least one patient each. 0 tests only `test_patients`.
        seed: Seed of the draw, 0 … 2³² - 1; the order of the rows does not matter.
        repeats: Number of folds, drawn with the seeds `seed`, `seed + 1`, ….
        validation_fraction: Share of the other patients that selects the epoch, 0 … 1; 0 is none.
        test_patients: Patients that are always tested, in addition to those drawn.

    Raises:
        DataError: There are too few patients, or a test patient is not in the data.
    """
    groups, classes = _in_canonical_order(patients, labels)
    names = np.unique(groups)
    needed = 3 if validation_fraction else 2
    if len(names) < needed:
        raise DataError(
            f"a hold-out split needs at least {needed} patients. Received {len(names)}. Add some."
        )
    strangers = sorted(set(test_patients) - set(names))
    if strangers:
        raise DataError(
            f"split.test_patients: {', '.join(strangers)}: not in the data. Correct the setting."
        )
    strata = _largest_class(groups, classes)
    _refuse_too_many(test_patients, test_fraction, len(names), needed)
    free = ~np.isin(names, list(test_patients))
    # So many of all patients, whoever is tested anyway.
    share = test_fraction * len(names) / free.sum() if test_patients else test_fraction
    folds = []
    for number in range(repeats):
        test = set(test_patients)
        if test_fraction:
            test |= _drawn(names[free], strata[free], share, seed + number)
        rest = np.array([name not in test for name in names])
        validation = _inner(names[rest], strata[rest], validation_fraction, seed + number)
        folds.append(_fold(number, set(names), test, validation))
    split = Split("holdout", seed, tuple(folds))
    verify(split, groups)
    return split


def _refuse_too_many(forced: Sequence[str], fraction: float, count: int, needed: int) -> None:
    """Refuses test patients that leave nobody to train on, beside those that are drawn."""
    drawn = max(round(fraction * count), 1) if fraction else 0
    left = max(count - len(set(forced)) - drawn, 0)
    if forced and left < needed - 1:
        raise DataError(
            f"split.test_patients: leaves {left} of {count} patients to train "
            f"on{' and to validate on' if needed > 2 else ''}, with {drawn} drawn in addition; at "
            f"least {needed - 1} must remain. Give fewer, or set split.test_fraction=0."
        )


def make_clipwise(
    clips: ArrayLike,
    labels: ArrayLike,
    *,
    scheme: str,
    test_fraction: float,
    seed: int,
    repeats: int = 1,
    validation_fraction: float = 0.0,
) -> Split:
    """Splits by clip, not by patient, with leakage that is stated in every output.

    "as_published" is the split implied by the printed counts of the lung-sliding paper: a fifth of
    the clips, sorted with negatives first, drawn by scikit-learn with the seed 1234 without
    stratification. "image" is a stratified draw.

    Args:
        clips: `(n,)` text, id of every clip.
        labels: `(n,)` int, class of every clip.
        scheme: "as_published" or "image".
        test_fraction: Share of the clips drawn as the test set; "as_published" has its own.
        seed: Seed of the draw; "as_published" adds it to its own.
        repeats: Number of folds, drawn with consecutive seeds.
        validation_fraction: Share of the other clips that selects the epoch; 0 is none.
    """
    names, classes = _in_canonical_order(clips, labels)
    # Negatives first: the order that gives the published counts.
    order = np.argsort(classes, kind="stable")
    names, classes = names[order], classes[order]
    published = scheme == "as_published"
    fraction = PUBLISHED_FRACTION if published else test_fraction
    start = PUBLISHED_SEED + seed if published else seed
    folds = []
    for number in range(repeats):
        strata = np.zeros_like(classes) if published else classes
        test = _drawn(names, strata, fraction, start + number, up=published)
        rest = np.array([name not in test for name in names])
        validation = _inner(names[rest], strata[rest], validation_fraction, start + number)
        folds.append(_fold(number, set(names), test, validation, unit="clip"))
    split = Split(scheme, seed, tuple(folds))
    verify(split, names)
    return split


def make_transfer(train: Iterable[str], test: Iterable[str], *, networks: int, seed: int) -> Split:
    """Trains on all patients of one data set and tests on all of another.

    Args:
        train: Patients of the training set.
        test: Patients of the test set.
        networks: Number of folds, which differ only in the networks' initial weights.
        seed: Seed of the run, recorded in the split.

    Raises:
        LeakageError: The data sets share patient ids.
    """
    learned, tested = set(map(str, train)), set(map(str, test))
    folds = tuple(
        Fold(number, tuple(sorted(learned)), tuple(sorted(tested))) for number in range(networks)
    )
    split = Split("transfer", seed, folds)
    verify(split, learned | tested)
    return split


def _drawn(
    names: np.ndarray, strata: np.ndarray, fraction: float, seed: int, *, up: bool = False
) -> set[str]:
    """Draws a share of the names, stratified where every stratum can be on both sides."""
    from sklearn.model_selection import train_test_split

    wanted = math.ceil(fraction * len(names)) if up else round(fraction * len(names))
    count = min(max(wanted, 1), len(names) - 1)
    sizes = np.unique(strata, return_counts=True)[1]
    feasible = sizes.min() >= 2 and 1 < len(sizes) <= min(count, len(names) - count)
    _, drawn = train_test_split(
        names, test_size=count, random_state=seed % 2**32, stratify=strata if feasible else None
    )
    return set(drawn)


def _inner(names: np.ndarray, strata: np.ndarray, fraction: float, seed: int) -> set[str]:
    """Draws the validation set; empty for a share of 0."""
    # Another stream than the test set's, or the two draws would be alike.
    return _drawn(names, strata, fraction, seed + INNER_SEED) if fraction else set()


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


def _fold(
    number: int,
    names: set[str],
    test: set[str],
    validation: Set[str] = frozenset(),
    unit: str = "patient",
) -> Fold:
    train, tested, validated = (
        tuple(sorted(map(str, side))) for side in (names - test - validation, test, validation)
    )
    return Fold(number, train, tested, validated, unit)
