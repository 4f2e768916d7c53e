"""Table 1 of the paper on four signs (Duan et al. 2022), and the multi-label one, which is ours."""

from dataclasses import replace

import pandas as pd

from lus_keras.data.manifest import SIGNS
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.engine import table
from lus_keras.evaluation.tables.judge import tested
from lus_keras.evaluation.tables.layout import Column, Layout, Row, ids
from lus_keras.evaluation.tables.multiclass import (
    class_columns,
    class_rows,
    label_columns,
    label_rows,
    total,
)
from lus_keras.evaluation.tables.studies import Amounts, Study, beyond_table, learning_table
from lus_keras.papers.base import AMOUNTS, class_counts_text, labels_of
from lus_keras.papers.localization import table_of
from lus_keras.papers.robustness import robustness_table
from lus_keras.papers.signs import EFFICIENTNET, MODELS, MULTILABEL, NEIGHBORS, RESNET50

(MODEL,) = MODELS
TITLES = labels_of("signs")
LABELS = {MODEL: TITLES[MODEL], MULTILABEL: f"{TITLES[MODEL]}, multi-label"}
CLASSES = dict(
    zip(SIGNS, ("A line", "B line", "Pleural effusion", "Lung consolidation"), strict=True)
)
SIMULATED = (
    "A simulated video shows one sign, measured in the image; A-lines in addition to another sign "
    "are not measured and count as absent."
)


@table
def table1(run: PaperRun) -> Layout:
    """Table 1: each sign against the rest, and all together."""
    columns = class_columns()
    predictions = run.model(MODEL).predictions
    counts = class_counts_text(predictions, tuple(CLASSES.values()))
    unknown = "" if predictions is None else " The number of test images in the paper is not known."
    return Layout(
        "Table 1. Classification of four signs in single frames (%)",
        [row for name in run.with_own({MODEL: ""}) for row in _of_network(run, name)],
        columns,
        headline=[id_ for id_ in ids(columns) if id_ != "roc_auc"],
        decimals=1,
        notes=(
            tested(predictions, "frames", counts) + unknown,
            weights_note(run),
            "A class: one against the rest, accuracy = (TP + TN) / N. Total: precision, "
            "specificity, F1 and recall are means over the classes that occur; accuracy is the "
            "share of correctly classified frames, which differs from the mean recall, although "
            "the paper prints one number for both.",
            "n/a: undefined, such as the precision of a class that is never predicted, and hence "
            "the mean over classes, or of a class without test frames. Baseline: the majority "
            "class.",
        ),
    )


@table
def multilabel(run: PaperRun) -> Layout:
    """Each sign as a question with yes or no, and all four together; none of it is published."""
    columns = label_columns()
    predictions = run.model(MULTILABEL).predictions
    counted = tested(predictions, "frames", _together(predictions))
    simulated = (SIMULATED,) if run.simulated and predictions is not None else ()
    return Layout(
        "Multi-label: each of four signs separately in single frames (%), not in the paper",
        label_rows(run, MULTILABEL, CLASSES),
        columns,
        headline=[id_ for id_ in ids(columns) if id_ != "patients"],
        decimals=1,
        notes=(
            "[X] Ours, not the paper's, whose classes exclude each other: one ResNet152 with four "
            "sigmoid outputs and the mean of four binary cross-entropies. A frame may show none or "
            "several signs. These numbers are not comparable with the paper's Table 1.",
            counted,
            *simulated,
            weights_note(run),
            "A sign is predicted if its probability is above 0.5. All signs: means over the signs "
            "that occur, and the share of frames with four correct predictions; the mean accuracy "
            "over all four is 1 − Hamming loss.",
            "n/a: undefined, such as the recall of a sign that no test frame shows; –: undefined, "
            "such as the precision of a sign that is never predicted, and hence the mean. "
            "Baseline: the more frequent answer, sign by sign.",
        ),
    )


def _of_network(run: PaperRun, name: str) -> list[Row]:
    """Rows of the paper's network, or of one of the user's, named so."""
    rows = class_rows(run, "table1", name, CLASSES)
    if name == MODEL:
        return rows
    return [replace(row, id=f"{name}/{row.id}", label=f"{name}: {row.label}") for row in rows]


def _together(predictions: pd.DataFrame | None) -> str:
    """How many frames show none, one and several of the signs."""
    if predictions is None:
        return ""
    shown = predictions[[f"y_{number}" for number in range(len(SIGNS))]].to_numpy().sum(axis=1)
    none, one, several = (int(part.sum()) for part in (shown == 0, shown == 1, shown > 1))
    return f" ({none} with none of the signs, {one} with one, {several} with several)"


def weights_note(run: PaperRun) -> str:
    """Says which weights the network started from."""
    file, source = run.settings.options.get("weights"), run.settings.transfer.pretrain
    then = f" Then trained on {source} videos, before the videos here." if source else ""
    if file:
        return f"Initial weights: those of {file}, given by the user; the last layer is new.{then}"
    return (
        f"Initial weights: random.{then} No file of ImageNet weights was given (options.weights), "
        "and none is downloaded; the paper does not state its initial weights."
    )


BEYOND = Study(
    {name: TITLES[name] for name in (MODEL, RESNET50, EFFICIENTNET)}
    | {NEIGHBORS: "ResNet152 on three neighboring frames (ours)"},
    best=MODEL,
    columns=(Column("accuracy", "Accuracy"), Column("f1", "F1, mean over signs")),
    judged=total,
)
LEARNING = Amounts(BEYOND, AMOUNTS, {MODEL: LABELS[MODEL]}, pairs=(), published=400)

TABLES = {
    "table1": table1,
    "multilabel": multilabel,
    "localization": table_of(MODELS[0]),
    "beyond": beyond_table(BEYOND),
    "learning_curve": learning_table(LEARNING),
    "robustness": robustness_table(BEYOND, MODELS),
}
