"""Figures that every classifying paper shows beside its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from matplotlib.figure import Figure

from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import Scores
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Claim, Drawing

Maker = Callable[[PaperRun], Drawing | None]


def classification_drawings(labels: Mapping[str, str], classes: Sequence[str]) -> dict[str, Maker]:
    """Learning curves, ROC, precision–recall, confusion matrices and reliability.

    Args:
        labels: Model → what is printed.
        classes: Name of each class; the last is positive.

    Returns:
        Functions by figure id; each gives None as long as no fold has finished.
    """
    return {
        "learning_curves": lambda run: _learning_curves(run, labels),
        "roc": _of_scores(
            "roc",
            "ROC curves",
            "All out-of-fold predictions of a model together.",
            labels,
            plots.roc_curves,
        ),
        "precision_recall": _of_scores(
            "precision_recall",
            "Precision–recall curves",
            "All out-of-fold predictions of a model together; dotted: the prevalence.",
            labels,
            plots.precision_recall_curves,
        ),
        "confusion": _of_scores(
            "confusion",
            "Confusion matrices",
            "All out-of-fold predictions: counts, and shares of each row.",
            labels,
            lambda scores: plots.confusion_matrices(scores, classes),
        ),
        "reliability": _of_scores(
            "reliability",
            "Reliability",
            "Ten bins of equal width; beneath, how many clips each holds.",
            labels,
            plots.reliability_diagram,
        ),
    }


def claims_drawing(claims: Sequence[Claim]) -> Drawing | None:
    """Forest plot of the tested claims.

    Returns:
        The figure, or None if no claim could be tested.
    """
    rows = [
        (
            f"{claim.better} − {claim.worse}",
            claim.comparisons[0].difference.value,
            claim.comparisons[0].difference.ci_low,
            claim.comparisons[0].difference.ci_high,
            claim.verdict,
        )
        for claim in claims
        if claim.comparisons
    ]
    if not rows:
        return None
    measured = next(claim.comparisons[0].label for claim in claims if claim.comparisons)
    return Drawing(
        "claims",
        "Differences between models",
        "Paired bootstrap over patients, and over seeds where there are several; from three "
        "trainings on the order holds if the interval lies right of 0.",
        plots.forest_plot(rows, f"Difference in {measured}"),
    )


def _learning_curves(run: PaperRun, labels: Mapping[str, str]) -> Drawing | None:
    histories = {labels.get(n, n): m.histories for n, m in run.models.items() if m.histories}
    if not histories:
        return None
    return Drawing(
        "learning_curves",
        "Learning curves",
        "A thin line a fold, a thick one their mean.",
        plots.learning_curves(histories),
    )


def _of_scores(
    id_: str,
    title: str,
    caption: str,
    labels: Mapping[str, str],
    draw: Callable[[dict[str, Scores]], Figure],
) -> Maker:
    def make(run: PaperRun) -> Drawing | None:
        scores = {
            labels.get(name, name): Scores.of(model.predictions)
            for name, model in run.models.items()
            if model.predictions is not None
        }
        return Drawing(id_, title, caption, draw(scores)) if scores else None

    return make
