"""The arithmetic of a benchmark: rates, ratios of rounds, targets and whether they are met."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

MET, MISSED, SKIPPED, FAILED = "met", "missed", "skipped", "failed"
# Measured where nothing is asked for, or at a smaller scale than the target's.
NO_TARGET, SMALLER = "no target", "smaller scale"


@dataclass(frozen=True)
class Sample:
    """Work done in one round: `units` (clips, frames, maps) in `seconds`."""

    seconds: float
    units: float

    @property
    def rate(self) -> float:
        """Units a second."""
        return self.units / self.seconds


@dataclass(frozen=True)
class Spread:
    """Median of several measurements, with the smallest and the largest."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Median and range.

    Raises:
        ValueError: There is none.
    """
    if not values:
        raise ValueError("`values` must hold one or more. Received none.")
    return Spread(statistics.median(values), min(values), max(values))


def rates(samples: Sequence[Sample]) -> Spread:
    """Units a second over rounds."""
    return spread([sample.rate for sample in samples])


def ratios(ours: Sequence[Sample], theirs: Sequence[Sample]) -> Spread:
    """How many times as fast ours is: each round's two rates are compared, then the middle taken.

    What else the machine does changes from round to round and hits both; a ratio of two medians
    would compare different moments.

    Returns:
        Spread of the rounds' ratios; above 1, ours is faster.

    Raises:
        ValueError: The rounds differ in number.
    """
    return spread([one.rate / other.rate for one, other in zip(ours, theirs, strict=True)])


@dataclass(frozen=True)
class Target:
    """What must be reached; one of them is given."""

    least: float | None = None
    below: float | None = None

    def met_by(self, value: float) -> bool:
        """Whether a value reaches it; NaN reaches nothing."""
        if self.least is not None:
            return value >= self.least
        return self.below is not None and value < self.below

    def text(self, unit: str) -> str:
        """As printed, such as `≥ 6 ×`."""
        sign, value = ("≥", self.least) if self.least is not None else ("<", self.below)
        return f"{sign} {value:g} {unit}".rstrip()


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        name: As `--only` takes it.
        value: What the target is about: a ratio of rates, or a number by itself; None if there is
            none.
        low: Smallest over rounds, or the low end of an interval.
        high: Largest over rounds, or the high end.
        ours: Rate of this package, in `rate_unit`.
        peer: What it is compared with; empty if it stands alone.
        note: Why there is no value, or what belongs to it.
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
