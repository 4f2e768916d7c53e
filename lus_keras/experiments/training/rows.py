"""Rows of clips that a fold trains on and is tested on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lus_keras.core.errors import ConfigError
from lus_keras.data.clip_source import ClipSource

if TYPE_CHECKING:
    from lus_keras.experiments.training.fold import FoldJob


def full_batches(rows: np.ndarray, batch_size: int, wanted: bool) -> np.ndarray:
    """Rows without the last incomplete batch, if `wanted` and there is a complete batch."""
    complete = len(rows) // batch_size * batch_size
    return rows[:complete] if wanted and complete else rows


def learned_rows(source: ClipSource, job: FoldJob) -> np.ndarray:
    """Rows to train on: all of the training side, or those of `fit.patients` patients.

    Larger numbers of patients include the smaller ones, and all networks use the same patients.

    Raises:
        ConfigError: `fit.patients` exceeds the number of patients to train on.
    """
    rows, wanted = job.fold.rows(source.index, "train"), job.fit.patients
    if wanted is None:
        return rows
    patients = source.index.patient_id[rows]
    known = np.unique(patients)
    if wanted > len(known):
        raise ConfigError(
            f"fit.patients: must be at most {len(known)}, the number of training patients. "
            f"Received {wanted}. Set cohort.patients higher, or fit.patients lower."
        )
    drawn = np.random.default_rng([job.seed, job.fold.fold]).permutation(known)[:wanted]
    return rows[np.isin(patients, drawn)]


def tested_rows(source: ClipSource, job: FoldJob) -> np.ndarray:
    """`(n,)` rows to test on, see `fit.drop_test_remainder`."""
    rows = job.fold.rows(source.index, "test")
    return full_batches(rows, job.fit.batch_size, job.fit.drop_test_remainder)
