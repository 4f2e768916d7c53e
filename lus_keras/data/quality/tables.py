"""Reports and statistics as tables for a terminal."""

from collections.abc import Sequence

from rich.markup import escape as escape_markup
from rich.table import Table

from lus_keras.core.config import PrivateDescription
from lus_keras.core.safe_text import printable
from lus_keras.data.quality.check import Report
from lus_keras.data.quality.expectations import Expectation, contradictions
from lus_keras.data.quality.stats import Statistics


def escape(text: str) -> str:
    """Text in which markup and terminal control characters have no effect."""
    return escape_markup(printable(text))


# Largest number of similar pairs in the table, as it may grow with the square of the videos.
MOST_PAIRS = 10

_COLORS = {"error": "red", "warning": "yellow", "note": "dim"}


def problem_table(report: Report) -> Table:
    """Table of problems, one per row: video, problem, cause and remedy."""
    table = Table("video", "problem", "cause", "what to do", title_justify="left")
    pairs = 0
    for checked in report.videos:
        for problem in checked.problems:
            pairs += bool(problem.other)
            if problem.other and pairs > MOST_PAIRS:
                continue
            table.add_row(
                escape(checked.item.name),
                f"[{_COLORS[problem.level]}]{problem.level}: {problem.code}[/]",
                escape(problem.cause),
                escape(problem.remedy),
            )
    if pairs > MOST_PAIRS:
        more = f"{pairs - MOST_PAIRS} more pairs of videos are similar."
        table.add_row("…", "[yellow]warning: alike[/]", more, "All are in --json.")
    return table


def verdict(report: Report) -> str:
    """The result in one line."""
    counts = ", ".join(
        f"{report.count(level)} {level}{'' if report.count(level) == 1 else 's'}"
        for level in ("error", "warning", "note")
    )
    usable = sum(checked.usable for checked in report.videos)
    return f"{report.target.name}: {usable} of {len(report.videos)} videos can be used; {counts}."


def expectation_table(said: PrivateDescription, rows: Sequence[Expectation]) -> Table:
    """Table of the paper's statements about its data and the values of a copy, one per row."""
    title = f"{said.name}: {said.title} (license: {said.license})"
    table = Table("", "expected", "found", "", title=escape(title), title_justify="left")
    for row in rows:
        mark = {True: "[green]yes[/]", False: "[red]no[/]", None: "not stated"}[row.agrees]
        table.add_row(escape(row.what), escape(row.expected), escape(row.found), mark)
    return table


def expectation_verdict(said: PrivateDescription, rows: Sequence[Expectation]) -> str:
    """The comparison in one line."""
    wrong, stated = contradictions(rows), sum(row.agrees is not None for row in rows)
    return f"{said.name}: {stated - wrong} of {stated} statements agree, {wrong} do not."


def statistics_table(statistics: Statistics) -> Table:
    """Table of statistics with one quantity per row."""
    table = Table("", "", title=statistics.title, title_justify="left", show_header=False)
    for name, value in statistics.rows:
        table.add_row(escape(name), escape(value))
    return table
