"""Figures 1, 2 and 4 of the paper on four signs, the surest mistakes, and the shared figures."""

from dataclasses import replace

from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Drawing
from lus_keras.evaluation.tables.drawings import Maker, classification_drawings, mistakes_drawing
from lus_keras.evaluation.tables.judge import only
from lus_keras.evaluation.tables.multiclass import apart, class_drawings, label_mistakes, mistakes
from lus_keras.evaluation.tables.studies import beyond_figure, learning_figure
from lus_keras.papers.robustness import robustness_figure
from lus_keras.papers.signs import MODELS, MULTILABEL
from lus_keras.papers.signs.pictures import figure1, figure2
from lus_keras.papers.signs.tables import BEYOND, CLASSES, LABELS, LEARNING, MODEL

PREFIX = "multilabel_"
TESTED = "Frames of the test patients; multi-label, ours and not the paper's."
_SHARED = classification_drawings(LABELS, ("A", "B", "PE", "LC"))


def figure4(run: PaperRun) -> Drawing | None:
    """Figure 4: the confusion matrix; None until a fold has finished."""
    drawing = _SHARED["confusion"](only(run, MODEL))
    if drawing is None:
        return None
    return Drawing(
        "figure4",
        "Figure 4. Confusion matrix",
        "Frames of the test patients: counts and percentages of each row. A: A line, B: B line, "
        "PE: pleural effusion, LC: lung consolidation. The paper's own counts are not "
        "reconstructed: no matrix of whole numbers yields all of its Table 1.",
        drawing.figure,
    )


def gallery(run: PaperRun) -> Drawing | None:
    """The most confident mistakes, for a reader to judge the labels as well as the network.

    None if no frame was kept.
    """
    return mistakes_drawing(
        "mistakes",
        "The most confident mistakes",
        "Of the misclassified test frames, those with the highest probability, as the network "
        "receives them: label → prediction (probability).",
        mistakes(run.model(MODEL), CLASSES),
    )


def multilabel_gallery(run: PaperRun) -> Drawing | None:
    """The most confident wrong answers; None if no frame was kept."""
    return mistakes_drawing(
        f"{PREFIX}mistakes",
        "The most confident mistakes, multi-label",
        "Of the test frames with a wrong prediction for any of the four signs, those with the most "
        "confident one, as the network receives them: sign, error (probability of the error).",
        label_mistakes(run.model(MULTILABEL), CLASSES),
    )


def multilabel_curves(run: PaperRun) -> Drawing | None:
    """Loss and accuracy by epoch of the multi-label network; None until a fold has finished."""
    drawing = _SHARED["learning_curves"](only(run, MULTILABEL))
    if drawing is None:
        return None
    caption = f"{drawing.caption} Accuracy: share of correct predictions, four per frame."
    title = f"{drawing.title}, multi-label"
    return replace(drawing, id=f"{PREFIX}{drawing.id}", title=title, caption=caption)


FIGURES: dict[str, Maker] = {
    "figure1": figure1,
    "figure2": figure2,
    "figure4": figure4,
    "beyond": beyond_figure(BEYOND),
    "learning_curve": learning_figure(LEARNING),
    "robustness": robustness_figure(BEYOND, MODELS),
    "mistakes": gallery,
    **class_drawings(MODEL, CLASSES, "Frames of the test patients."),
    "learning_curves": lambda run: _SHARED["learning_curves"](only(run, MODEL)),
    f"{PREFIX}mistakes": multilabel_gallery,
    **class_drawings(
        MULTILABEL,
        CLASSES,
        TESTED,
        prefix=PREFIX,
        asked="each sign separately",
        scores_of=apart,
    ),
    f"{PREFIX}learning_curves": multilabel_curves,
}
