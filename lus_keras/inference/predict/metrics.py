"""How good a network is on videos whose labels are known: external validation."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lus_keras.core import config
from lus_keras.core.files import atomic_write
from lus_keras.data.clips import class_of, is_labeled
from lus_keras.evaluation.metrics import (
    Scores,
    binary_statistics,
    estimate,
    majority_baseline,
    point,
)
from lus_keras.evaluation.tables.multiclass import total_statistics
from lus_keras.inference.checks import METRICS
from lus_keras.inference.predict.load import Ensemble
from lus_keras.inference.predict.video import VideoPrediction

FILE = METRICS


def video_metrics(models: Ensemble, predictions: Sequence[VideoPrediction]) -> list[dict[str, Any]]:
    """Metrics over labeled videos, with 95 % bootstrap intervals over patients.

    Args:
        predictions: Of any videos; those without the label that the network predicts are ignored.

    Returns:
        Rows as in results.json, of the table `videos`, with metrics `video_…`: those of
        `binary_statistics` for two classes, of `total_statistics` for more. Empty if no video has
        a label, or if labels are predicted separately.
    """
    description = models.description
    column = config.load(description.paper).label_column
    known = [found for found in predictions if is_labeled(found.video, column)]
    if not known or description.multilabel:
        return []
    scores = Scores.of(_frame(known, column))
    baseline = majority_baseline(scores)
    of = binary_statistics if len(models.labels) == 2 else total_statistics
    rows = []
    for (name, statistic), theirs in zip(of(scores).items(), of(baseline).values(), strict=True):
        found = estimate(statistic, scores.clusters)
        rows.append(
            {
                "paper": description.paper,
                "table": "videos",
                "row": "/".join(filter(None, (description.variant, description.model))),
                "metric": f"video_{name}",
                "value": _known(found.value),
                "ci_low": _known(found.ci_low),
                "ci_high": _known(found.ci_high),
                "baseline": _known(point(theirs, baseline.clusters)),
                "n_patients": found.n_patients,
                "n_videos": found.n_clips,
            }
        )
    return rows


def _frame(predictions: Sequence[VideoPrediction], column: str) -> pd.DataFrame:
    """One row a video, in the columns of predictions.csv that metrics read."""
    rows = [
        {
            "patient_id": found.video.patient_id,
            "fold": 0,
            "y_true": class_of(found.video, column),
            **{f"p_{number}": chance for number, chance in enumerate(found.mean)},
        }
        for found in predictions
    ]
    return pd.DataFrame(rows)


def write_metrics(out: Path, models: Ensemble, dataset: str, rows: list[dict[str, Any]]) -> Path:
    """Writes metrics.json: `schema`, `model`, `dataset` and the rows of `video_metrics`.

    Raises:
        OSError: The folder cannot be written.
    """
    said = {"schema": 1, "model": models.name, "dataset": dataset, "rows": rows}
    with atomic_write(out / FILE) as temporary:
        temporary.write_text(json.dumps(said, indent=1) + "\n")
    return out / FILE


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
