"""The arithmetic of a benchmark: rates, ratios by round, targets and whether they are met."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

MET, MISSED, SKIPPED, FAILED = "met", "missed", "skipped", "failed"
# Status of lines without a target, and of lines at a smaller scale than that of the target.
NO_TARGET, SMALLER = "no target", "smaller scale"


@dataclass(frozen=True)
class Sample:
    """Work done in one round: `units` (clips, frames, maps) in `seconds`."""

    seconds: float
    units: float

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.units / self.seconds


@dataclass(frozen=True)
class Spread:
    """Median, minimum and maximum of several measurements."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median and range.

    Raises:
        ValueError: There are no values.
    """
    if not values:
        raise ValueError("`values` must contain at least one value. Received none.")
    return Spread(statistics.median(values), min(values), max(values))


def rates(samples: Sequence[Sample]) -> Spread:
    """Units per second over rounds."""
    return spread([sample.rate for sample in samples])


def ratios(ours: Sequence[Sample], theirs: Sequence[Sample]) -> Spread:
    """Ratios of rates, ours to theirs, computed within each round.

    Other load of the machine varies between rounds and affects both contenders; a ratio of two
    medians would compare different moments.

    Returns:
        Spread of the ratios over rounds; above 1, ours is faster.

    Raises:
        ValueError: The numbers of rounds differ.
    """
    return spread([one.rate / other.rate for one, other in zip(ours, theirs, strict=True)])


@dataclass(frozen=True)
class Target:
    """A lower or upper bound to be met; exactly one is given."""

    least: float | None = None
    below: float | None = None

    def met_by(self, value: float) -> bool:
        """Whether a value meets the target; NaN never does."""
        if self.least is not None:
            return value >= self.least
        return self.below is not None and value < self.below

    def text(self, unit: str) -> str:
        """The target as text, such as `≥ 6 ×`."""
        sign, value = ("≥", self.least) if self.least is not None else ("<", self.below)
        return f"{sign} {value:g} {unit}".rstrip()


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        name: Name as accepted by `--only`.
        value: Quantity to which the target applies, a ratio of rates or a single number; None if
            not measured.
        low: Minimum over rounds, or lower end of an interval.
        high: Maximum over rounds, or upper end of an interval.
        ours: Rate of this package, in `rate_unit`.
        peer: Library compared with; empty without comparison.
        note: Reason for a missing value, or a remark.
    """

    name: str
    title: str
    unit: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    ours: float | None = None
    peer: str = ""
    theirs: float | None = None
    rate_unit: str = ""
    target: Target | None = None
    status: str = NO_TARGET
    note: str = ""
    details: dict[str, object] = field(default_factory=dict)


def judge(value: float, target: Target | None, *, full_scale: bool = True) -> str:
    """One of `NO_TARGET`, `SMALLER` (not at full scale), `MET`, `MISSED`."""
    if target is None:
        return NO_TARGET
    if not full_scale:
        return SMALLER
    return MET if target.met_by(value) else MISSED
