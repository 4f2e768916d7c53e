"""The parts of a report: cells, tables, claims and figures."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from matplotlib.figure import Figure

from lus_keras.evaluation.metrics import Difference, Estimate

# Rows of predictors without skill, for comparison with the networks.
SKILL_FREE = {"majority", "always_positive", "constant", "random_frame", "all_frames"}


@dataclass(frozen=True)
class Cell:
    """One cell of a table, a row of results.json. None means undefined or not available.

    Attributes:
        row: Row id, usually a network.
        published: The paper's number.
        value: Our number.
        fold_sd: SD across folds (ddof 1), not a confidence interval.
        ci_low: Lower end of the 95 % bootstrap interval over patients.
        ci_high: Upper end.
        baseline: Value of a predictor without skill on the same clips.
        n_clips: Number of clips (of videos in video-level metrics).
        n_seeds: Number of trainings with different seeds; 1 for a single run.
        seed_sd: SD across seeds (ddof 1); None for a single run.
        note: What a reader has to know about this number.
    """

    paper: str
    table: str
    row: str
    metric: str
    published: float | None = None
    value: float | None = None
    fold_sd: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    baseline: float | None = None
    n_patients: int = 0
    n_clips: int = 0
    n_folds: int = 0
    n_seeds: int = 1
    seed_sd: float | None = None
    note: str = ""

    def as_row(self) -> dict[str, Any]:
        """The cell as plain JSON values, in the order of the fields."""
        return asdict(self)


@dataclass(frozen=True)
class Table:
    """A table: cells by row and metric.

    Attributes:
        title: Title without a full stop.
        row_labels: Row id → printed name, in order.
        metric_labels: Metric id → printed name, in order.
        headline: Metrics that the paper prints; the others are in a collapsed section.
        digits_of: Digits after the point of metrics in a different unit than the rest.
    """

    id: str
    title: str
    cells: Sequence[Cell]
    row_labels: Mapping[str, str]
    metric_labels: Mapping[str, str]
    headline: Sequence[str]
    decimals: int = 3
    published_decimals: int = 2
    notes: Sequence[str] = ()
    digits_of: Mapping[str, int] = field(default_factory=dict)

    def digits(self, metric: str) -> int:
        """Digits after the point of our number."""
        return self.digits_of.get(metric, self.decimals)

    def published_digits(self, metric: str) -> int:
        """Digits after the point of the paper's number."""
        return self.digits_of.get(metric, self.published_decimals)

    def missing(self, row: str, metrics: Iterable[str]) -> str:
        """Why a row has none of our numbers: the note shared by all its cells; else empty."""
        cells = [cell for metric in metrics if (cell := self.cell(row, metric))]
        notes = {cell.note for cell in cells}
        if len(notes) != 1 or any(cell.value is not None for cell in cells):
            return ""
        return notes.pop()

    def cell(self, row: str, metric: str) -> Cell | None:
        """Finds a cell; None if the table has none there."""
        matches = (cell for cell in self.cells if (cell.row, cell.metric) == (row, metric))
        return next(matches, None)


@dataclass(frozen=True)
class Comparison:
    """One metric of a claim; `published` is the difference of the paper's own numbers."""

    metric: str
    label: str
    published: float | None
    difference: Difference


@dataclass(frozen=True)
class Claim:
    """A claim of the paper that one network is better, and its test.

    Attributes:
        better: Printed name of the network claimed to be better.
        comparisons: First the metric that decides the verdict, then others; empty if not testable.
        n_patients: Patients on whom both networks were tested.
        note: Why the test is incomplete or missing.
    """

    id: str
    text: str
    better: str
    worse: str
    comparisons: Sequence[Comparison] = ()
    n_patients: int = 0
    n_clips: int = 0
    n_folds: int = 0
    note: str = ""

    @property
    def verdict(self) -> str:
        """Verdict of the first comparison, see `Difference`, or `not tested`."""
        return self.comparisons[0].difference.verdict if self.comparisons else "not tested"

    def cells(self, paper: str) -> list[Cell]:
        """Rows of results.json, table `claims`: one a comparison, one empty row if not tested."""
        counts = (self.n_patients, self.n_clips, self.n_folds)
        if not self.comparisons:
            note = f"not tested: {self.note}"
            return [Cell(paper, "claims", self.id, "f1_difference", note=note)]
        return [
            Cell(
                paper, "claims", self.id, f"{part.metric}_difference", part.published,
                finite(part.difference.value), None, finite(part.difference.ci_low),
                finite(part.difference.ci_high), None, *counts, part.difference.n_seeds,
                finite(part.difference.seed_sd), join_notes(part.difference.verdict, self.note),
            )
            for part in self.comparisons
        ]  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """A figure of the report.

    Attributes:
        id: Id, also the stem of the file.
        caption: What the figure shows and how it was selected.
        frames: Whether it shows frames of videos, which not every license permits to share.
    """

    id: str
    title: str
    caption: str
    figure: Figure = field(repr=False)
    frames: bool = False


def cell_from(
    estimate: Estimate,
    *,
    address: tuple[str, str, str, str],
    published: float | None = None,
    baseline: float | None = None,
    scale: float = 1.0,
    note: str = "",
) -> Cell:
    """Turns an estimate into a cell; NaN becomes None, and the note states what was undefined.

    Args:
        baseline: Value of a predictor without skill, unscaled; NaN counts as none.
        scale: Factor from the estimate's unit to the table's (100 for percent).
    """

    def scaled(value: float | None) -> float | None:
        return None if value is None else finite(value * scale)

    # Equal ends, as for a recall of 1, do not quantify the variation between patients.
    flat = estimate.ci_low == estimate.ci_high
    return Cell(
        *address,
        published=published,
        value=scaled(estimate.value),
        fold_sd=scaled(estimate.fold_sd),
        ci_low=None if flat else scaled(estimate.ci_low),
        ci_high=None if flat else scaled(estimate.ci_high),
        baseline=scaled(baseline),
        n_patients=estimate.n_patients,
        n_clips=estimate.n_clips,
        n_folds=len(estimate.folds),
        n_seeds=len(estimate.seeds) or 1,
        seed_sd=scaled(estimate.seed_sd),
        note=join_notes(note, _undefined_note(estimate)),
    )


def _undefined_note(estimate: Estimate) -> str:
    if math.isnan(estimate.value):
        return "undefined here"
    empty, folds = sum(math.isnan(value) for value in estimate.folds), len(estimate.folds)
    of_mean = f"undefined in {empty} of {folds} folds, mean of the others"
    of_pooled = f"SD of the {folds - empty} of {folds} folds in which it is defined"
    return join_notes(
        (of_mean if estimate.over_folds else of_pooled) if empty else "",
        f"{estimate.undefined:.1%} of resamples undefined and dropped"
        if estimate.undefined
        else "",
        "the same in every resample: no interval"
        if estimate.ci_low == estimate.ci_high and estimate.n_patients > 1
        else "",
        "a single patient: no interval" if estimate.n_patients == 1 else "",
    )


def join_notes(*notes: str) -> str:
    """Joins notes that are not empty."""
    return "; ".join(note for note in notes if note)


def finite(value: float | None) -> float | None:
    """The number as a plain float; None for NaN and infinity, for JSON has neither."""
    return float(value) if value is not None and math.isfinite(value) else None
