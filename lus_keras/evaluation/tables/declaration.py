"""What a paper makes of its predictions, as it hands it to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Claim, Drawing, Table
from lus_keras.evaluation.tables.classification import classification_claims


@dataclass(frozen=True)
class PaperResults:
    """Tables, figures and claims of a paper; each is made from a `PaperRun` alone.

    Attributes:
        labels: Printed name of each row, by its id.
        tables: Function that makes a table, by target.
        figures: Function that makes a figure, by target; None where the run has nothing to draw.
        compared: Table whose published numbers the claims of the run's record are about; empty
            where the paper claims no order.
    """

    labels: Mapping[str, str]
    tables: Mapping[str, Callable[[PaperRun], Table]]
    figures: Mapping[str, Callable[[PaperRun], Drawing | None]]
    compared: str = ""

    def claims(self, run: PaperRun) -> list[Claim]:
        """Tests the orders that the paper claims, as the run's record lists them."""
        return classification_claims(run, self.compared, self.labels) if self.compared else []


# Finds what a paper declares by the paper's name; None where it declares nothing.
Declared = Callable[[str], PaperResults | None]
