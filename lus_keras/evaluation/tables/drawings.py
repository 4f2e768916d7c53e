"""Figures shown for every classification paper in addition to its own."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from matplotlib.figure import Figure

from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import Scores
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Claim, Drawing

Maker = Callable[[PaperRun], Drawing | None]


def classification_drawings(labels: Mapping[str, str], classes: Sequence[str]) -> dict[str, Maker]:
    """Learning curves, ROC, precision–recall, confusion, reliability; the last class is positive.

    Functions by figure id; each gives None until a fold has finished.
    """

    def scores(run: PaperRun) -> dict[str, Scores]:
        return {
            labels.get(name, name): Scores.of(model.predictions)
            for name, model in run.models.items()
            if model.predictions is not None
        }

    pooled = "All out-of-fold predictions of a model, pooled"
    return {
        "learning_curves": lambda run: _learning_curves(run, labels),
        **score_drawings(
            scores,
            {
                "roc": ("ROC curves", f"{pooled}.", plots.roc_curves),
                "precision_recall": (
                    "Precision–recall curves",
                    f"{pooled}; dotted: the prevalence.",
                    plots.precision_recall_curves,
                ),
                "confusion": (
                    "Confusion matrices",
                    "All out-of-fold predictions, pooled: counts and percentages of each row.",
                    partial(plots.confusion_matrices, classes=classes),
                ),
                "reliability": (
                    "Reliability",
                    "Ten bins of equal width, bars: 95 % intervals over patients; below, the "
                    "number of clips in each.",
                    plots.reliability_diagram,
                ),
            },
        ),
    }


def score_drawings(
    scores_of: Callable[[PaperRun], dict[str, Scores]],
    figures: Mapping[str, tuple[str, str, Callable[[dict[str, Scores]], Figure]]],
) -> dict[str, Maker]:
    """Functions by figure id that draw scores; each gives None for a run without scores.

    A figure is given as title, caption and drawing function.
    """

    def maker(id_: str) -> Maker:
        title, caption, draw = figures[id_]

        def make(run: PaperRun) -> Drawing | None:
            scores = scores_of(run)
            return Drawing(id_, title, caption, draw(scores)) if scores else None

        return make

    return {id_: maker(id_) for id_ in figures}


def claims_drawing(claims: Sequence[Claim]) -> Drawing | None:
    """Forest plot of the tested claims; None if no claim could be tested."""
    rows, labels = [], []
    for claim in claims:
        for part in claim.comparisons[:1]:
            found, pair = part.difference, f"{claim.better} − {claim.worse}"
            rows.append((pair, found.value, found.ci_low, found.ci_high, claim.verdict))
            labels.append(part.label)
    if not rows:
        return None
    return Drawing(
        "claims",
        "Differences between models",
        "Paired bootstrap over patients, and over seeds if there are several. With at least three "
        "trainings, a claim holds if its interval lies to the right of 0.",
        plots.forest_plot(rows, f"Difference in {labels[0]}"),
    )


def _learning_curves(run: PaperRun, labels: Mapping[str, str]) -> Drawing | None:
    histories = {labels.get(n, n): m.histories for n, m in run.models.items() if m.histories}
    if not histories:
        return None
    return Drawing(
        "learning_curves",
        "Learning curves",
        "Thin lines: folds; thick lines: their mean.",
        plots.learning_curves(histories),
    )
