"""Table I, the results of Section VI, the options the paper leaves for later, and the NaN study."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from lus_keras.evaluation.metrics import (
    Scores,
    constant_baseline,
    majority_baseline,
    ordinal_statistics,
    soft_cross_entropy,
    summed_batch_loss,
)
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import join_notes
from lus_keras.evaluation.tables.engine import table
from lus_keras.evaluation.tables.judge import missing, network_row, one_class, tested
from lus_keras.evaluation.tables.layout import (
    Column,
    Judged,
    Layout,
    Number,
    Row,
    Source,
    columns_of,
    numbers,
)
from lus_keras.evaluation.tables.multiclass import total
from lus_keras.evaluation.tables.studies import Amounts, Study, beyond_table, learning_table
from lus_keras.papers.base import AMOUNTS, class_counts_text
from lus_keras.papers.localization import table_of
from lus_keras.papers.robustness import robustness_table
from lus_keras.papers.severity import NAN_VARIANTS, NETWORK, PAPER, SCRATCH, VAL_SELECTED
from lus_keras.papers.severity.gradients import logged, study
from lus_keras.papers.severity.rows import (
    ALL_VIDEOS,
    BASELINES,
    CLASSES,
    LABELS,
    NAN_LABELS,
    SCRATCH_LABELS,
    all_videos,
    batch_size_of,
    class_weights_note,
    side_counts,
    targets_of,
    weights_note,
)

SCORES = ("score_0", "score_1", "score_2", "score_3")
SIDES = {"train": "Train set", "test": "Test set"}
OF_SCORES = tuple(f"of {name}" for name in CLASSES)
DIVIDED_TWICE = "loss_as_published"
COLUMNS = (
    Column("accuracy", "Accuracy (%)", scale=100),
    Column("f1", "F1, micro (= accuracy)", "accuracy"),
    Column(DIVIDED_TWICE, "Loss, divided twice"),
    Column("loss", "Loss, mean"),
    Column("macro_f1", "F1, macro"),
    Column("kappa", "Quadratic κ"),
    Column("mae", "Mean error (scores)"),
    Column("within_one", "Within one score"),
)
NAN_COLUMNS = columns_of(
    {
        "epochs": "Epochs run",
        "nan_epoch": "First epoch with NaN",
        "largest": "Largest norm, log10",
        "first_epoch": "First convolution, first epoch, log10",
        "last_epoch": "First convolution, last epoch, log10",
        "ratio": "First convolution to last layer, last epoch, log10",
        "loss": "Training loss, last epoch",
    }
)
RESULT_NOTE = (
    "The first row is the paper's protocol: the epoch is that of the lowest loss on the test set, "
    "so its results are optimistic by an unknown amount, and the last, incomplete batch of test "
    "videos is dropped. The second selects the epoch on validation patients. The third also uses "
    'training settings for random initial weights. All videos: the paper\'s "statistic data set", '
    "on which the network of the first row is evaluated; it says nothing about new patients."
)
VARIANT_NOTE = (
    "Masked: the BiLSTM skips padded frames. Weighted: SORD weighted by the inverse of each "
    "score's share of the training videos; printed losses are without these weights."
)


@table
def table1(run: PaperRun) -> Layout:
    """Table I: videos of each score to train on and to test on; needs no training.

    Train counts include the patients that choose an epoch.
    """
    counts, names, rows = side_counts(run), (*SCORES, "total"), []
    for side, label in SIDES.items():
        ours = counts.get(side, [])
        values = (
            [Number(float(n), n_clips=n) for n in (*ours, sum(ours))] if ours else [Number()] * 5
        )
        of_side = numbers(dict(zip(names, values, strict=True)))
        rows.append(Row(side, label, of_side, "" if ours else "not counted"))
    return Layout(
        "Table I. Distribution of scores in train and test sets (videos)",
        rows,
        columns_of(dict(zip(names, (*CLASSES, "total"), strict=True))),
        decimals=0,
        published_decimals=0,
        notes=("Counts of the data in use and of the paper's private data.",),
    )


@table
def results(run: PaperRun) -> Layout:
    """Section VI: accuracy, F1 and loss, and what the paper does not print."""
    rows = (*PAPER.targets["results"], ALL_VIDEOS)
    return _layout(run, "Results on the test set (Sec. VI)", rows, RESULT_NOTE)


@table
def variants(run: PaperRun) -> Layout:
    """What the paper names but does not try, beside its own accuracy and the majority class."""
    note = f"{VARIANT_NOTE} {class_weights_note(run)}".strip()
    return _layout(run, "Options the paper leaves open", PAPER.targets["variants"], note)


def _layout(run: PaperRun, title: str, names: tuple[str, ...], note: str) -> Layout:
    labels = run.with_own({name: LABELS[name] for name in names})
    frames = {name: frame for name in labels if (frame := run.model(name).predictions) is not None}
    counted = [
        tested(frame, detail=class_counts_text(frame, OF_SCORES)) for frame in frames.values()
    ]
    return Layout(
        title,
        rows=(*(_row(run, *row) for row in labels.items()), *_baselines(run, frames)),
        columns=COLUMNS,
        headline=["accuracy", "macro_f1", DIVIDED_TWICE, "loss", "kappa"],
        # Both tables stand beside the one set of numbers that the paper prints.
        published="results",
        notes=(
            note,
            *dict.fromkeys(counted),
            weights_note(run),
            "Loss, divided twice: the sum of the batches' mean losses divided by the number of "
            "videos, as the paper prints it; with full batches it is the mean loss divided by the "
            "batch size.",
            "The best constant prediction is the mean of the soft labels of the test videos; it "
            "depends only on their class shares.",
        ),
    )


def _row(run: PaperRun, name: str, label: str) -> Row:
    if name == ALL_VIDEOS:
        found = all_videos(run)
        if found is None:
            return Row(name, label, numbers({"accuracy": Number()}), missing(run, NETWORK))
        return Row(name, label, _judged(run, NETWORK, Scores.of(found[0])), found[1])
    predictions = run.model(name).predictions
    label += one_class(run, predictions)
    row = network_row(run, name, label, lambda frame: _judged(run, name, Scores.of(frame)))
    chosen = name == NETWORK and predictions is not None
    return replace(row, note=join_notes("chosen on the test set" if chosen else "", row.note))


def _judged(run: PaperRun, name: str, scores: Scores) -> Judged:
    """Statistics beside the majority class, of losses the best constant prediction."""
    targets, size = targets_of(run, name), batch_size_of(run, name)
    constant = constant_baseline(scores, targets)
    baseline = ordinal_statistics(majority_baseline(scores), targets)
    baseline["loss"] = ordinal_statistics(constant, targets)["loss"]
    divided = (_divided_twice(found, targets, size) for found in (scores, constant))
    return Judged(
        scores.clusters,
        ordinal_statistics(scores, targets),
        baseline,
        numbers={DIVIDED_TWICE: Number.of(scores.clusters, *divided)},
    )


def _divided_twice(scores: Scores, targets: np.ndarray, batch_size: int) -> float:
    """The paper's loss, mean over folds; rows of a fold are in the order of its batches."""
    losses = soft_cross_entropy(scores.y_true, scores.probabilities, targets)
    folds = scores.clusters.folds
    return float(
        np.mean([summed_batch_loss(losses[folds == k], batch_size) for k in np.unique(folds)])
    )


def _baselines(run: PaperRun, frames: Mapping[str, pd.DataFrame]) -> list[Row]:
    """The two predictors that look at nothing, on the row with the most videos."""
    sources: list[Source] = [numbers({}), numbers({})]
    if frames:
        largest = max(frames, key=lambda name: len(frames[name]))
        scores = Scores.of(frames[largest])
        guess = _judged(run, largest, majority_baseline(scores))
        constant = constant_baseline(scores, targets_of(run, largest))
        undefined = Number(note="undefined here: it gives probability 0")
        without = dict.fromkeys(("loss", DIVIDED_TWICE), undefined)
        sources = [replace(guess, numbers=without), _judged(run, largest, constant)]
    rows = zip(BASELINES.items(), sources, strict=True)
    return [Row(name, label, source) for (name, label), source in rows]


@table
def nan_study(run: PaperRun) -> Layout:
    """Where gradients blow up or vanish, for what the paper tried and for three cures.

    Norms are logarithms to base 10. A training that diverged is a result here.
    """
    return Layout(
        "NaN study (Sec. V-A): norms of gradients by layer",
        rows=[_nan_row(run, variant) for variant in NAN_VARIANTS],
        columns=NAN_COLUMNS,
        headline=["epochs", "nan_epoch", "largest", "first_epoch", "last_epoch", "loss"],
        decimals=2,
        published_decimals=0,
        notes=(
            "A dash under NaN: all numbers were finite. The paper found NaN after epoch 35 on "
            "Apple's MPS, also with LeakyReLU, with the last frame as padding and with other "
            "initial weights; its hooks located the onset near the attention.",
            "The paper attributes them to batches of 4 and deep backbones; batches of 1 to 16 and "
            "a ResNet18, the backbone of its author's earlier code, test this. Larger batches mean "
            "fewer steps per epoch.",
            "Norms are of a layer's gradient before clipping, kernel and bias together, at every "
            "step; medians over the steps of an epoch.",
            weights_note(run),
        ),
    )


def _nan_row(run: PaperRun, variant: str) -> Row:
    log, note = logged(run, variant), run.status(f"{variant}/{NETWORK}")
    if log is None:
        note = note or "no gradients were logged"
        return Row(variant, NAN_LABELS[variant], lambda _: Number(), note)
    found = study(log)
    values = {
        "epochs": (float(found.epochs), ""),
        "nan_epoch": (found.nan_epoch, found.nan_place or f"no NaN in {found.epochs} epochs"),
        "largest": (_log10(found.largest), found.largest_place),
        "first_epoch": (_log10(found.first_epoch), ""),
        "last_epoch": (_log10(found.last_epoch), ""),
        "ratio": (_log10(found.ratio), "below 0: the gradient shrinks on its way back"),
        "loss": (found.loss, ""),
    }
    of_metric = {id_: Number(value, n_folds=1, note=said) for id_, (value, said) in values.items()}
    return Row(variant, NAN_LABELS[variant], numbers(of_metric), note)


def _log10(value: float) -> float:
    """NaN for 0, whose logarithm is not finite."""
    return float(np.log10(value)) if value > 0 else float("nan")


OURS = {SCRATCH: LABELS[SCRATCH], **SCRATCH_LABELS}
BEYOND = Study(
    {name: LABELS[name] for name in (NETWORK, VAL_SELECTED)}
    | {name: f"{label} (ours)" for name, label in OURS.items()},
    # The variants share its training; the paper's does not learn from random weights.
    best=SCRATCH,
    columns=(Column("accuracy", "Accuracy"), Column("f1", "F1, mean over scores")),
    judged=total,
)
LEARNING = Amounts(BEYOND, AMOUNTS, {NETWORK: "From scratch"}, pairs=(), published=11)

TABLES = {
    "table1": table1,
    "results": results,
    "variants": variants,
    "nan_study": nan_study,
    "localization": table_of(SCRATCH),
    "beyond": beyond_table(BEYOND),
    "learning_curve": learning_table(LEARNING),
    "robustness": robustness_table(BEYOND, (SCRATCH,)),
}
