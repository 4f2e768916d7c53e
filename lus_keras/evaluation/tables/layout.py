"""What a table declares: rows, columns, and where each number comes from."""

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
        over_folds: Mean over folds; otherwise all out-of-fold predictions together.
        video: One prediction a video instead of one a clip.
        scale: Factor from the statistic's unit to the table's: 100 for per cent.
        digits: Digits printed after the point, of ours and of published numbers; None for those of
            the table.
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
        baseline: The same of a predictor without skill: a statistic of the same clips, or its
            value.
        undefined: Note in place of the row's where the statistic is undefined.
    """

    statistic: Statistic
    clusters: Clusters
    baseline: Statistic | float | None = None
    undefined: str = ""


@dataclass(frozen=True)
class Number:
    """A number in the table's unit without an interval; its note stands before the row's."""

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
        second: The other ones; where `paired`, of the same patients.
        paired: Draw the same patients for both; otherwise each side's on its own.
        judged: Whether a difference above 0 is what is claimed, so that the note is a verdict.
    """

    first: Side
    second: Side
    paired: bool = True
    judged: bool = True


Quantity = Measure | Number | Contrast
# A set of predictions by column: what a row measures; None where the row has no such cell.
Source = Callable[[Column], Quantity | None]


@dataclass(frozen=True)
class Row:
    """One row; its source gives what is measured in a column, None where there is no cell."""

    id: str
    label: str
    source: Source
    note: str = ""


@dataclass(frozen=True)
class Layout:
    """A table before anything of it is estimated.

    Attributes:
        run: The paper's run; its record holds the published numbers.
        headline: Metrics the paper itself prints; all if empty.
        published: Table under which published numbers stand; `id` if empty.
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
    """Whether seeds have patients of their own: each drew its simulated cohort anew."""
    return run.seeds_vary == "cohort"


def nothing(_: Column) -> None:
    """A row that has its name and no cell."""


def numbers(values: Mapping[str, Quantity | None]) -> Source:
    """A row of known values by metric; metrics that are not named have no cell."""
    return lambda column: values.get(column.id)


def columns_of(labels: Mapping[str, str], **same: float | bool) -> list[Column]:
    """Columns that differ in nothing but their names."""
    return [Column(id_, label, **same) for id_, label in labels.items()]  # type: ignore[arg-type]


def ids(columns: Sequence[Column]) -> list[str]:
    """Metric ids of columns, in order."""
    return [column.id for column in columns]


@dataclass(frozen=True)
class Judged:
    """A set of predictions with all its statistics.

    Attributes:
        baselines: Those of the predictor without skill on the same clips.
    """

    clusters: Clusters
    statistics: Mapping[str, Statistic]
    baselines: Mapping[str, Statistic] = field(default_factory=dict)
    undefined: str = ""

    def __call__(self, column: Column) -> Measure | None:
        """Gives what is measured in a column; None where there is no such statistic."""
        if column.name not in self.statistics:
            return None
        baseline = self.baselines.get(column.name)
        return Measure(self.statistics[column.name], self.clusters, baseline, self.undefined)
