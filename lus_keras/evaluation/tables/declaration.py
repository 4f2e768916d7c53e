"""What a paper makes of its predictions, as it hands it to a report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables import claims
from lus_keras.evaluation.tables.cells import Claim, Drawing, Table


@dataclass(frozen=True)
class PaperResults:
    """Tables, figures and claims of a paper, from a `PaperRun` or those of several seeds.

    Attributes:
        labels: Printed name of each row, by its id.
        tables: Function that makes a table, by target.
        figures: Function that makes a figure, by target; None where the run has nothing to draw.
        compared: Tables whose published numbers the claims of the run's record are about; none
            where the paper claims no order.
    """

    labels: Mapping[str, str]
    tables: Mapping[str, Callable[..., Table]]
    figures: Mapping[str, Callable[[PaperRun], Drawing | None]]
    compared: Sequence[str] = ()

    def claims(self, *runs: PaperRun) -> list[Claim]:
        """Tests the orders that the paper claims, as the record of the first run lists them."""
        return claims.compared(runs, self.compared, self.labels) if self.compared else []


# Finds what a paper declares by the paper's name; None where it declares nothing.
Declared = Callable[[str], PaperResults | None]
