"""Tables, figures and claims that a paper passes to a report."""

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
        figures: Function that makes a figure, by target; it gives None without data to draw.
        compared: Tables with the published numbers of the claims; empty without claims.
    """

    labels: Mapping[str, str]
    tables: Mapping[str, Callable[..., Table]]
    figures: Mapping[str, Callable[[PaperRun], Drawing | None]]
    compared: Sequence[str] = ()

    def claims(self, *runs: PaperRun) -> list[Claim]:
        """Tests the paper's claims, as listed in the record of the first run."""
        return claims.compared(runs, self.compared, self.labels) if self.compared else []


# From the name of a paper to its results; None if it declares none.
Declared = Callable[[str], PaperResults | None]
