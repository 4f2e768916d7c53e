"""Tables of studies beyond the papers: variants of networks, amounts of training data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import pandas as pd

from lus_keras.evaluation.plots.studies import Point, curves, quality_against_cost
from lus_keras.evaluation.run_record import ModelRun, PaperRun
from lus_keras.evaluation.tables.cells import Cell, Drawing, Table
from lus_keras.evaluation.tables.drawings import Maker
from lus_keras.evaluation.tables.engine import difference_of, table
from lus_keras.evaluation.tables.judge import binary, network_row, shared
from lus_keras.evaluation.tables.layout import (
    NOT_RUN,
    Column,
    Contrast,
    Judged,
    Layout,
    Number,
    Quantity,
    Row,
    numbers,
)

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
PATIENTS = Column("patients", "Training patients", digits=0)


@dataclass(frozen=True)
class Study:
    """Networks and metrics of a study of variants.

    Attributes:
        labels: Network, `model` or `variant/model`, → printed name; the paper's own come first.
        best: The network that the others are compared with: the best according to the paper, or
            the one whose training the variants share.
        columns: Metrics; differences are those of the first.
        judged: Function from a network's predictions to their statistics.
        further: Columns of what is not computed from predictions alone, with the function from a
            run and a network to the quantity.
    """

    labels: Mapping[str, str]
    best: str
    columns: Sequence[Column]
    judged: Callable[[pd.DataFrame], Judged] = binary
    further: Mapping[Column, Callable[[PaperRun, str], Quantity]] = field(default_factory=dict)

    def contrast(self, run: PaperRun, *names: str) -> Contrast | None:
        """First network minus the second on the patients of both; None if there are none."""
        found = shared([run.model(name).predictions for name in names], same_clips=False)
        if not found:
            return None
        first, second = map(self.judged, found)
        return first.minus(second, self.columns[0].name)


def beyond_table(study: Study) -> Callable[..., Table]:
    """A table of the paper's networks and their variants, with their cost."""
    gain = Column("gain", f"{study.columns[0].label}: difference to {study.labels[study.best]}")

    def row(run: PaperRun, name: str, label: str) -> Row:
        cost = {column.id: Number(_cost(run.model(name), column.id)) for column in COST}
        other = None if name == study.best else study.contrast(run, name, study.best) or Number()
        more = {column.id: find(run, name) for column, find in study.further.items()}
        return network_row(run, name, label, study.judged, **cost, **more, **{gain.id: other})

    @table
    def beyond(run: PaperRun) -> Layout:
        # The paper's own networks alone are no study of variants.
        asked = run.record.targets is None or "beyond" in run.record.targets
        return Layout(
            "Beyond the paper: its networks and variants of them",
            [row(run, name, label) for name, label in study.labels.items() if asked],
            (*COST, *study.columns, gain, *study.further),
            notes=NOTES,
        )

    return beyond


def _cost(model: ModelRun, column: str) -> float | None:
    """Mean over folds of a column of history.csv in the last epoch; None if no fold has it."""
    if model.predictions is None:
        return None
    last = [frame[column].iloc[-1] for frame in model.histories.values() if column in frame]
    known = [value for value in last if not pd.isna(value)]
    return float(sum(known) / len(known)) if known else None


def beyond_figure(study: Study) -> Maker:
    """Metric against cost of the networks in the table; None until one has finished."""
    make, metric = beyond_table(study), study.columns[0]

    def draw(run: PaperRun) -> Drawing | None:
        made, points = make(run), {}
        for name, label in study.labels.items():
            cost = made.cell(name, "step_ms")
            if cost and cost.value and (point := point_of(cost.value, made.cell(name, metric.id))):
                points[label] = point
        if not points:
            return None
        return Drawing(
            "beyond",
            "Beyond the paper: quality against cost",
            "Higher is better, further left is cheaper; the paper's networks are listed first.",
            quality_against_cost(points, COST[1].label, metric.label),
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


def learning_table(amounts: Amounts) -> Callable[..., Table]:
    """A table of a metric by network and number of patients, and of differences at each."""
    study = amounts.study

    def row(run: PaperRun, variant: str, network: str) -> Row:
        count, name = learnt_from(run, variant), f"{variant}/{network}"
        label = f"{amounts.networks[network]}, {f'{count} patients' if count else variant}"
        return network_row(run, name, label, study.judged, **{PATIENTS.id: Number(count)})

    @table
    def learning_curve(run: PaperRun) -> Layout:
        rows = [row(run, variant, of) for of in amounts.networks for variant in amounts.variants]
        notes = []
        for better, worse in amounts.pairs:
            names, found = (amounts.networks[better], amounts.networks[worse]), {}
            for variant in amounts.variants:
                count = learnt_from(run, variant)
                gain = study.contrast(run, f"{variant}/{better}", f"{variant}/{worse}")
                values = {
                    PATIENTS.id: Number(count),
                    study.columns[0].id: gain or NOT_RUN,
                }
                row_id = f"gain/{variant}/{better}/{worse}"
                rows.append(Row(row_id, " − ".join(names), numbers(values)))
                if gain is not None:
                    found[count] = gain
            notes.append(f"{' compared with '.join(names)}: {_overtaken(run, found)}.")
        return Layout(
            "Learning curve: performance by the number of training patients",
            rows,
            (PATIENTS, *study.columns),
            notes=(
                "Ours, not the paper's. All rows share one test set of patients; training patients "
                "are drawn from the others, and larger training sets include the smaller ones. The "
                "presets train longer on fewer patients, so that the number of steps is about the "
                "same.",
                f"The paper has {amounts.published} patients, including its test patients.",
                *notes,
            ),
        )

    return learning_curve


def learnt_from(run: PaperRun, variant: str) -> int | None:
    """Number of training patients of a variant; None if it was not run."""
    found = run.variants.get(variant)
    fit = found.config.model_dump().get("fit", {}) if found and found.config else {}
    return fit.get("patients")


def _overtaken(run: PaperRun, gains: Mapping[int | None, Contrast]) -> str:
    """From how many patients, of those tested, one network is better than another."""
    if not gains:
        return "not run"
    found = {count: difference_of([gain], run) for count, gain in reversed(list(gains.items()))}
    above, sure = (
        [None, *(count for count, _ in takewhile(higher, found.items()))][-1]
        for higher in (lambda pair: pair[1].value > 0, lambda pair: pair[1].ci_low > 0)
    )
    tried = f"of {', '.join(map(str, gains))} patients, seed {run.seed}"
    if above is None:
        return f"not higher with the most patients ({tried})"
    interval = f"interval above 0 from {sure} on" if sure else "intervals include 0"
    return f"higher from {above} patients on, {interval} ({tried})"


def learning_figure(amounts: Amounts) -> Maker:
    """The learning curves as a figure; None until a network has finished."""
    make, metric = learning_table(amounts), amounts.study.columns[0]

    def draw(run: PaperRun) -> Drawing | None:
        made, lines = make(run), dict[str, list[Point]]()
        for network, label in amounts.networks.items():
            for variant in amounts.variants:
                cell, count = (
                    made.cell(f"{variant}/{network}", metric.id),
                    learnt_from(run, variant),
                )
                if count and (point := point_of(count, cell)):
                    lines.setdefault(label, []).append(point)
        if not lines:
            return None
        paper = amounts.published
        return Drawing(
            "learning_curve",
            "Learning curve",
            f"Bands: 95 % CI over patients. Dotted: the {paper} patients of the paper.",
            curves({PATIENTS.label: lines}, metric.label, marked=float(paper), log=True),
        )

    return draw
