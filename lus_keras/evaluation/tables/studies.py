"""Tables of studies beyond the papers: variants of networks, amounts of training data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lus_keras.evaluation.metrics import Scores, majority_baseline
from lus_keras.evaluation.plots.studies import Point, curves, quality_against_cost
from lus_keras.evaluation.run_record import ModelRun, PaperRun
from lus_keras.evaluation.tables.cells import Cell, Drawing, Table
from lus_keras.evaluation.tables.engine import difference_of, table, tabulate
from lus_keras.evaluation.tables.judge import binary, missing, once_per_frame
from lus_keras.evaluation.tables.layout import (
    Column,
    Contrast,
    Judged,
    Layout,
    Number,
    Quantity,
    Row,
    Source,
    numbers,
)
from lus_keras.evaluation.tables.multiclass import total_statistics

COST = (
    Column("parameters", "Parameters", digits=0),
    Column("step_ms", "Time per step (ms)", digits=1),
)
NOTES = (
    "Ours, not the paper's: what the papers name as future work, with their protocol and on the "
    "same folds. Baseline: the majority class.",
    "Time per step: median over the steps of the last epoch except its first, on the machine of "
    "this run. Difference: paired bootstrap over the patients on whom both were tested.",
)


@dataclass(frozen=True)
class Study:
    """Networks and metrics of a study of variants.

    Attributes:
        labels: Network, `model` or `variant/model`, → printed name; the paper's own come first.
        best: The network that the others are compared with: the best according to the paper, or
            the one whose training the variants share.
        columns: Metrics; differences are those of the first.
        multiclass: Whether there are more than two classes.
    """

    labels: Mapping[str, str]
    best: str
    columns: Sequence[Column]
    multiclass: bool = False

    def judged(self, predictions: pd.DataFrame) -> Judged:
        """Statistics of a network's predictions."""
        return _of_classes(predictions) if self.multiclass else binary(predictions)

    def contrast(self, run: PaperRun, first: str, second: str) -> Contrast | None:
        """First network minus the second on the patients of both; None if there are none."""
        found = [run.model(name).predictions for name in (first, second)]
        known = [frame for frame in found if frame is not None]
        if len(known) < len(found):
            return None
        shared = set.intersection(*(set(frame["patient_id"]) for frame in known))
        if not shared:
            return None
        sides = [self.judged(_of_patients(frame, frozenset(shared))) for frame in known]
        metric = self.columns[0].name
        one, other = ((side.statistics[metric], side.clusters) for side in sides)
        return Contrast(one, other)


@once_per_frame
def _of_classes(predictions: pd.DataFrame) -> Judged:
    scores = Scores.of(predictions)
    without = total_statistics(majority_baseline(scores))
    return Judged(scores.clusters, total_statistics(scores), without)


@once_per_frame
def _of_patients(predictions: pd.DataFrame, patients: frozenset[str]) -> pd.DataFrame:
    return predictions[predictions["patient_id"].isin(patients)].reset_index(drop=True)


def _measured(study: Study, model: ModelRun) -> Source:
    def source(column: Column) -> Quantity | None:
        if model.predictions is None:
            return Number()
        if column in COST:
            return Number(_cost(model, column.id))
        return study.judged(model.predictions)(column)

    return source


def _cost(model: ModelRun, name: str) -> float | None:
    """Mean over folds of a column of history.csv in the last epoch; None if no fold has it."""
    last = [frame[name].iloc[-1] for frame in model.histories.values() if name in frame]
    known = [value for value in last if not pd.isna(value)]
    return float(sum(known) / len(known)) if known else None


def beyond_table(study: Study) -> Callable[..., Table]:
    """A table of the paper's networks and their variants, with their cost."""
    gain = Column("gain", f"{study.columns[0].label}: difference to {study.labels[study.best]}")

    def row(run: PaperRun, name: str, label: str) -> Row:
        measured = _measured(study, run.model(name))

        def source(column: Column) -> Quantity | None:
            if column != gain:
                return measured(column)
            return None if name == study.best else study.contrast(run, name, study.best) or Number()

        return Row(name, label, source, missing(run, name))

    @table
    def beyond(run: PaperRun) -> Layout:
        # The paper's own networks alone are no study of variants.
        asked = run.record.targets is None or "beyond" in run.record.targets
        return Layout(
            run,
            "beyond",
            "Beyond the paper: its networks and variants of them",
            [row(run, name, label) for name, label in study.labels.items() if asked],
            (*COST, *study.columns, gain),
            notes=NOTES,
        )

    return beyond


def beyond_figure(study: Study) -> Callable[[PaperRun], Drawing | None]:
    """Metric against cost of the networks in the table; None until one has finished."""
    make = beyond_table(study)

    def draw(run: PaperRun) -> Drawing | None:
        cells = {(cell.row, cell.metric): cell for cell in make(run).cells}
        points = {}
        for name, label in study.labels.items():
            cost, quality = cells.get((name, "step_ms")), cells.get((name, study.columns[0].id))
            if cost and quality and cost.value and (point := point_of(cost.value, quality)):
                points[label] = point
        if not points:
            return None
        return Drawing(
            "beyond",
            "Beyond the paper: quality against cost",
            "Higher is better, further left is cheaper; the paper's networks are listed first.",
            quality_against_cost(points, COST[1].label, study.columns[0].label),
        )

    return draw


def point_of(x: float, cell: Cell | None) -> Point | None:
    """A point of a figure from a cell; without an interval, its ends are the value.

    Returns:
        `x`, value and interval; None where there is no value.
    """
    if cell is None or cell.value is None:
        return None
    low, high = (cell.value if end is None else end for end in (cell.ci_low, cell.ci_high))
    return x, cell.value, low, high


@dataclass(frozen=True)
class Amounts:
    """Networks trained on different numbers of patients.

    Attributes:
        study: Metrics of the networks.
        variants: Variants of the configuration, from few patients to many.
        networks: Network → printed name.
        pairs: Networks to compare: better, worse.
        published: Number of patients in the paper.
    """

    study: Study
    variants: Sequence[str]
    networks: Mapping[str, str]
    pairs: Sequence[tuple[str, str]]
    published: int


PATIENTS = Column("patients", "Training patients", digits=0)


def learning_table(amounts: Amounts) -> Callable[..., Table]:
    """A table of a metric by network and number of patients, and of differences at each."""
    return table(lambda run: learning_layout(run, amounts))


def learning_layout(run: PaperRun, amounts: Amounts) -> Layout:
    """Declares the table of learning curves."""
    study, rows = amounts.study, []
    for network, label in amounts.networks.items():
        for variant in amounts.variants:
            name = f"{variant}/{network}"
            count = learnt_from(run, variant)
            text = f"{label}, {count} patients" if count else f"{label}, {variant}"
            rows.append(Row(name, text, _amount(amounts, run, name), missing(run, name)))
    for better, worse in amounts.pairs:
        label = f"{amounts.networks[better]} − {amounts.networks[worse]}"
        for variant in amounts.variants:
            sides = f"{variant}/{better}", f"{variant}/{worse}"
            found = study.contrast(run, *sides)
            values = {
                PATIENTS.id: Number(learnt_from(run, variant)),
                study.columns[0].id: found or Number(note="not run"),
            }
            row = f"gain/{variant}/{better}/{worse}"
            rows.append(Row(row, label, numbers(values)))
    return Layout(
        run,
        "learning_curve",
        "Learning curve: performance by the number of training patients",
        rows,
        (PATIENTS, *study.columns),
        notes=(
            "Ours, not the paper's. All rows share one test set of patients; training patients are "
            "drawn from the others, and larger training sets include the smaller ones. The presets "
            "train longer on fewer patients, so that the number of steps is about the same.",
            f"The paper has {amounts.published} patients, including its test patients.",
            *(_overtaken(run, amounts, *pair) for pair in amounts.pairs),
        ),
    )


def _amount(amounts: Amounts, run: PaperRun, name: str) -> Source:
    measured = _measured(amounts.study, run.model(name))
    count = learnt_from(run, name.partition("/")[0])
    return lambda column: Number(count) if column == PATIENTS else measured(column)


def learnt_from(run: PaperRun, variant: str) -> int | None:
    """Number of training patients of a variant; None if it was not run."""
    found = run.variants.get(variant)
    fit = found.config.model_dump().get("fit", {}) if found and found.config else {}
    return fit.get("patients")


def _overtaken(run: PaperRun, amounts: Amounts, better: str, worse: str) -> str:
    """Sentence on the number of patients, of those tested, from which one network is better."""
    differences = {}
    for variant in amounts.variants:
        contrast = amounts.study.contrast(run, f"{variant}/{better}", f"{variant}/{worse}")
        if contrast is not None:
            differences[learnt_from(run, variant)] = difference_of([contrast], run)
    names = f"{amounts.networks[better]} compared with {amounts.networks[worse]}"
    if not differences:
        return f"{names}: not run."
    above = sure = None
    for count, found in reversed(differences.items()):
        if not found.value > 0:
            break
        above = count
    for count, found in reversed(differences.items()):
        if not found.ci_low > 0:
            break
        sure = count
    tried = f"of {', '.join(map(str, differences))} patients, seed {run.seed}"
    if above is None:
        return f"{names}: not higher with the most patients ({tried})."
    interval = f"interval above 0 from {sure} on" if sure else "intervals include 0"
    return f"{names}: higher from {above} patients on, {interval} ({tried})."


def learning_figure(amounts: Amounts) -> Callable[[PaperRun], Drawing | None]:
    """The learning curves as a figure; None until a network has finished."""

    def draw(run: PaperRun) -> Drawing | None:
        metric = amounts.study.columns[0]
        made = tabulate([learning_layout(run, amounts)])
        cells = {cell.row: cell for cell in made.cells if cell.metric == metric.id}
        lines: dict[str, list[Point]] = {}
        for network, label in amounts.networks.items():
            for variant in amounts.variants:
                cell, count = cells.get(f"{variant}/{network}"), learnt_from(run, variant)
                if cell and count and (point := point_of(count, cell)):
                    lines.setdefault(label, []).append(point)
        if not lines:
            return None
        return Drawing(
            "learning_curve",
            "Learning curve",
            f"Bands: 95 % CI over patients. Dotted: the {amounts.published} patients of the paper.",
            curves(
                {PATIENTS.label: lines}, metric.label, marked=float(amounts.published), log=True
            ),
        )

    return draw
