"""Multi-label option of the paper on four signs: table and figures, none of them the paper's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lus_keras.data.manifest import SIGNS
from lus_keras.evaluation.report.cells import Drawing, Table
from lus_keras.evaluation.report.drawings import classification_drawings
from lus_keras.evaluation.report.gallery import mistakes_drawing
from lus_keras.evaluation.report.multiclass import class_drawings
from lus_keras.evaluation.report.multilabel import (
    ALL_LABELS,
    COUNTS,
    METRIC_LABELS,
    apart,
    mistakes,
    multilabel_cells,
)
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.signs import MULTILABEL

LABEL = "ResNet152, multi-label"
SIGN_LABELS = dict(
    zip(SIGNS, ("A line", "B line", "Pleural effusion", "Lung consolidation"), strict=True)
)
PREFIX = "multilabel_"
TESTED = "Frames of the test patients; multi-label, ours and not the paper's."
SIMULATED = (
    "A simulated video shows one sign, measured in the picture; A-lines beside another sign are "
    "not measured and count as not seen."
)


def multilabel(run: PaperRun) -> Table:
    """Each sign as a question with yes or no, and all four together.

    Args:
        run: The paper's run.

    Returns:
        The table in per cent, counts and ROC-AUC as they are; nothing in it is published.
    """
    return Table(
        id="multilabel",
        title="Multi-label: each of four signs on its own in single frames (%), not in the paper",
        cells=multilabel_cells(run, "multilabel", MULTILABEL, SIGN_LABELS),
        row_labels=SIGN_LABELS | ALL_LABELS,
        metric_labels=METRIC_LABELS,
        headline=[metric for metric in METRIC_LABELS if metric != "patients"],
        decimals=1,
        digits_of={"roc_auc": 3, **dict.fromkeys(COUNTS, 0)},
        notes=(
            "[X] Ours, not the paper's, whose classes exclude each other: one ResNet152 with four "
            "sigmoid outputs and the mean of four binary cross-entropies. A frame may show none or "
            "several signs. No number here can be held against the paper's Table 1.",
            *population(run),
            weights_note(run),
            "A sign is said to be seen where its probability is above 0.5. All signs: means over "
            "the signs that occur, and the share of frames whose four answers are all right; the "
            "mean accuracy over all four is 1 − Hamming loss.",
            "n/a: undefined, as the recall of a sign that no tested frame shows; –: undefined, as "
            "the precision of a sign that is never said to be seen, and so the mean. Baseline: "
            "always the more frequent answer, sign by sign.",
        ),
    )


def weights_note(run: PaperRun) -> str:
    """Says which weights the network started from.

    Args:
        run: The paper's run; its record holds the options.

    Returns:
        One to three sentences.
    """
    file = run.config.get("options", {}).get("weights")
    source = run.config.get("transfer", {}).get("pretrain")
    then = f" Then trained on {source} videos, before the videos here." if source else ""
    if file:
        return f"Initial weights: those of {file}, given by the user; the last layer is new.{then}"
    return (
        f"Initial weights: random.{then} No file of ImageNet weights was given (options.weights), "
        "and none is fetched; the paper does not say what it starts from."
    )


def population(run: PaperRun) -> list[str]:
    """Says what was tested, and how signs come together in it.

    Args:
        run: The paper's run.

    Returns:
        Sentences.
    """
    predictions = run.model(MULTILABEL).predictions
    if predictions is None:
        return ["No fold has finished yet."]
    shown = predictions[[f"y_{number}" for number in range(len(SIGNS))]].to_numpy().sum(axis=1)
    none, one, several = (int(np.sum(part)) for part in (shown == 0, shown == 1, shown > 1))
    videos = len(predictions.drop_duplicates(["patient_id", "video_id"]))
    said = (
        f"Tested: {predictions['patient_id'].nunique()} patients, {videos} videos, {len(shown)} "
        f"frames ({none} with none of the signs, {one} with one, {several} with several)."
    )
    return [said, SIMULATED] if run.simulated else [said]


def gallery(run: PaperRun) -> Drawing | None:
    """The most confident wrong answers.

    Args:
        run: The paper's run.

    Returns:
        The figure; None if no frame was kept.
    """
    return mistakes_drawing(
        f"{PREFIX}mistakes",
        "The most confident mistakes, multi-label",
        "Of the test frames with a wrong answer to any of the four questions, those whose wrong "
        "answer is the surest, as the network sees them: sign, answer (its probability).",
        mistakes(run.model(MULTILABEL), SIGN_LABELS),
    )


def learning_curves(run: PaperRun) -> Drawing | None:
    """Loss and accuracy by epoch.

    Args:
        run: The paper's run.

    Returns:
        The figure; None as long as no fold has finished.
    """
    kept = {name: model for name, model in run.models.items() if name == MULTILABEL}
    made = classification_drawings({MULTILABEL: LABEL}, SIGNS)["learning_curves"]
    drawing = made(replace(run, models=kept))
    if drawing is None:
        return None
    caption = f"{drawing.caption} Accuracy: the share of answers that are right, four a frame."
    title = f"{drawing.title}, multi-label"
    return replace(drawing, id=f"{PREFIX}{drawing.id}", title=title, caption=caption)


FIGURES: dict[str, Callable[[PaperRun], Drawing | None]] = {
    f"{PREFIX}mistakes": gallery,
    **class_drawings(
        MULTILABEL,
        SIGN_LABELS,
        TESTED,
        prefix=PREFIX,
        asked="each sign on its own",
        scores_of=apart,
    ),
    f"{PREFIX}learning_curves": learning_curves,
}
