"""Table 1 and figures of the paper on four signs (Duan et al. 2022) from predictions.

`TABLES` and `FIGURES` map a target to the function that makes it. The paper compares no networks,
so there are no claims to test. What is not the paper's is in `signs_multilabel_results`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lus_keras.evaluation.report.cells import Claim, Drawing, Table
from lus_keras.evaluation.report.drawings import classification_drawings
from lus_keras.evaluation.report.gallery import mistakes_drawing
from lus_keras.evaluation.report.multiclass import (
    METRIC_LABELS,
    TOTAL_LABELS,
    class_drawings,
    mistakes,
    multiclass_cells,
)
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.signs import MULTILABEL
from lus_keras.papers.signs import multilabel as several

MODEL = "resnet152"
LABELS = {MODEL: "ResNet152", MULTILABEL: several.LABEL}
CLASSES = several.SIGN_LABELS
_SHARED = classification_drawings(LABELS, ("A", "B", "PE", "LC"))


def table1(run: PaperRun) -> Table:
    """Table 1: each sign against the rest, and all together.

    Args:
        run: The paper's run.

    Returns:
        The table in per cent, κ as it is.
    """
    return Table(
        id="table1",
        title="Table 1. Classification of four signs in single frames (%)",
        cells=multiclass_cells(run, "table1", MODEL, CLASSES),
        row_labels=CLASSES | TOTAL_LABELS,
        metric_labels=METRIC_LABELS,
        headline=[metric for metric in METRIC_LABELS if metric != "roc_auc"],
        decimals=1,
        published_decimals=2,
        digits_of={"kappa": 4, "roc_auc": 3},
        notes=(
            _population(run),
            several.weights_note(run),
            "A class: one against the rest, accuracy = (TP + TN) / N. Total: precision, "
            "specificity, F1 and recall are means over the classes that occur; accuracy is the "
            "share of frames named rightly, which is another quantity than the mean recall, though "
            "the paper prints one number for both.",
            "n/a: undefined, as the precision of a class that is never named, and so the mean over "
            "classes, or of a class that no tested frame shows. Baseline: the majority class.",
        ),
    )


def _population(run: PaperRun) -> str:
    predictions = run.model(MODEL).predictions
    if predictions is None:
        return "No fold has finished yet."
    counts = predictions["y_true"].value_counts()
    named = ", ".join(
        f"{counts.get(number, 0)} {label}" for number, label in enumerate(CLASSES.values())
    )
    return (
        f"Tested: {predictions['patient_id'].nunique()} patients, "
        f"{len(predictions.drop_duplicates(['patient_id', 'video_id']))} videos, "
        f"{len(predictions)} frames ({named}). The paper's images of one test set are not known."
    )


def claims(run: PaperRun) -> list[Claim]:
    """None: the paper compares no networks."""
    return []


def figure4(run: PaperRun) -> Drawing | None:
    """Figure 4: the confusion matrix.

    Args:
        run: The paper's run.

    Returns:
        The figure; None as long as no fold has finished.
    """
    drawing = _SHARED["confusion"](_own(run))
    if drawing is None:
        return None
    return Drawing(
        "figure4",
        "Figure 4. Confusion matrix",
        "Frames of the test patients: counts, and shares of each row. A: A line, B: B line, PE: "
        "pleural effusion, LC: lung consolidation. The paper's own counts are not reconstructed: "
        "no matrix of whole numbers gives all of its Table 1.",
        drawing.figure,
    )


def gallery(run: PaperRun) -> Drawing | None:
    """The most confident mistakes, for a reader to judge the labels as well as the network.

    Args:
        run: The paper's run.

    Returns:
        The figure; None if no frame was kept.
    """
    return mistakes_drawing(
        "mistakes",
        "The most confident mistakes",
        "Of the test frames named wrongly, those with the highest probability, as the network sees "
        "them: truth → answer (probability).",
        mistakes(run.model(MODEL), CLASSES),
    )


def _own(run: PaperRun) -> PaperRun:
    """The run without the network that answers other questions."""
    return replace(run, models={name: m for name, m in run.models.items() if name == MODEL})


TABLES: dict[str, Callable[[PaperRun], Table]] = {
    "table1": table1,
    "multilabel": several.multilabel,
}
FIGURES: dict[str, Callable[[PaperRun], Drawing | None]] = {
    "figure4": figure4,
    "mistakes": gallery,
    **class_drawings(MODEL, CLASSES, "Frames of the test patients."),
    "learning_curves": lambda run: _SHARED["learning_curves"](_own(run)),
    **several.FIGURES,
}
