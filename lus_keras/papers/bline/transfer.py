"""What simulated videos are worth on real ones: a study of ours, not of the paper's.

Three networks of one kind are tested on the same real videos: one that learnt from these videos
within the folds, one that learnt from simulated videos alone, and one that did the latter first.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from lus_keras.evaluation.metrics import (
    Scores,
    aligned,
    binary_statistics,
    paired_difference,
    video_level,
)
from lus_keras.evaluation.metrics.scores import probability_columns
from lus_keras.evaluation.report.cells import Cell, Table, finite
from lus_keras.evaluation.report.classification import BASELINE_LABELS, Column, classification_cells
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.bline import TRANSFER

LABELS = {
    "scratch/c2d_lstm_a": "Learnt from these videos, within the folds",
    "simulated/c2d_lstm_a": "Learnt from simulated videos alone",
    "tuned/c2d_lstm_a": "Learnt from simulated videos, then within the folds",
}
COLUMNS = (
    Column("video_roc_auc", "ROC-AUC, per video", "roc_auc"),
    Column("video_accuracy", "Accuracy, per video", "accuracy"),
    Column("video_f1", "F1, per video", "f1"),
    Column("video_brier", "Brier score, per video (0 is best)", "brier"),
)
SCRATCH = TRANSFER[0]


def per_video(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row a video; where several networks tested it, their mean.

    Args:
        predictions: Rows of predictions.csv of one or several folds.

    Returns:
        One row a video, with `clip_id` equal to `video_id` and `fold` 0, ordered by video.
    """
    rows = video_level(predictions)
    how = dict.fromkeys(probability_columns(rows), "mean") | {"y_true": "max"}
    rows = rows.groupby(["patient_id", "video_id"], as_index=False, sort=True).agg(how)
    return rows.assign(fold=0, clip_id=rows["video_id"])


def transfer(run: PaperRun) -> Table:
    """The three ways to learn, on the same videos, and what simulated videos add.

    Args:
        run: The paper's run.

    Returns:
        The table; rows `gain/…` are paired differences to learning from these videos.
    """
    models = {
        name: replace(model, predictions=per_video(model.predictions))
        for name in TRANSFER
        if (model := run.model(name)).predictions is not None
    }
    frames = {name: model.predictions for name, model in models.items()}
    averaged = replace(run, models={**run.models, **models})
    cells = classification_cells(averaged, "transfer", TRANSFER, COLUMNS)
    labels = dict(LABELS)
    for name in TRANSFER[1:]:
        row = f"gain/{name}"
        labels[row] = f"Gain: {LABELS[name][0].lower()}{LABELS[name][1:]}"
        cells += _gains(run, row, name, frames)
    return Table(
        id="transfer",
        title="Transfer: what simulated videos are worth on these",
        cells=cells,
        row_labels=labels | BASELINE_LABELS,
        metric_labels={column.id: column.label for column in COLUMNS},
        headline=[column.id for column in COLUMNS],
        notes=(
            "Not in the paper. No label of these videos was used to make the simulated ones or to "
            "train on them. A video's probability is the mean of its clips'; where several "
            "networks learnt from the simulated videos, the mean of theirs.",
            "Gain: difference to learning from these videos alone, by paired patient bootstrap. "
            "Baseline: the majority class.",
        ),
    )


def _gains(run: PaperRun, row: str, name: str, frames: dict[str, pd.DataFrame]) -> list[Cell]:
    cells = []
    for column in COLUMNS:
        address = (run.paper, "transfer", row, column.id)
        if name not in frames or SCRATCH not in frames:
            cells.append(Cell(*address, note="not run"))
            continue
        better, worse = (Scores.of(part) for part in aligned([frames[name], frames[SCRATCH]]))
        found = paired_difference(
            binary_statistics(better)[column.statistic],
            binary_statistics(worse)[column.statistic],
            better.clusters,
            seed=run.seed,
        )
        cells.append(
            Cell(
                *address,
                value=finite(found.value),
                ci_low=finite(found.ci_low),
                ci_high=finite(found.ci_high),
                n_patients=better.clusters.n_patients,
                n_clips=len(better.y_true),
                n_folds=1,
                note="" if column.statistic == "brier" else found.verdict,
            )
        )
    return cells
