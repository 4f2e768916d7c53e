"""Figures shown for every classification paper in addition to its own."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import Scores
from lus_keras.evaluation.run_record import ModelRun, PaperRun
from lus_keras.evaluation.tables.cells import Claim, Drawing

Maker = Callable[[PaperRun], Drawing | None]
PLOTS: dict[str, tuple[str, Callable[..., Figure]]] = {
    "roc": ("ROC curves", plots.roc_curves),
    "precision_recall": ("Precision–recall curves", plots.precision_recall_curves),
    "confusion": ("Confusion matrices", plots.confusion_matrices),
    "reliability": ("Reliability", plots.reliability_diagram),
}
# Mistakes that a gallery shows at most.
SHOWN = 12
BINS = "Ten bins of equal width, bars: 95 % intervals over patients; below,"


def classification_drawings(labels: Mapping[str, str], classes: Sequence[str]) -> dict[str, Maker]:
    """Learning curves, ROC, precision–recall, confusion, reliability; the last class is positive.

    Functions by figure id; each gives None until a fold has finished.
    """

    def scores(run: PaperRun) -> dict[str, Scores]:
        return {
            labels.get(name) or run.title_of(name): Scores.of(model.predictions)
            for name, model in run.models.items()
            if model.predictions is not None
        }

    pooled = "All out-of-fold predictions"
    captions = {
        "roc": f"{pooled} of a model, pooled.",
        "precision_recall": f"{pooled} of a model, pooled; dotted: the prevalence.",
        "confusion": f"{pooled}, pooled: counts and percentages of each row.",
        "reliability": f"{BINS} the number of clips in each.",
    }
    curves = partial(_learning_curves, labels=labels)
    figures = score_drawings(scores, captions, confusion={"classes": classes})
    return {"learning_curves": curves, **figures}


def score_drawings(
    scores_of: Callable[[PaperRun], dict[str, Scores]],
    captions: Mapping[str, str],
    prefix: str = "",
    ending: str = "",
    **options: Mapping[str, Any],
) -> dict[str, Maker]:
    """Functions by figure id that draw scores; each gives None for a run without scores.

    Args:
        captions: Captions by name in `PLOTS`.
        prefix: Prefix of the ids of the figures.
        ending: Text after their titles.
        options: Further arguments of drawing functions, by name in `PLOTS`.
    """

    def make(run: PaperRun, name: str) -> Drawing | None:
        (title, draw), scores = PLOTS[name], scores_of(run)
        if not scores:
            return None
        figure = draw(scores, **options.get(name, {}))
        return Drawing(f"{prefix}{name}", f"{title}{ending}", captions[name], figure)

    return {f"{prefix}{name}": partial(make, name=name) for name in captions}


def claims_drawing(claims: Sequence[Claim]) -> Drawing | None:
    """Forest plot of the tested claims; None if no claim could be tested."""
    parts = [(claim, part) for claim in claims for part in claim.comparisons[:1]]
    metrics = {part.label for _, part in parts}
    rows = []
    for claim, part in parts:
        # A title of one metric would be wrong of the others.
        metric = f"{part.label}: " if len(metrics) > 1 else ""
        found, pair = part.difference, f"{metric}{claim.better} − {claim.worse}"
        rows.append((pair, found.value, found.ci_low, found.ci_high, claim.verdict))
    if not rows:
        return None
    title = "Differences" if len(metrics) > 1 else f"Difference in {metrics.pop()}"
    return Drawing(
        "claims",
        "Differences between models",
        "Paired bootstrap over patients, and over seeds if there are several. With at least three "
        "trainings, a claim holds if its interval lies to the right of 0.",
        plots.forest_plot(rows, title),
    )


def _learning_curves(run: PaperRun, labels: Mapping[str, str]) -> Drawing | None:
    histories = {
        labels.get(name) or run.title_of(name): model.histories
        for name, model in run.models.items()
        if model.histories
    }
    if not histories:
        return None
    return Drawing(
        "learning_curves",
        "Learning curves",
        "Thin lines: folds; thick lines: their mean.",
        plots.learning_curves(histories),
    )


def mistakes_drawing(
    figure: str, title: str, caption: str, pictures: Sequence[plots.Picture]
) -> Drawing | None:
    """Draws the surest mistakes, given surest first, up to `SHOWN`; None if no picture was kept."""
    if not pictures:
        return None
    caption += (
        f" At most {SHOWN}, one per video; selected because they are wrong, hence not "
        "representative."
    )
    return Drawing(figure, title, caption, plots.picture_grid(pictures[:SHOWN]), frames=True)


def surest_mistakes(
    model: ModelRun, judge: Callable[[pd.DataFrame], tuple[float, str] | None]
) -> list[plots.Picture]:
    """Frames kept with the folds that a network was surest of and wrong about, surest first.

    Args:
        judge: Of the row of predictions.csv of a clip, how sure the network was, 0 … 1, and what
            to print above; None where it was right.
    """
    if model.predictions is None:
        return []
    table, found = model.predictions.set_index(["fold", "clip_id"]), []
    for example in model.examples:
        key = (example.fold, example.clip_id)
        if key in table.index and (wrong := judge(table.loc[[key]].reset_index())):
            found.append((wrong[0], plots.Picture(example.frames[0], wrong[1], example.clip_id)))
    return [picture for _, picture in sorted(found, key=lambda pair: -pair[0])]
