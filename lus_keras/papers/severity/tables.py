"""Table I, the results of Section VI, and the options the paper leaves for later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lus_keras.evaluation.metrics import (
    Scores,
    constant_baseline,
    estimate,
    majority_baseline,
    ordinal_statistics,
    point,
    soft_cross_entropy,
    summed_batch_loss,
)
from lus_keras.evaluation.report.cells import Cell, Table, cell_from, finite, join_notes
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.severity import HONEST, MASKED, NETWORK, SCRATCH, WEIGHTED
from lus_keras.papers.severity.rows import (
    ALL_VIDEOS,
    BASELINES,
    CLASSES,
    LABELS,
    batch_size_of,
    population,
    side_counts,
    targets_of,
    weights_note,
)

SCORES = ("score_0", "score_1", "score_2", "score_3")
SIDES = {"train": "Train set", "test": "Test set"}


@dataclass(frozen=True)
class Column:
    """One metric: id, what is printed, its name among the statistics, factor to its unit.

    `statistic` is empty for the loss as the paper divides it.
    """

    id: str
    label: str
    statistic: str
    scale: float = 1.0


COLUMNS = (
    Column("accuracy", "Accuracy (%)", "accuracy", 100.0),
    Column("f1", "F1, micro (= accuracy)", "accuracy"),
    Column("loss_as_published", "Loss, divided twice", ""),
    Column("loss", "Loss, mean", "loss"),
    Column("macro_f1", "F1, macro", "macro_f1"),
    Column("kappa", "Quadratic κ", "kappa"),
    Column("mae", "Mean error (scores)", "mae"),
    Column("within_one", "Within one score", "within_one"),
)
METRICS = {column.id: column.label for column in COLUMNS}


def table1(run: PaperRun) -> Table:
    """Table I: videos of each score to train on and to test on; needs no training.

    Args:
        run: The paper's run.

    Returns:
        The table; train counts include the patients that choose an epoch.
    """
    counts = side_counts(run)
    cells = []
    for side in SIDES:
        ours = counts.get(side)
        values = [*ours, sum(ours)] if ours else [None] * (len(SCORES) + 1)
        for metric, value in zip((*SCORES, "total"), values, strict=True):
            published = run.published_value("table1", side, metric)
            note = "" if ours else "not counted"
            cells.append(Cell(run.paper, "table1", side, metric, published, finite(value),
                              n_clips=value or 0, note=note))  # fmt: skip
    labels = dict(zip((*SCORES, "total"), (*CLASSES, "total"), strict=True))
    return Table(
        id="table1",
        title="Table I. Distribution of scores in train and test sets (videos)",
        cells=cells,
        row_labels=SIDES,
        metric_labels=labels,
        headline=list(labels),
        decimals=0,
        published_decimals=0,
        notes=("Counts of the data in use, beside those of the paper's private data.",),
    )


def results(run: PaperRun) -> Table:
    """Section VI: accuracy, F1 and loss, and what the paper does not print.

    Args:
        run: The paper's run.

    Returns:
        The table; `baseline` is the majority class, of losses the best constant prediction.
    """
    rows = (NETWORK, HONEST, SCRATCH, ALL_VIDEOS)
    notes = (
        "The first row is the paper's protocol: its epoch is the one of lowest loss on the test "
        "set, so its numbers are too good by an unknown amount, and its last incomplete batch of "
        "test videos is left out. The second keeps patients back to "
        "choose the epoch. The third also trains as random first weights need it.",
    )
    return _table(run, "results", "Results on the test set (Sec. VI)", rows, notes)


def variants(run: PaperRun) -> Table:
    """What the paper names but does not try, beside its own accuracy and the majority class.

    Args:
        run: The paper's run.

    Returns:
        The table.
    """
    rows = (NETWORK, HONEST, MASKED, WEIGHTED)
    notes = (
        "Masked: the BiLSTM skips padded frames. Weighted: SORD times the inverse of each score's "
        "share; the losses printed are without these weights.",
    )
    return _table(run, "variants", "Options the paper leaves open", rows, notes)


def _table(
    run: PaperRun, name: str, title: str, rows: Sequence[str], notes: Sequence[str]
) -> Table:
    cells = [cell for row in rows for cell in _row(run, name, row)]
    cells += _baselines(run, name, rows)
    said = [population(run, row) for row in rows]
    return Table(
        id=name,
        title=title,
        cells=cells,
        row_labels={row: LABELS[row] for row in rows} | BASELINES,
        metric_labels=METRICS,
        headline=["accuracy", "macro_f1", "loss_as_published", "loss", "kappa"],
        published_decimals=2,
        notes=(
            *notes,
            *dict.fromkeys(filter(None, said)),
            weights_note(run),
            "Loss, divided twice: the sum of the batches' mean losses divided by the number of "
            "videos, as the paper prints it; of full batches it is the mean loss over their size.",
            "The best constant prediction is the mean of the tested videos' soft labels: it knows "
            "their shares and nothing else.",
        ),
    )


def _row(run: PaperRun, table: str, row: str) -> list[Cell]:
    if row == ALL_VIDEOS:
        return _printed_only(run, table)
    predictions, status = run.model(row).predictions, run.status(row)
    cells = []
    for column in COLUMNS:
        address = (run.paper, table, row, column.id)
        # Both tables stand beside the one set of numbers that the paper prints.
        published = run.published_value("results", row, column.id)
        if predictions is None:
            cells.append(Cell(*address, published=published, note=status or "no finished fold"))
            continue
        note = join_notes("chosen on the test set" if row == NETWORK else "", status)
        scores = Scores.of(predictions)
        cells.append(_cell(run, row, column, scores, address, published, note))
    return cells


def _printed_only(run: PaperRun, table: str) -> list[Cell]:
    """The printed accuracy on all videos; ours would count videos that were learnt from."""
    published = run.published_value("results", ALL_VIDEOS, "accuracy")
    note = "not measured: most of these videos were learnt from"
    return [Cell(run.paper, table, ALL_VIDEOS, "accuracy", published, note=note)]


def _cell(
    run: PaperRun,
    row: str,
    column: Column,
    scores: Scores,
    address: tuple[str, str, str, str],
    published: float | None = None,
    note: str = "",
) -> Cell:
    targets, size = targets_of(run, row), batch_size_of(run, row)
    constant = constant_baseline(scores, targets)
    if not column.statistic:
        return Cell(
            *address,
            published=published,
            value=finite(_divided_twice(scores, targets, size)),
            baseline=finite(_divided_twice(constant, targets, size)),
            n_patients=scores.clusters.n_patients,
            n_clips=len(scores.y_true),
            n_folds=len(np.unique(scores.clusters.folds)),
            note=note,
        )
    blind = constant if column.statistic == "loss" else majority_baseline(scores)
    found = estimate(
        ordinal_statistics(scores, targets)[column.statistic], scores.clusters, seed=run.seed
    )
    baseline = point(ordinal_statistics(blind, targets)[column.statistic], scores.clusters)
    return cell_from(
        found,
        address=address,
        published=published,
        baseline=baseline,
        scale=column.scale,
        note=note,
    )


def _divided_twice(scores: Scores, targets: np.ndarray, batch_size: int) -> float:
    """The paper's loss, mean over folds; rows of a fold are in the order of its batches."""
    losses = soft_cross_entropy(scores.y_true, scores.probabilities, targets)
    folds = scores.clusters.folds
    return float(
        np.mean([summed_batch_loss(losses[folds == k], batch_size) for k in np.unique(folds)])
    )


def _baselines(run: PaperRun, table: str, rows: Sequence[str]) -> list[Cell]:
    """The two predictors that look at nothing, on the row with the most videos."""
    frames = {row: run.model(row).predictions for row in rows}
    known = {row: Scores.of(frame) for row, frame in frames.items() if frame is not None}
    if not known:
        return []
    row = max(known, key=lambda name: len(known[name].y_true))
    scores, targets = known[row], targets_of(run, row)
    made = {"majority": majority_baseline(scores), "constant": constant_baseline(scores, targets)}
    cells = []
    for name, blind in made.items():
        for column in COLUMNS:
            address = (run.paper, table, name, column.id)
            if name == "majority" and column.statistic in ("", "loss"):
                note = "undefined here: it gives probability 0"
                cells.append(Cell(*address, note=note))
            else:
                cells.append(_cell(run, row, column, blind, address))
    return cells
