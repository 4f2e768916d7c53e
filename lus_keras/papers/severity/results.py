"""Tables and figures of the severity paper (Corso 2023) from predictions, counts and histories.

`TABLES` and `FIGURES` map a target to the function that makes it; all take a `PaperRun` and need no
model, so they can be rebuilt at any time. The paper claims no order of networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lus_keras.evaluation.report.cells import Claim, Drawing, Table
from lus_keras.evaluation.report.drawings import classification_drawings
from lus_keras.evaluation.report.multiclass import class_drawings
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.severity import NETWORK, RESULT_ROWS, figures
from lus_keras.papers.severity.gradients import gradient_figure, nan_study
from lus_keras.papers.severity.rows import CLASSES, LABELS, SHORT_LABELS
from lus_keras.papers.severity.tables import results, table1, variants

Maker = Callable[[PaperRun], Drawing | None]

__all__ = ["CLASSES", "FIGURES", "LABELS", "TABLES", "claims"]


def claims(run: PaperRun) -> list[Claim]:
    """None: the paper compares its network with no other.

    Args:
        run: The paper's run.

    Returns:
        An empty list.
    """
    return []


def _shared_drawings() -> dict[str, Maker]:
    """Learning curves and confusion matrices, without the many arms of the NaN study."""

    def narrowed(make: Maker) -> Maker:
        def of_results(run: PaperRun) -> Drawing | None:
            kept = {name: run.models[name] for name in RESULT_ROWS if name in run.models}
            return make(replace(run, models=kept))

        return of_results

    made = classification_drawings(SHORT_LABELS, CLASSES)
    return {name: narrowed(made[name]) for name in ("learning_curves", "confusion")}


TABLES: dict[str, Callable[[PaperRun], Table]] = {
    "table1": table1,
    "results": results,
    "variants": variants,
    "nan_study": nan_study,
}
FIGURES: dict[str, Maker] = {
    "figure3": figures.figure3,
    "figure4": figures.figure4,
    "figure6": figures.figure6,
    "figure7": figures.figure7,
    "figure8": figures.figure8,
    "figure9": figures.figure9,
    "figure10": figures.figure10,
    "nan_gradients": gradient_figure,
    **_shared_drawings(),
    **class_drawings(NETWORK, dict(zip(CLASSES, CLASSES, strict=True)), "Test videos."),
}
