"""Tables, claims and figures of the lung-sliding paper from predictions.

A row is a network on one of the six data sets, `2_30x30/resnet3d_18`; each data set has its own
tiles, so each has its own baselines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from lus_keras.evaluation.metrics import Scores, binary_statistics, independent_difference
from lus_keras.evaluation.report.cells import Cell, Claim, Drawing, Table, finite
from lus_keras.evaluation.report.classification import (
    BASELINE_LABELS,
    Column,
    classification_cells,
    classification_claims,
)
from lus_keras.evaluation.report.drawings import classification_drawings
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.sliding import (
    CITED,
    DATA_SETS,
    DEPTHS,
    LEAKAGE,
    TABLE1,
    TABLE2,
    TABLE3,
    TABLE5,
)
from lus_keras.papers.sliding.figures import (
    CLASSES,
    corrected,
    explanations,
    figure4,
    figure4_table,
    figure5,
)

TITLES = {"resnet3d_18": "ResNet3D-18", "resnet3d_34": "ResNet3D-34", "resnet3d_50": "ResNet3D-50"}
LEAKY = "2_30x30_leaky"
ARMS = {**{name: name for name in DATA_SETS}, LEAKY: "2_30x30, split by tile"}
LABELS = {
    f"{arm}/{model}": f"{title}, {network}"
    for arm, title in ARMS.items()
    for model, network in TITLES.items()
} | {CITED: "M-mode, ResNet-18"}
MMODE_NOTE = (
    "M-mode: a ResNet-18 on columns of the marked region over the frames of a clip, as in a study "
    "that the paper cites (Jaščur et al. 2021); a column stands where other rows have a tile."
)
HEADLINE = (
    Column("accuracy", "Accuracy", "accuracy"),
    Column("sensitivity", "Sensitivity", "recall"),
    Column("specificity", "Specificity", "specificity"),
    Column("f1", "F1", "f1"),
)
FURTHER = (
    Column("precision", "Precision", "precision"),
    Column("roc_auc", "ROC-AUC", "roc_auc"),
    Column("pr_auc", "PR-AUC", "pr_auc"),
    Column("brier", "Brier score (0 is best)", "brier"),
    Column("video_accuracy", "Accuracy, per video", "accuracy", video=True),
    Column("video_f1", "F1, per video", "f1", video=True),
    Column("video_roc_auc", "ROC-AUC, per video", "roc_auc", video=True),
)


def of_arm(run: PaperRun, arm: str) -> PaperRun:
    """The networks of one data set.

    Args:
        run: The paper's run.
        arm: Name of the data set.

    Returns:
        A run that holds nothing else.
    """
    models = {name: model for name, model in run.models.items() if name.startswith(f"{arm}/")}
    return replace(run, models=models)


def _table(run: PaperRun, *, table: str, title: str, rows: Sequence[str]) -> Table:
    arms = list(dict.fromkeys(row.partition("/")[0] for row in rows))
    cells: list[Cell] = []
    labels: dict[str, str] = {}
    for arm in arms:
        own = [row for row in rows if row.startswith(f"{arm}/")]
        found = classification_cells(of_arm(run, arm), table, own, (*HEADLINE, *FURTHER))
        for cell in found:
            row = f"{arm}/{cell.row}" if cell.row in BASELINE_LABELS else cell.row
            cells.append(corrected(run, replace(cell, row=row)))
        labels |= {row: LABELS[row] for row in own}
        labels |= {f"{arm}/{name}": f"{ARMS.get(arm, arm)}, {text.lower()}"
                   for name, text in BASELINE_LABELS.items()}  # fmt: skip
    return Table(
        id=table,
        title=title,
        cells=cells,
        row_labels=labels,
        metric_labels={column.id: column.label for column in (*HEADLINE, *FURTHER)},
        headline=[column.id for column in HEADLINE],
        published_decimals=4,
        notes=(
            *(_population(run, arm) for arm in arms),
            "Positive: sliding is present. Baseline: the majority class of the same tiles. A tile "
            "is counted once, the interval is over patients.",
            *((MMODE_NOTE,) if CITED in rows else ()),
            *_leaking(run, arms),
        ),
    )


def _population(run: PaperRun, arm: str) -> str:
    counts = run.arms[arm].data if arm in run.arms else None
    tested = of_arm(run, arm).models.values()
    frames = [model.predictions for model in tested if model.predictions is not None]
    if counts is None or counts.clips is None or not frames:
        return f"{ARMS.get(arm, arm)}: not run."
    largest = max(frames, key=len)
    positive = (largest["y_true"] == 1).mean()
    return (
        f"{ARMS.get(arm, arm)}: {counts.clips} tiles; tested: {len(largest)} of "
        f"{largest['patient_id'].nunique()} patients, {positive:.0%} with sliding."
    )


def _leaking(run: PaperRun, arms: Sequence[str]) -> list[str]:
    leaking = [arm for arm in arms if arm in run.arms and run.arms[arm].leaks]
    if not leaking:
        return []
    return [
        f"LEAKAGE in {', '.join(ARMS.get(arm, arm) for arm in leaking)}: tiles of one patient are "
        "learnt from and tested on. These rows say how well patients are recognised."
    ]


def table5(run: PaperRun) -> Table:
    """Table 5: the rows the paper calls best, and an M-mode network.

    Args:
        run: The paper's run.

    Returns:
        The table; what the paper prints of the M-mode network is cited from another study.
    """
    made = _table(
        run,
        table="table5",
        title="Table 5. The rows the paper calls best, beside a network on M-mode slices",
        rows=TABLE5,
    )
    return replace(made, notes=(*made.notes, "The published M-mode numbers are of that study."))


def leakage(run: PaperRun) -> Table:
    """The same networks on the same tiles, divided by patient and by tile, and the difference.

    Args:
        run: The paper's run.

    Returns:
        The table; rows `flattery/<network>` hold the difference with its interval.
    """
    made = _table(
        run,
        table="leakage",
        title="Leakage: the same networks and tiles, divided by patient and by tile",
        rows=LEAKAGE,
    )
    cells, labels = list(made.cells), dict(made.row_labels)
    for model in DEPTHS:
        row = f"flattery/{model}"
        labels[row] = f"Gain by the split by tile, {TITLES[model]}"
        cells += [_flattery(run, row, model, column) for column in (*HEADLINE, *FURTHER[:4])]
    note = (
        "Gain: metric of the split by tile minus that of the split by patient; the two test sets "
        "are resampled independently, each over its patients."
    )
    return replace(made, cells=cells, row_labels=labels, notes=(*made.notes, note))


def _flattery(run: PaperRun, row: str, model: str, column: Column) -> Cell:
    address = (run.paper, "leakage", row, column.id)
    frames = [run.model(f"{arm}/{model}").predictions for arm in (LEAKY, "2_30x30")]
    by_tile, by_patient = frames
    if by_tile is None or by_patient is None:
        return Cell(*address, note="not run")
    sides = []
    for frame in (by_tile, by_patient):
        scores = Scores.of(frame)
        sides.append((binary_statistics(scores)[column.statistic], scores.clusters))
    found = independent_difference(sides[0], sides[1], seed=run.seed)
    patients = min(frame["patient_id"].nunique() for frame in (by_tile, by_patient))
    return Cell(
        *address,
        value=finite(found.value),
        ci_low=finite(found.ci_low),
        ci_high=finite(found.ci_high),
        n_patients=patients,
        n_clips=min(len(by_tile), len(by_patient)),
        n_folds=1,
        note=found.verdict,
    )


def claims(run: PaperRun) -> list[Claim]:
    """Tests the orders the paper reads from its tables by paired patient bootstrap.

    Args:
        run: The paper's run; its record lists the claims.

    Returns:
        One claim each.
    """
    return classification_claims(run, "table4", LABELS)


def _drawings_of(arm: str) -> dict[str, Callable[[PaperRun], Drawing | None]]:
    made = classification_drawings(LABELS, CLASSES)

    def draw(name: str, run: PaperRun) -> Drawing | None:
        drawing = made[name](of_arm(run, arm))
        if drawing is None:
            return None
        title = f"{drawing.title}, {ARMS.get(arm, 'M-mode')}"
        return replace(drawing, id=f"{name}_{arm}", title=title)

    return {f"{name}_{arm}": partial(draw, name) for name in made}


TABLES: dict[str, Callable[[PaperRun], Table]] = {
    "table1": partial(
        _table, table="table1", title="Table 1. Tiles of 30 × 30 pixels", rows=(*TABLE1, CITED)
    ),
    "table2": partial(
        _table, table="table2", title="Table 2. Tiles of 60 × 60 pixels", rows=TABLE2
    ),
    "table3": partial(
        _table, table="table3", title="Table 3. Tiles of 90 × 90 pixels", rows=TABLE3
    ),
    "table4": partial(
        _table,
        table="table4",
        title="Table 4. All data sets and networks",
        rows=(*TABLE1, *TABLE2, *TABLE3, CITED),
    ),
    "table5": table5,
    "figure4": figure4_table,
    "leakage": leakage,
    "explanations": explanations,
}
FIGURES: dict[str, Callable[[PaperRun], Drawing | None]] = {
    "figure4": figure4,
    "figure5": figure5,
    **{key: make for arm in (*ARMS, "mmode") for key, make in _drawings_of(arm).items()},
}
