"""The registry of label columns: what is known of a video, and how a cell of it is read.

Every module that lists label columns reads this one: the configuration's `label_column`, the
manifest, the importers, statistics, splits and clips. A new label is one line of `Labels`.
"""

import dataclasses
import difflib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Segments = tuple[tuple[float, float], ...]

SIGNS = ("a_lines", "b_lines", "effusion", "consolidation")
NONE = "none"
NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)", re.ASCII)

_YES_NO = {"no": 0, "yes": 1}
_SEGMENT = re.compile(rf"({NUMBER.pattern})\s*-\s*({NUMBER.pattern})", re.ASCII)


def pack(labels: Iterable[str], names: Sequence[str]) -> int:
    """Number 0 … 2^k - 1 that stands for a set of labels, see `multilabel`."""
    return sum(1 << names.index(label) for label in set(labels))


@dataclass(frozen=True)
class Label(ABC):
    """How one label column is read, written and turned into classes.

    Attributes:
        values: What the column may hold, in the order of the classes; empty if it is no class.
        frames: Column of intervals that states the same label frame by frame, or nothing.
    """

    values: tuple[str, ...] = ()
    frames: str = ""

    #: Whether several values may apply to one video, or none of them.
    multilabel = False

    @abstractmethod
    def parse(self, column: str, text: str) -> Any:
        """Value of a cell.

        Args:
            column: Name of the column, for the message.
            text: Stripped and not empty.

        Raises:
            ValueError: States the rule, what was received and what to do.
        """

    def format(self, value: Any) -> str:
        """Text of a cell that `parse` turns back into `value`."""
        return str(value)

    def class_of(self, value: Any) -> int:
        """Class of a value that is not None, from 0; several values are packed, see `multilabel`.

        Raises:
            ValueError: The column is no class, or has no such value.
        """
        return self.values.index(self.format(value))

    def summary(self, value: Any) -> str:
        """The value as statistics count it."""
        return self.format(value)


@dataclass(frozen=True)
class Score(Label):
    """A whole number; `2.0` is 2, and `no`/`yes` are 0/1 where those are all."""

    def parse(self, column: str, text: str) -> int:
        """Whole number that is among `values`."""
        whole = re.fullmatch(r"(\d{1,9})(?:\.0*)?", text, re.ASCII)
        score = int(whole[1]) if whole else -1
        binary = len(self.values) == len(_YES_NO)
        if binary:
            score = _YES_NO.get(text.lower(), score)
        if str(score) not in self.values:
            names = ", ".join(self.values) + (", no or yes" if binary else "")
            raise ValueError(f"`{column}` must be {names}. Received {text!r}. Correct the label.")
        return score

    def class_of(self, value: Any) -> int:
        """The number itself."""
        return int(value)


@dataclass(frozen=True)
class OneOf(Label):
    """A name, the only one that applies."""

    def parse(self, column: str, text: str) -> str:
        """One of `values`."""
        if text not in self.values:
            nearest = difflib.get_close_matches(text.lower(), self.values, n=1)
            hint = f"Did you mean {nearest[0]!r}?" if nearest else "Correct the label."
            listed = ", ".join(self.values)
            raise ValueError(f"`{column}` must be one of {listed}. Received {text!r}. {hint}")
        return text


@dataclass(frozen=True)
class SeveralOf(Label):
    """All names that apply, `a_lines;b_lines`; `none` is "looked at, none of them"."""

    multilabel = True

    def parse(self, column: str, text: str) -> tuple[str, ...]:
        """Those of `values` that are named, in the order of `values`."""
        if text.lower() == NONE:
            return ()
        parts = [part.strip() for part in text.split(";")]
        unknown = [part for part in parts if part not in self.values]
        if unknown or len(set(parts)) < len(parts):
            nearest = (
                difflib.get_close_matches(unknown[0].lower(), self.values, n=1) if unknown else []
            )
            hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
            raise ValueError(
                f"`{column}` must be {', '.join(self.values)}, each at most once. Received "
                f"{text!r}.{hint} Write '{';'.join(self.values[:2])}', or '{NONE}' if none of them "
                "is visible."
            )
        return tuple(value for value in self.values if value in parts)

    def format(self, value: Any) -> str:
        """Names with semicolons between."""
        return ";".join(value) or NONE

    def class_of(self, value: Any) -> int:
        """The set packed into one number, see `multilabel.pack`."""
        return pack(value, self.values)


@dataclass(frozen=True)
class Intervals(Label):
    """Intervals in seconds, `0.40-1.85;2.0-2.4`; `none` is "looked at, no interval"."""

    def parse(self, column: str, text: str) -> Segments:
        """Intervals start ≤ t < end in the order given."""
        if text.lower() == NONE:
            return ()
        return tuple(self._interval(column, part.strip()) for part in text.split(";"))

    @staticmethod
    def _interval(column: str, text: str) -> tuple[float, float]:
        match = _SEGMENT.fullmatch(text)
        start, end = (float(match[1]), float(match[2])) if match else (math.nan, math.nan)
        if not 0 <= start < end < math.inf:
            raise ValueError(
                f"`{column}` must be intervals in seconds with 0 ≤ start < end. Received {text!r}. "
                f"Write '0.40-1.85;2.0-2.4', or '{NONE}' if no B-line is visible."
            )
        return start, end

    def format(self, value: Any) -> str:
        """Intervals with semicolons between."""
        return ";".join("-".join(map(plain_number, interval)) for interval in value) or NONE

    def summary(self, value: Any) -> str:
        """Whether there are any."""
        return "some" if value else "none"


def plain_number(value: float) -> str:
    """A number without an exponent, whose minus sign would be taken for that of an interval."""
    return f"{Decimal(repr(float(value))):f}"


def _column(label: Label) -> Any:
    return dataclasses.field(default=None, metadata={"label": label})


def _scores(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


@dataclass(frozen=True)
class Labels:
    """Labels of a video; `None` wherever one is not known. This class is the registry.

    Attributes:
        b_lines: 1 if B-lines are seen in the video, 0 if not.
        sliding: 1 if lung sliding is present, 0 if absent.
        severity: Score 0 … 3 of the whole video.
        sign: One of `SIGNS`, the only one that the video shows.
        signs: All of `SIGNS` that the video shows, in their order; empty means "looked at, none".
    """

    b_lines: int | None = _column(Score(_scores(2), frames="segments"))
    sliding: int | None = _column(Score(_scores(2)))
    severity: int | None = _column(Score(_scores(4)))
    sign: str | None = _column(OneOf(SIGNS))
    signs: tuple[str, ...] | None = _column(SeveralOf(SIGNS))
    segments: tuple[tuple[float, float], ...] | None = _column(Intervals())


REGISTRY: dict[str, Label] = {
    field.name: field.metadata["label"] for field in dataclasses.fields(Labels)
}
# Those that a network can be trained to tell.
CLASSES = tuple(name for name, label in REGISTRY.items() if label.values)
MULTILABEL = tuple(name for name, label in REGISTRY.items() if label.multilabel)
# Those of which a video has one value, so that one word of an annotation states it.
SINGLE = tuple(name for name in CLASSES if name not in MULTILABEL)
