"""The order of numbered images, read from their names: the number that counts them, or a time.

`frame8_1.png` may be image 8 with a score of 1, or image 1 of part 8. The number that forms an
arithmetic sequence over all images of a folder is the one that counts them. If two numbers do so
and give different orders, only the user can decide. Names that contain a time are ordered by the
complete time; among several readings of a date, such as day or month first, the one whose time span
is that of a video applies.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from functools import partial

from lus_keras.data.video.formats import MAX_SECONDS

_NUMBER = re.compile(r"\d+", re.ASCII)
_EPOCH = datetime(1970, 1, 1)
_DAY_S = 86_400
# Date and time of day, with or without separators, and a fraction of a second.
_TIME = r"([01]\d|2[0-3])[-_.:h]?([0-5]\d)[-_.:m]?([0-5]\d)(?:[-_.,s]?(\d{1,9}))?(?!\d)"
_DATED = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])[-_ T.]{0,2}" + _TIME,
    re.ASCII,
)
_YEAR_LAST = re.compile(
    r"(?<!\d)(\d\d)[-_. ]?(\d\d)[-_. ]?((?:19|20)\d\d)[-_ T.]{0,2}" + _TIME, re.ASCII
)
_SHORT_YEAR = re.compile(r"(?<!\d)(\d\d)[-_. ]?(\d\d)[-_. ]?(\d\d)[-_ T.]{1,2}" + _TIME, re.ASCII)
# Positions of year, month and day in these patterns.
_DAY_FIRST, _MONTH_FIRST, _YEAR_FIRST = (2, 1, 0), (2, 0, 1), (0, 1, 2)
_WALL = re.compile(r"(?<!\d)([01]\d|2[0-3])[-_.:h]?([0-5]\d)[-_.:m]?([0-5]\d)()(?!\d)", re.ASCII)
_CLOCK = re.compile(
    r"(?<!\d)(\d{2})[-_.:h]([0-5]\d)[-_.:m]([0-5]\d)[-_.,s](\d{3}|\d{6}|\d{9})(?!\d)", re.ASCII
)
# Seconds since 1970 have ten digits; milli-, micro- or nanoseconds may follow without a separator.
_SINCE_1970 = re.compile(
    r"(?<!\d)(1\d{9})(?:[.,](\d{1,18})|[_-]?(\d{3}|\d{6}|\d{9}))(?!\d)", re.ASCII
)
_DECIMAL = re.compile(r"(?<!\d)(\d{1,9})[.,](\d{1,18})(?!\d)", re.ASCII)
_MILLISECONDS = 3
# A decimal number may also be a score; frame times are approximately evenly spaced.
_UNEVEN = 1.5
_Way = Callable[[re.Match[str]], Fraction]


@dataclass(frozen=True)
class Reading:
    """One interpretation of the names.

    Attributes:
        name: The number or time that is used, for messages.
        values: One number per image, in the order of the names.
        is_time: Whether the values are times in seconds.
    """

    name: str
    values: tuple[Fraction, ...]
    is_time: bool = False

    @property
    def order(self) -> tuple[int, ...]:
        """Indices of the names, sorted by value."""
        return tuple(sorted(range(len(self.values)), key=self.values.__getitem__))

    @property
    def is_unique(self) -> bool:
        """Whether no two images have the same value."""
        return len(set(self.values)) == len(self.values)

    @property
    def is_run(self) -> bool:
        """Whether the values are unique, and either evenly spaced or times."""
        ordered = sorted(self.values)
        steps = {high - low for low, high in itertools.pairwise(ordered)}
        return self.is_unique and (self.is_time or len(steps) <= 1)


def _is_even(values: Sequence[Fraction]) -> bool:
    steps = [high - low for low, high in itertools.pairwise(sorted(values))]
    return max(steps) <= _UNEVEN * min(steps)


class Ambiguous(ValueError):
    """Names allow two orders, or none; the text explains which."""


def read_order(names: Sequence[str]) -> Reading:
    """Finds the number or time that determines the order of images.

    Args:
        names: File names, each with a number before its suffix.

    Returns:
        The reading; its values are unique.

    Raises:
        Ambiguous: Two equally plausible readings give different orders, or two images share a
            number in every reading.
    """
    stems = [name.rpartition(".")[0] for name in names]
    readings = list(_readings(stems))
    unique = [reading for reading in readings if reading.is_unique]
    if not unique:
        raise Ambiguous(_shared(names, readings[-1]))
    candidates = [reading for reading in unique if reading.is_run]
    candidates = candidates or [*_all_numbers(stems), *unique]
    orders = {reading.order: reading for reading in candidates}
    if len(orders) > 1:
        ways = "; ".join(_shown(names, reading) for reading in list(orders.values())[:3])
        raise Ambiguous(
            f"the order is ambiguous: {ways}. Rename the files so that one number remains."
        )
    # A time carries more information than a number that gives the same order.
    return next((reading for reading in candidates if reading.is_time), candidates[-1])


def _readings(stems: Sequence[str]) -> Iterator[Reading]:
    """All readings of the names; the last is that by the last number of each name."""
    times, rest = _times(stems)
    yield from times
    numbers = [_NUMBER.findall(stem) for stem in rest]
    if all(numbers) and len({len(row) for row in numbers}) == 1:
        columns = list(zip(*numbers, strict=True))
        for place, column in enumerate(columns, start=1):
            if len(set(column)) > 1:
                yield _integers(f"number {place} of {len(columns)}", column)
    elif all(numbers):
        yield _integers("the first number", [row[0] for row in numbers])
    if not times:
        yield from _past_midnight(stems)
        yield _integers("the last number", [_NUMBER.findall(stem)[-1] for stem in stems])


def _all_numbers(stems: Sequence[str]) -> Iterator[Reading]:
    """Reading by all numbers of each name in lexicographic order, if there are several."""
    rows = [tuple(int(text) for text in _NUMBER.findall(stem)) for stem in stems]
    if len({len(row) for row in rows}) == 1 and len(rows[0]) > 1:
        ranks = {row: Fraction(rank) for rank, row in enumerate(sorted(set(rows)))}
        yield Reading("all numbers", tuple(ranks[row] for row in rows))


def _integers(name: str, column: Sequence[str]) -> Reading:
    return Reading(name, tuple(Fraction(int(text)) for text in column))


def _times(stems: Sequence[str]) -> tuple[list[Reading], list[str]]:
    """Readings by unique times that all names contain, and the names without these times."""
    if len(stems) < 2:
        return [], list(stems)
    for pattern, ways in _TIMES:
        found = [pattern.search(stem) for stem in stems]
        matches = [match for match in found if match is not None]
        if len(matches) < len(stems) or not _may_be_times(pattern, matches):
            continue
        readings = list(_times_of(matches, ways))
        if pattern is _CLOCK:
            readings = [_unwrapped(reading) for reading in readings]
        if readings and (pattern is not _DECIMAL or _is_even(readings[0].values)):
            left = [m.string[: m.start()] + m.string[m.end() :] for m in matches]
            return readings, left
    return [], list(stems)


def _times_of(matches: Sequence[re.Match[str]], ways: Mapping[str, _Way]) -> Iterator[Reading]:
    """Distinct orders by time; only those with the time span of a video, if there are any."""
    found = []
    for name, read in ways.items():
        with suppress(ValueError):  # invalid dates such as February 31
            reading = Reading(name, tuple(map(read, matches)), True)
            found += [reading] if reading.is_unique else []
    short = [reading for reading in found if _span(reading) <= MAX_SECONDS]
    yield from {reading.order: reading for reading in short or found}.values()


def _span(reading: Reading) -> Fraction:
    return max(reading.values) - min(reading.values)


def _past_midnight(stems: Sequence[str]) -> Iterator[Reading]:
    """Reading of numbers such as 235959 and 000000 as times of a video that spans midnight."""
    matches = [match for stem in stems if (match := _WALL.search(stem))]
    if len(matches) == len(stems):
        # May be a number or a time: `read_order` decides.
        times = Reading("the time of day", tuple(map(_clock, matches)))
        passed = _unwrapped(times)
        if passed != times and passed.is_unique:
            yield passed


def _unwrapped(reading: Reading) -> Reading:
    """Times of day with midnight resolved: values before a gap of more than 12 h are the next day.

    A video lasts minutes, so that 23:59:59 precedes 00:00:00.
    """
    ordered = sorted(reading.values)
    gaps = [(high - low, high) for low, high in itertools.pairwise(ordered)]
    gap, first = max(gaps, default=(Fraction(0), Fraction(0)))
    if gap <= _DAY_S // 2:
        return reading
    values = (value if value >= first else value + _DAY_S for value in reading.values)
    return replace(reading, values=tuple(values))


def _may_be_times(pattern: re.Pattern[str], matches: Sequence[re.Match[str]]) -> bool:
    """Whether digits after the seconds are fractions of a second rather than counters."""
    lengths = {len(match[pattern.groups] or "") for match in matches} - {0}
    if pattern is _DECIMAL:
        return max(lengths) >= _MILLISECONDS
    return len(lengths) <= 1


def _dated(match: re.Match[str], places: tuple[int, int, int] = _YEAR_FIRST) -> Fraction:
    numbers = [int(text) for text in match.groups()[:6]]
    year, month, day = (numbers[place] for place in places)
    hour, minute, second = numbers[3:]
    year += 2000 if year < 100 else 0
    moment = datetime(year, month, day, hour, minute, second)
    whole = (moment - _EPOCH) // (datetime(1970, 1, 1, 0, 0, 1) - _EPOCH)
    return whole + _fraction(match[7] or "")


def _clock(match: re.Match[str]) -> Fraction:
    hours, minutes, seconds = (int(text) for text in match.groups()[:3])
    return 3600 * hours + 60 * minutes + seconds + _fraction(match[4])


def _seconds(match: re.Match[str]) -> Fraction:
    return int(match[1]) + _fraction(next(text for text in match.groups()[1:] if text))


def _fraction(digits: str) -> Fraction:
    return Fraction(int(digits), 10 ** len(digits)) if digits else Fraction(0)


_DATES = {
    "the time, day first": partial(_dated, places=_DAY_FIRST),
    "the time, month first": partial(_dated, places=_MONTH_FIRST),
}
_TIMES: tuple[tuple[re.Pattern[str], Mapping[str, _Way]], ...] = (
    (_DATED, {"the time": _dated}),
    (_YEAR_LAST, _DATES),
    (_SHORT_YEAR, _DATES | {"the time, year first": _dated}),
    (_SINCE_1970, {"the time": _seconds}),
    (_CLOCK, {"the time": _clock}),
    (_DECIMAL, {"the time": _seconds}),
)


def _shown(names: Sequence[str], reading: Reading) -> str:
    first = ", ".join(names[place] for place in reading.order[:4])
    return f"by {reading.name} {first}{', …' if len(names) > 4 else ''}"


def _shared(names: Sequence[str], reading: Reading) -> str:
    """Message on names that share a number, one sentence per group."""
    groups: dict[Fraction, list[str]] = {}
    for name, value in zip(names, reading.values, strict=True):
        groups.setdefault(value, []).append(name)
    return " ".join(
        f"{' and '.join(same)} both have number {value}. Keep one."
        for value, same in groups.items()
        if len(same) > 1
    )
