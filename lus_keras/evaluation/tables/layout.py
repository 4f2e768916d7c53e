"""Declaration of a table: rows, columns, and the source of each number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lus_keras.evaluation.metrics import Clusters, Statistic, mean_statistic
from lus_keras.evaluation.metrics.records import Ints, Weighted

Side = tuple[Statistic, Clusters]
# Printed names of metrics, by the names of their statistics.
METRICS = {
    "precision": "Precision",
    "recall": "Recall",
    "specificity": "Specificity",
    "f1": "F1",
    "accuracy": "Accuracy",
    "kappa": "κ",
    "roc_auc": "ROC-AUC",
    "pr_auc": "PR-AUC",
    "sensitivity_at_90": "Sensitivity at a specificity of 0.90",
    "brier": "Brier score",
}


@dataclass(frozen=True)
class Column:
    """One metric of a table.

    Attributes:
        statistic: Its name among the statistics of a set of predictions; `id` if empty.
        over_folds: Whether it is the mean over folds; otherwise all out-of-fold predictions are
            pooled.
        video: Whether there is one prediction per video instead of one per clip.
        scale: Factor from the statistic's unit to the table's: 100 for percent.
        digits: Digits after the point of our and published numbers; None for those of the table.
    """

    id: str
    label: str
    statistic: str = ""
    over_folds: bool = False
    video: bool = False
    scale: float = 1.0
    digits: int | None = None

    @property
    def name(self) -> str:
        """Name of the statistic."""
        return self.statistic or self.id


@dataclass(frozen=True)
class Measure:
    """A statistic to be estimated, with its interval over patients.

    Attributes:
        baseline: The same for a predictor without skill on the same clips.
        undefined: Note that replaces the row's if the statistic is undefined.
    """

    statistic: Statistic
    clusters: Clusters
    baseline: Statistic | None = None
    undefined: str = ""


@dataclass(frozen=True)
class Number:
    """A number in the table's unit without an interval; its note precedes the row's."""

    value: float | None = None
    baseline: float | None = None
    n_patients: int = 0
    n_clips: int = 0
    n_folds: int = 0
    note: str = ""

    @classmethod
    def of(cls, clusters: Clusters, *said: float | None, note: str = "") -> "Number":
        """A number, and that of a predictor without skill, of clips that are counted with it."""
        behind = len(clusters.patients), len(np.unique(clusters.folds))
        value, baseline = (*said, None, None)[:2]
        return cls(value, baseline, clusters.n_patients, *behind, note)


@dataclass(frozen=True)
class Contrast:
    """A statistic of one set of predictions minus that of another.

    Attributes:
        second: The other set; if `paired`, of the same patients.
        paired: Whether the same patients are drawn for both; otherwise independently.
        judged: Whether a difference above 0 is claimed, so that the note is a verdict.
    """

    first: Side
    second: Side
    paired: bool = True
    judged: bool = True


NOT_RUN = Number(note="not run")
Quantity = Measure | Number | Contrast
# From a column to the quantity of a row; None if the row has no such cell.
Source = Callable[[Column], Quantity | None]


@dataclass(frozen=True)
class Row:
    """One row; its source gives the quantity in a column, None without a cell."""

    id: str
    label: str
    source: Source
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """A table of one run before its numbers are estimated.

    Attributes:
        headline: Metrics that the paper prints; all if empty.
        published: Id of the table with the published numbers; its own if empty.
    """

    title: str
    rows: Sequence[Row]
    columns: Sequence[Column]
    headline: Sequence[str] = ()
    decimals: int = 3
    published_decimals: int = 2
    notes: Sequence[str] = ()
    published: str = ""


def mean_measure(values: NDArray, patient_ids: ArrayLike, chance: float | None) -> Measure:
    """Mean of one number a clip, `(n,)`; `chance` is that of a predictor without skill."""
    clusters = Clusters.of(patient_ids, np.zeros(len(values), int))

    def constant(_: Ints) -> Weighted:
        return lambda weights: np.full(len(weights), chance)

    ours = mean_statistic(values, clusters)
    return Measure(ours, clusters, None if chance is None else constant)


def numbers(values: Mapping[str, Quantity | None]) -> Source:
    """Source of a row of given values by metric; other metrics have no cell."""
    return lambda column: values.get(column.id)


def columns_of(labels: Mapping[str, str], **same: float | bool) -> list[Column]:
    """Columns that differ only in their names."""
    return [Column(id_, label, **same) for id_, label in labels.items()]  # type: ignore[arg-type]


def metrics(*names: str, id_: str = "{}", label: str = "{}", **same: bool) -> list[Column]:
    """Columns of some of `METRICS`; `id_` and `label` say how ids and names are completed."""
    return [Column(id_.format(name), label.format(METRICS[name]), name, **same) for name in names]


def ids(columns: Sequence[Column]) -> list[str]:
    """Metric ids of columns, in order."""
    return [column.id for column in columns]


@dataclass(frozen=True)
class Judged:
    """A set of predictions with all its statistics.

    Attributes:
        baselines: Statistics of the predictor without skill on the same clips.
        undefined: Note on undefined statistics.
        numbers: Numbers without an interval, by metric, in place of statistics.
    """

    clusters: Clusters
    statistics: Mapping[str, Statistic]
    baselines: Mapping[str, Statistic] = field(default_factory=dict)
    undefined: str = ""
    numbers: Mapping[str, Number] = field(default_factory=dict)

    def side(self, metric: str) -> Side:
        """A statistic by name with the clips that it is of, one side of a contrast."""
        return self.statistics[metric], self.clusters

    def minus(self, other: "Judged", metric: str, **how: bool) -> Contrast:
        """How much a statistic exceeds that of another set of predictions; see `Contrast`."""
        return Contrast(self.side(metric), other.side(metric), **how)

    def __call__(self, column: Column) -> Measure | Number | None:
        """The quantity in a column; None if there is no such statistic."""
        number = self.numbers.get(column.name)
        if number or column.name not in self.statistics:
            return number
        return Measure(*self.side(column.name), self.baselines.get(column.name), self.undefined)
