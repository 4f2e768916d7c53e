"""The parts of a report: cells, tables, claims and figures."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from matplotlib.figure import Figure

from lus_keras.evaluation.metrics import Difference, Estimate

_SPREAD = ("value", "ci_low", "ci_high", "seed_sd")
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
        counts = {name: getattr(self, name) for name in ("n_patients", "n_clips", "n_folds")}
        empty = Cell(paper, "claims", self.id, "f1_difference", note=f"not tested: {self.note}")
        return [
            filled(
                replace(empty, metric=f"{part.metric}_difference", published=part.published),
                part.difference,
                note=join_notes(part.difference.verdict, self.note),
                **counts,
            )
            for part in self.comparisons
        ] or [empty]


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


def filled(cell: Cell, found: Estimate | Difference, scale: float = 1.0, **others: Any) -> Cell:
    """The cell with a value, its interval and its spread over seeds; NaN becomes None.

    Args:
        scale: Factor from the estimate's unit to the table's (100 for percent).
        others: Further fields of the cell.
    """
    spread = {name: finite(getattr(found, name) * scale) for name in _SPREAD}
    return replace(cell, **{**spread, "n_seeds": len(found.seeds) or 1, **others})


def join_notes(*notes: str) -> str:
    """Joins notes that are not empty."""
    return "; ".join(note for note in notes if note)


def finite(value: float | None) -> float | None:
    """The number as a plain float; None for NaN and infinity, for JSON has neither."""
    return float(value) if value is not None and math.isfinite(value) else None
