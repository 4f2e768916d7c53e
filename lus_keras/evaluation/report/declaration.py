"""What a paper makes of its predictions, as it hands it to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lus_keras.evaluation.report.cells import Claim, Drawing, Table
from lus_keras.evaluation.run_record import PaperRun


@dataclass(frozen=True)
class PaperResults:
    """Tables, figures and claims of a paper; each is made from a `PaperRun` alone.

    Attributes:
        labels: Printed name of each row, by its id.
        tables: Function that makes a table, by target.
        figures: Function that makes a figure, by target; None where the run has nothing to draw.
        claims: Function that tests the orders that the paper claims.
    """

    labels: Mapping[str, str]
    tables: Mapping[str, Callable[[PaperRun], Table]]
    figures: Mapping[str, Callable[[PaperRun], Drawing | None]]
    claims: Callable[[PaperRun], Sequence[Claim]]


# Finds what a paper declares by the paper's name; None where it declares nothing.
Declared = Callable[[str], PaperResults | None]
