"""`data split`: splits of the patients of a manifest, and their composition."""

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
    """Patients and classes from which a split is drawn, one entry per video.

    Attributes:
        classes: Class of each video, from 0. A sign is its index in `SIGNS`; several signs are
            packed, see `multilabel`.
    """

    name: str
    patients: tuple[str, ...]
    classes: tuple[int, ...]


def read_labels(
    path: str | os.PathLike[str], label: str, *, root: str | os.PathLike[str] | None = None
) -> Labels:
    """Reads the patients and one label of a manifest.

    Raises:
        ConfigError: Splits cannot be drawn by `label`.
        ManifestError: The manifest violates a rule, or the label of a video is missing.
    """
    if label not in CLASSES:
        raise ConfigError(f"--label: must be one of {', '.join(CLASSES)}. Received {label!r}.")
    videos = read_manifest(path, labels=[label], root=root)
    classes = [REGISTRY[label].class_of(getattr(video, label)) for video in videos]
    return Labels(label, tuple(video.patient_id for video in videos), tuple(classes))


def make(labels: Labels, *, folds: int | None, test_fraction: float | None, seed: int) -> Split:
    """Draws folds, or a single test set if `test_fraction` is given."""
    classes: ArrayLike = labels.classes
    if labels.name in MULTILABEL:
        classes = rarest_first(labels.patients, labels.classes)
    if test_fraction is not None:
        return make_holdout(labels.patients, classes, test_fraction=test_fraction, seed=seed)
    return make_kfold(labels.patients, classes, folds=folds or FOLDS, seed=seed)


def verified(path: Path, labels: Labels) -> dict[str, Split]:
    """Reads splits by name and compares each with the data.

    Raises:
        LeakageError: A patient is on both sides.
        DataError: The file is missing or damaged, or its patients differ from those of the data.
    """
    if not path.is_file():
        raise DataError(f"{path}: does not exist. Write it with `data split … --out {path}`.")
    splits = read_splits(path)
    for split in splits.values():
        verify(split, labels.patients)
    return splits


def table(name: str, split: Split, labels: Labels) -> Table:
    """Numbers of patients, videos and positive videos on each side of each fold."""
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
