"""Rows and columns of the tables of two-class papers."""

from collections.abc import Mapping

import pandas as pd

from lus_keras.evaluation.metrics import Scores, aligned, binary_statistics
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.judge import (
    binary,
    missing,
    most_complete,
    one_class,
    without_skill,
)
from lus_keras.evaluation.tables.layout import (
    Column,
    Contrast,
    Number,
    Quantity,
    Row,
    Side,
    Source,
    nothing,
)

BASELINE_LABELS = {"majority": "Majority class", "always_positive": "Always positive"}
FOLD_MEAN_NOTE = (
    "Mean of the metrics of the folds, which is our reading of the paper; folds in which a metric "
    "is undefined are excluded from its mean and named."
)
HEADLINE = (
    Column("precision", "Precision", over_folds=True),
    Column("recall", "Recall", over_folds=True),
    Column("f1", "F1", over_folds=True),
)
POOLED = (
    Column("precision_pooled", "Precision, pooled", "precision"),
    Column("recall_pooled", "Recall, pooled", "recall"),
    Column("f1_pooled", "F1, pooled", "f1"),
    Column("accuracy", "Accuracy, pooled"),
    Column("roc_auc", "ROC-AUC, pooled"),
    Column("pr_auc", "PR-AUC, pooled"),
    Column("sensitivity_at_90", "Sensitivity at a specificity of 0.90, pooled"),
    Column("brier", "Brier score, pooled (0 is best)"),
)
VIDEO = (
    Column("video_accuracy", "Accuracy, per video", "accuracy", video=True),
    Column("video_f1", "F1, per video", "f1", video=True),
    Column("video_roc_auc", "ROC-AUC, per video", "roc_auc", video=True),
)


def model_rows(run: PaperRun, labels: Mapping[str, str]) -> list[Row]:
    """One row per two-class network, the user's own last; baseline: the majority class."""
    return [
        Row(
            name,
            f"{label}{one_class(run, run.model(name).predictions)}",
            _network(run.model(name).predictions),
            missing(run, name),
        )
        for name, label in run.with_own(labels).items()
    ]


def baseline_rows(run: PaperRun, *, prefix: str = "", title: str = "") -> list[Row]:
    """Two predictors that ignore the input, on the clips of the most complete network."""
    predictions = most_complete(run)
    return [
        Row(f"{prefix}{name}", f"{title}{label.lower() if title else label}",
            nothing if predictions is None else _majority(predictions, name))
        for name, label in BASELINE_LABELS.items()
    ]  # fmt: skip


def _network(predictions: pd.DataFrame | None) -> Source:
    def source(column: Column) -> Quantity | None:
        return Number() if predictions is None else binary(predictions, column.video)(column)

    return source


def _majority(predictions: pd.DataFrame, name: str) -> Source:
    return lambda column: without_skill(predictions, column.video, name)(column)


def paired(better: pd.DataFrame, worse: pd.DataFrame, statistic: str) -> Contrast | None:
    """Compares two networks on the clips that both were tested on.

    Args:
        better: Predictions of the network claimed to be better.
        statistic: Name in `binary_statistics`.

    Returns:
        The contrast; None if no clip was tested by both.
    """
    first, second = (binary_side(frame, statistic) for frame in aligned([better, worse]))
    # A lower Brier score is the better one, so that its difference is no verdict.
    return Contrast(first, second, judged=statistic != "brier") if len(first[1].patients) else None


def binary_side(frame: pd.DataFrame, statistic: str) -> Side:
    """One of `binary_statistics` of a two-class network on some of its predictions."""
    scores = Scores.of(frame)
    return binary_statistics(scores)[statistic], scores.clusters
