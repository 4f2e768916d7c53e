"""Rows and columns of the tables of two-class papers."""

from collections.abc import Mapping

from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.judge import (
    binary_source,
    most_complete,
    network_row,
    one_class,
    tested,
)
from lus_keras.evaluation.tables.layout import Column, Layout, Row, ids, metrics, numbers

BASELINE_LABELS = {"majority": "Majority class", "always_positive": "Always positive"}
FOLD_MEAN_NOTE = (
    "Mean of the metrics of the folds, which is our reading of the paper; folds in which a metric "
    "is undefined are excluded from its mean and named."
)
HEADLINE = metrics("precision", "recall", "f1", over_folds=True)
POOLED = (
    *metrics("precision", "recall", "f1", id_="{}_pooled", label="{}, pooled"),
    *metrics("accuracy", "roc_auc", "pr_auc", "sensitivity_at_90", label="{}, pooled"),
    Column("brier", "Brier score, pooled (0 is best)"),
)
VIDEO = metrics("accuracy", "f1", "roc_auc", id_="video_{}", label="{}, per video", video=True)


def model_rows(run: PaperRun, labels: Mapping[str, str]) -> list[Row]:
    """One row per two-class network, the user's own last; baseline: the majority class."""
    return [
        network_row(
            run, name, f"{label}{one_class(run, run.model(name).predictions)}", binary_source
        )
        for name, label in run.with_own(labels).items()
    ]


def baseline_rows(run: PaperRun, *, prefix: str = "", title: str = "") -> list[Row]:
    """Two predictors that ignore the input, on the clips of the most complete network."""
    found = most_complete(run)
    return [
        Row(
            f"{prefix}{name}",
            f"{title}{label.lower() if title else label}",
            numbers({}) if found is None else binary_source(found, name),
        )
        for name, label in BASELINE_LABELS.items()
    ]


def classified(
    run: PaperRun, title: str, labels: Mapping[str, str], *notes: str, published: str = ""
) -> Layout:
    """Networks, then the predictors that ignore the input, by all metrics of two classes.

    Args:
        labels: Network → printed name.
        notes: Notes that follow those on the clips and on means over folds.
        published: Id of the table with the published numbers; its own if empty.
    """
    largest, detail = most_complete(run), ""
    if largest is not None:
        count = int((largest["y_true"] > 0).sum())
        detail = f", {count} positive ({count / len(largest):.0%})"
    return Layout(
        title,
        rows=(*model_rows(run, labels), *baseline_rows(run)),
        columns=(*HEADLINE, *POOLED, *VIDEO),
        headline=ids(HEADLINE),
        published=published,
        notes=(tested(largest, "clips", detail), FOLD_MEAN_NOTE, *notes),
    )
