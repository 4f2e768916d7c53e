"""Declaration of a table: rows, columns, and the source of each number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lus_keras.evaluation.metrics import Clusters, Statistic
from lus_keras.evaluation.run_record import PaperRun

Side = tuple[Statistic, Clusters]


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
        baseline: The same for a predictor without skill: a statistic of the same clips, or its
            value.
        undefined: Note that replaces the row's if the statistic is undefined.
    """

    statistic: Statistic
    clusters: Clusters
    baseline: Statistic | float | None = None
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
    """A table before its numbers are estimated.

    Attributes:
        run: The paper's run; its record contains the published numbers.
        headline: Metrics that the paper prints; all if empty.
        published: Table with the published numbers; `id` if empty.
    """

    run: PaperRun
    id: str
    title: str
    rows: Sequence[Row]
    columns: Sequence[Column]
    headline: Sequence[str] = ()
    decimals: int = 3
    published_decimals: int = 2
    notes: Sequence[str] = ()
    published: str = ""


def own_patients(run: PaperRun) -> bool:
    """Whether each seed has its own patients, that is, its own simulated cohort."""
    return run.seeds_vary == "cohort"


def nothing(_: Column) -> None:
    """Source of a row without cells."""


def numbers(values: Mapping[str, Quantity | None]) -> Source:
    """Source of a row of given values by metric; other metrics have no cell."""
    return lambda column: values.get(column.id)


def columns_of(labels: Mapping[str, str], **same: float | bool) -> list[Column]:
    """Columns that differ only in their names."""
    return [Column(id_, label, **same) for id_, label in labels.items()]  # type: ignore[arg-type]


def ids(columns: Sequence[Column]) -> list[str]:
    """Metric ids of columns, in order."""
    return [column.id for column in columns]


@dataclass(frozen=True)
class Judged:
    """A set of predictions with all its statistics.

    Attributes:
        baselines: Statistics of the predictor without skill on the same clips.
        undefined: Note on undefined statistics.
    """

    clusters: Clusters
    statistics: Mapping[str, Statistic]
    baselines: Mapping[str, Statistic] = field(default_factory=dict)
    undefined: str = ""

    def __call__(self, column: Column) -> Measure | None:
        """The quantity in a column; None if there is no such statistic."""
        if column.name not in self.statistics:
            return None
        baseline = self.baselines.get(column.name)
        return Measure(self.statistics[column.name], self.clusters, baseline, self.undefined)
