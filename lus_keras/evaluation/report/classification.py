"""Cells and claims that every two-class paper needs: any metric of any model, with its baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lus_keras.evaluation.metrics import (
    Scores,
    aligned,
    always_positive,
    binary_statistics,
    estimate,
    majority_baseline,
    paired_difference,
    point,
    video_level,
)
from lus_keras.evaluation.report.cells import Cell, Claim, Comparison, cell_from, join_notes
from lus_keras.evaluation.run_record import PaperRun

BASELINE_LABELS = {"majority": "Majority class", "always_positive": "Always positive"}
METRIC_NAMES = {"f1": "F1", "roc_auc": "ROC-AUC", "accuracy": "Accuracy"}
FOLD_MEAN_NOTE = (
    "Mean of the folds' metrics, as the paper is read; a fold in which a metric is undefined is "
    "left out of its mean and named."
)


@dataclass(frozen=True)
class Column:
    """One metric as a table prints it.

    Attributes:
        id: Metric id in results.json.
        label: What is printed.
        statistic: Name in `binary_statistics`.
        over_folds: Mean over folds; otherwise all out-of-fold predictions together.
        video: One prediction a video instead of one a clip.
    """

    id: str
    label: str
    statistic: str
    over_folds: bool = False
    video: bool = False


HEADLINE = (
    Column("precision", "Precision", "precision", over_folds=True),
    Column("recall", "Recall", "recall", over_folds=True),
    Column("f1", "F1", "f1", over_folds=True),
)
POOLED = (
    Column("precision_pooled", "Precision, pooled", "precision"),
    Column("recall_pooled", "Recall, pooled", "recall"),
    Column("f1_pooled", "F1, pooled", "f1"),
    Column("accuracy", "Accuracy, pooled", "accuracy"),
    Column("roc_auc", "ROC-AUC, pooled", "roc_auc"),
    Column("pr_auc", "PR-AUC, pooled", "pr_auc"),
    Column("brier", "Brier score, pooled (0 is best)", "brier"),
)
VIDEO = (
    Column("video_accuracy", "Accuracy, per video", "accuracy", video=True),
    Column("video_f1", "F1, per video", "f1", video=True),
    Column("video_roc_auc", "ROC-AUC, per video", "roc_auc", video=True),
)


def classification_cells(
    run: PaperRun, table: str, rows: Sequence[str], columns: Sequence[Column]
) -> list[Cell]:
    """Fills a table: one row a model, then the two predictors that look at nothing.

    Args:
        run: The paper's run.
        table: Table id; published numbers are looked up under it.
        rows: Models.
        columns: Metrics.

    Returns:
        Cells row by row; `baseline` is the majority-class predictor on the same clips.
    """
    cells: list[Cell] = []
    for row in rows:
        cells += _model_cells(run, table, row, columns)
    predictions = most_complete(run)
    if predictions is not None:
        for row, make in (("majority", majority_baseline), ("always_positive", always_positive)):
            for column in columns:
                scores = make(_scores(predictions, column))
                found = _estimate(scores, column, run.seed)
                cells.append(cell_from(found, address=(run.paper, table, row, column.id)))
    return cells


def most_complete(run: PaperRun) -> pd.DataFrame | None:
    """Picks the predictions of the first model with the most clips; truth is the same in all.

    Args:
        run: The paper's run.

    Returns:
        Rows of predictions.csv, or None if no fold has finished.
    """
    frames = [m.predictions for m in run.models.values() if m.predictions is not None]
    return max(frames, key=len) if frames else None


def population_note(run: PaperRun) -> str:
    """Says how many patients, videos, clips and positives a table rests on.

    Args:
        run: The paper's run.

    Returns:
        One sentence.
    """
    predictions = most_complete(run)
    if predictions is None:
        return "No fold has finished yet."
    positives = int((predictions["y_true"] > 0).sum())
    return (
        f"Tested: {predictions['patient_id'].nunique()} patients, "
        f"{len(predictions.drop_duplicates(['patient_id', 'video_id']))} videos, "
        f"{len(predictions)} clips, {positives} positive ({positives / len(predictions):.0%})."
    )


def classification_claims(run: PaperRun, table: str, labels: Mapping[str, str]) -> list[Claim]:
    """Tests every order the paper claims by paired patient bootstrap on pooled predictions.

    Args:
        run: The paper's run; its record holds `claims` with `id, text, better, worse, metric`.
        table: Table whose published numbers are compared.
        labels: Model → what is printed.

    Returns:
        One claim each, with ROC-AUC as an extra.
    """
    return [_claim(run, table, labels, wanted) for wanted in run.claims]


def _model_cells(run: PaperRun, table: str, row: str, columns: Sequence[Column]) -> list[Cell]:
    predictions, status = run.model(row).predictions, run.status(row)
    cells = []
    for column in columns:
        address = (run.paper, table, row, column.id)
        published = run.published_value(table, row, column.id)
        if predictions is None:
            cells.append(Cell(*address, published=published, note=status or "no finished fold"))
            continue
        scores = _scores(predictions, column)
        majority = majority_baseline(scores)
        cells.append(
            cell_from(
                _estimate(scores, column, run.seed),
                address=address,
                published=published,
                baseline=point(
                    binary_statistics(majority)[column.statistic],
                    majority.clusters,
                    over_folds=column.over_folds,
                ),
                note=status,
            )
        )
    return cells


def _scores(predictions: pd.DataFrame, column: Column) -> Scores:
    return Scores.of(video_level(predictions) if column.video else predictions)


def _estimate(scores: Scores, column: Column, seed: int) -> Any:
    statistic = binary_statistics(scores)[column.statistic]
    return estimate(statistic, scores.clusters, over_folds=column.over_folds, seed=seed)


def _claim(
    run: PaperRun, table: str, labels: Mapping[str, str], wanted: Mapping[str, str]
) -> Claim:
    names = (wanted["better"], wanted["worse"])
    better, worse = (labels.get(name, name) for name in names)
    states = {labels.get(name, name): run.status(name) for name in names}
    note = join_notes(*(f"{label}: {state}" for label, state in states.items() if state))
    frames = [f for f in (run.model(name).predictions for name in names) if f is not None]
    shared = aligned(frames)[0] if len(frames) == 2 else pd.DataFrame()
    if shared.empty:
        note = note or "no clip was tested by both models"
        return Claim(wanted["id"], wanted["text"], better, worse, note=note)
    return Claim(
        wanted["id"],
        wanted["text"],
        better,
        worse,
        comparisons=_compare(run, table, names, aligned(frames), wanted["metric"]),
        n_patients=shared["patient_id"].nunique(),
        n_clips=len(shared),
        n_folds=shared["fold"].nunique(),
        note=note,
    )


def _compare(
    run: PaperRun, table: str, names: tuple[str, str], frames: Sequence[pd.DataFrame], metric: str
) -> list[Comparison]:
    better, worse = (Scores.of(frame) for frame in frames)
    comparisons = []
    for name in dict.fromkeys((metric, "roc_auc")):
        difference = paired_difference(
            binary_statistics(better)[name],
            binary_statistics(worse)[name],
            better.clusters,
            seed=run.seed,
        )
        label = f"{METRIC_NAMES.get(name, name)}, pooled"
        published = _published_difference(run, table, names, name)
        comparisons.append(Comparison(name, label, published, difference))
    return comparisons


def _published_difference(
    run: PaperRun, table: str, names: tuple[str, str], metric: str
) -> float | None:
    better, worse = (run.published_value(table, name, metric) for name in names)
    if better is None or worse is None:
        return None
    # 0.81 - 0.79 is 0.020000000000000018 in binary; the paper prints two digits.
    return round(better - worse, 6)
