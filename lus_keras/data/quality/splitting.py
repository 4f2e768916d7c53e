"""`data split`: a division of a manifest's patients, and who is on which side of it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from numpy.typing import ArrayLike
from rich.table import Table

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.labels import CLASSES, MULTILABEL, REGISTRY
from lus_keras.core.multilabel import rarest_first
from lus_keras.data.manifest import read_manifest
from lus_keras.data.splits import Split, make_holdout, make_kfold, read_splits, verify

FOLDS = 5


@dataclass(frozen=True)
class Labels:
    """What a split is drawn from, one entry a video.

    Attributes:
        classes: Class of each video, 0 …; a sign is its place in `SIGNS`, several are packed, see
            `multilabel`.
    """

    name: str
    patients: tuple[str, ...]
    classes: tuple[int, ...]


def read_labels(
    path: str | os.PathLike[str], label: str, *, root: str | os.PathLike[str] | None = None
) -> Labels:
    """Reads the patients and one label of a manifest.

    Raises:
        ConfigError: `label` cannot be split by.
        ManifestError: The manifest breaks a rule, or lacks the label somewhere.
    """
    if label not in CLASSES:
        raise ConfigError(f"--label: must be one of {', '.join(CLASSES)}. Received {label!r}.")
    videos = read_manifest(path, labels=[label], root=root)
    classes = [REGISTRY[label].class_of(getattr(video, label)) for video in videos]
    return Labels(label, tuple(video.patient_id for video in videos), tuple(classes))


def make(labels: Labels, *, folds: int | None, test_fraction: float | None, seed: int) -> Split:
    """Draws folds, or one test set if `test_fraction` is given."""
    classes: ArrayLike = labels.classes
    if labels.name in MULTILABEL:
        classes = rarest_first(labels.patients, labels.classes)
    if test_fraction is not None:
        return make_holdout(labels.patients, classes, test_fraction=test_fraction, seed=seed)
    return make_kfold(labels.patients, classes, folds=folds or FOLDS, seed=seed)


def verified(path: Path, labels: Labels) -> dict[str, Split]:
    """Reads splits and compares every one with the data.

    Raises:
        LeakageError: A patient is on both sides.
        DataError: The file is absent, damaged, or names other patients than the data.
    """
    if not path.is_file():
        raise DataError(f"{path}: does not exist. Write it with `data split … --out {path}`.")
    splits = read_splits(path)
    for split in splits.values():
        verify(split, labels.patients)
    return splits


def table(name: str, split: Split, labels: Labels) -> Table:
    """Patients, videos and positives on each side of each fold."""
    title = f"{name}: {split.scheme}, seed {split.seed}"
    columns = ("fold", "side", "patients", "videos", f"{labels.name} > 0")
    shown = Table(*columns, title=title, title_justify="left")
    for fold in split.folds:
        for side in ("train", "test"):
            patients = getattr(fold, side)
            videos = _classes_of(patients, labels)
            positive = sum(value > 0 for value in videos)
            shown.add_row(str(fold.fold), side, str(len(patients)), str(len(videos)), str(positive))
    return shown


def _classes_of(patients: Iterable[str], labels: Labels) -> list[int]:
    side = set(patients)
    pairs = zip(labels.patients, labels.classes, strict=True)
    return [value for patient, value in pairs if patient in side]
