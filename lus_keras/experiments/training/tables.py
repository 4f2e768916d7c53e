"""Tables of a fold: one row per test clip, and one row per epoch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lus_keras.core.files import atomic_write, write_csv
from lus_keras.core.safe_text import guarded
from lus_keras.data.clip_source import ClipSource


def write_predictions(
    path: Path,
    source: ClipSource,
    rows: np.ndarray,
    fold: int,
    truth: np.ndarray,
    probabilities: np.ndarray,
) -> None:
    """Writes predictions.csv.

    Args:
        rows: `(n,)` rows of the test clips.
        truth: `(n,)` classes, written as `y_true`; or `(n, k)` of 0 or 1 for independent labels,
            written as columns `y_0`, `y_1` and so on.
        probabilities: `(n, k)` of classes or of labels.
    """
    index, classes = source.index, range(probabilities.shape[1])
    labels = ["y_true"] if truth.ndim == 1 else [f"y_{k}" for k in classes]
    header = ["clip_id", "video_id", "patient_id", "fold", *labels, *(f"p_{k}" for k in classes)]
    columns = zip(rows, truth.reshape(len(rows), -1), probabilities, strict=True)
    ids = (index.clip_id, index.video_id, index.patient_id)
    lines = (
        [*guarded(of[row] for of in ids), fold, *said, *(f"{chance:.9g}" for chance in chances)]
        for row, said, chances in columns
    )
    write_csv(path, header, lines)


def write_history(path: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Writes history.csv, one row per epoch, with the columns of the last row."""
    with atomic_write(path) as temporary, temporary.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(history[-1]))
        writer.writeheader()
        writer.writerows(history)
