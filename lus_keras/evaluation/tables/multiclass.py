"""Cells and pictures of several classes: each against the rest, or labels that may go together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lus_keras.core.multilabel import wrong_answers
from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import (
    Scores,
    Statistic,
    confusion_statistic,
    majority_baseline,
    roc_auc_statistic,
    video_level,
)
from lus_keras.evaluation.metrics.multiclass import (
    PER_CLASS,
    class_metric,
    present_classes,
    total_formulas,
)
from lus_keras.evaluation.metrics.multilabel import label_scores, label_statistics, set_statistics
from lus_keras.evaluation.metrics.scores import probability_columns
from lus_keras.evaluation.run_record import ModelRun, PaperRun
from lus_keras.evaluation.tables.drawings import BINS, Maker, score_drawings, surest_mistakes
from lus_keras.evaluation.tables.judge import missing, once_per_frame
from lus_keras.evaluation.tables.layout import (
    Column,
    Judged,
    Number,
    Row,
    Source,
    columns_of,
    ids,
    metrics,
    numbers,
)

COUNTS = {"positives": "Frames with the sign", "patients": "Patients with the sign"}
TOTAL_LABELS = {
    "total": "Total",
    "total_per_video": "Total, one prediction per video",
    "majority": "Majority class (total)",
}
ALL_LABELS = {
    "all": "All signs (means)",
    "all_per_video": "All signs, one prediction per video",
    "majority": "More frequent answer (means)",
}
ABSENT = "n/a: no test frame of this class"
UNSEEN = "n/a: no test frame shows it"
EVERYWHERE = "n/a: every test frame shows it"


def class_columns() -> list[Column]:
    """Columns of classes that exclude each other, in percent except κ and ROC-AUC."""
    return _in_percent(metrics(*PER_CLASS, "kappa", "roc_auc"))


def label_columns() -> list[Column]:
    """Columns of labels that may go together, in percent except counts and ROC-AUC."""
    every = Column("exact_match", "All signs correct")
    return _in_percent([*columns_of(COUNTS), *metrics(*PER_CLASS, "roc_auc"), every])


def _in_percent(columns: Sequence[Column]) -> list[Column]:
    digits = {"kappa": 4, "roc_auc": 3, **dict.fromkeys(COUNTS, 0)}
    return [
        replace(column, scale=1 if column.id in digits else 100, digits=digits.get(column.id))
        for column in columns
    ]


def class_statistics(scores: Scores, positive: int) -> dict[str, Statistic]:
    """`PER_CLASS` metrics and `roc_auc` of one class against the rest, by name."""
    ranked = roc_auc_statistic(
        scores.y_true == positive, scores.probabilities[:, positive], scores.clusters
    )
    formulas = {
        metric: lambda counts, metric=metric: class_metric(counts, metric, positive)
        for metric in PER_CLASS
    }
    return _counted(formulas, scores) | {"roc_auc": ranked}


def total_statistics(scores: Scores) -> dict[str, Statistic]:
    """The formulas of `total_formulas` as statistics, by name."""
    return _counted(total_formulas(present_classes(scores.y_true)), scores)


def _counted(formulas: Mapping[str, Callable[[Any], Any]], scores: Scores) -> dict[str, Statistic]:
    shown = scores.y_true, scores.y_pred, scores.clusters, scores.probabilities.shape[1]
    return {metric: confusion_statistic(formula, *shown) for metric, formula in formulas.items()}


def class_rows(run: PaperRun, table: str, model: str, classes: Mapping[str, str]) -> list[Row]:
    """Rows of one network: each class, all together, all per video, and the majority class.

    Args:
        table: Table id; a run without results shows the cells that are published under it.
        model: Network.
        classes: Row id → printed name, in the order of the classes.

    Returns:
        Rows whose baseline is the majority class.
    """
    labels = {**classes, **TOTAL_LABELS}
    printed = run.published.get(table, {})
    return _rows(run, model, labels, _classes, {row: printed.get(row, ()) for row in labels})


def label_rows(run: PaperRun, model: str, labels: Mapping[str, str]) -> list[Row]:
    """Rows of one network: each label, all labels, all per video, and the baseline.

    The baseline predicts the more frequent answer for each label, "no" if equally frequent.
    """
    shown = dict.fromkeys((*labels, "all"), ids(label_columns()))
    return _rows(run, model, {**labels, **ALL_LABELS}, _labels, shown)


def _rows(
    run: PaperRun,
    model: str,
    labels: Mapping[str, str],
    judge: Callable[[pd.DataFrame], list[Source]],
    shown: Mapping[str, Iterable[str]],
) -> list[Row]:
    """Rows of a network with what it lacks; without results, empty cells by row in `shown`."""
    predictions, note = run.model(model).predictions, missing(run, model)
    if predictions is None:
        empty = {row: dict.fromkeys(shown.get(row, ()), Number()) for row in labels}
        return [Row(row, label, numbers(empty[row]), note) for row, label in labels.items()]
    rows = zip(labels.items(), judge(predictions), strict=True)
    # An absent class has a note of its own, and no skill lacks no fold.
    return [
        Row(row, label, source, note if isinstance(source, Judged) and row != "majority" else "")
        for (row, label), source in rows
    ]


@once_per_frame
def total(predictions: pd.DataFrame) -> Judged:
    """Statistics of all classes together; the baseline is the majority class."""
    scores = Scores.of(predictions)
    without = total_statistics(majority_baseline(scores))
    return Judged(scores.clusters, total_statistics(scores), without)


def _all_labels(predictions: pd.DataFrame) -> Judged:
    """Statistics of all labels together; the baseline is the more frequent answer to each."""
    scores = label_scores(predictions)
    without = set_statistics([majority_baseline(one) for one in scores])
    return Judged(scores[0].clusters, set_statistics(scores), without)


def _together(judge: Callable[[pd.DataFrame], Judged], predictions: pd.DataFrame) -> list[Source]:
    """All together, all per video, and the predictor without skill."""
    whole = judge(predictions)
    skill_free = Judged(whole.clusters, whole.baselines)
    return [whole, judge(video_level(predictions)), skill_free]


@once_per_frame
def _classes(predictions: pd.DataFrame) -> list[Source]:
    """Sources of `class_rows`."""
    scores = Scores.of(predictions)
    guess, clusters, each = majority_baseline(scores), scores.clusters, list[Source]()
    absent = numbers(dict.fromkeys((*PER_CLASS, "roc_auc"), Number.of(clusters, note=ABSENT)))
    for number in range(scores.probabilities.shape[1]):
        ours, theirs = (class_statistics(found, number) for found in (scores, guess))
        each.append(Judged(clusters, ours, theirs) if number in scores.y_true else absent)
    return [*each, *_together(total, predictions)]


@once_per_frame
def _labels(predictions: pd.DataFrame) -> list[Source]:
    """Sources of `label_rows`."""
    each = list[Source]()
    for one in label_scores(predictions):
        shown, clusters = one.y_true == 1, one.clusters
        counts = {"positives": shown.sum(), "patients": len(np.unique(clusters.patients[shown]))}
        counted = {name: Number.of(clusters, float(count)) for name, count in counts.items()}
        ours, theirs = (label_statistics(found) for found in (one, majority_baseline(one)))
        undefined = EVERYWHERE if shown.all() else "" if shown.any() else UNSEEN
        each.append(Judged(clusters, ours, theirs, undefined, counted))
    return [*each, *_together(_all_labels, predictions)]


def one_against_rest(scores: Scores, classes: Mapping[str, str]) -> dict[str, Scores]:
    """Splits scores of k classes into k two-class scores by printed name, for curves."""
    chances = scores.probabilities
    return {
        label: Scores(
            (scores.y_true == number).astype(np.int64),
            np.stack([1 - chances[:, number], chances[:, number]], axis=1),
            scores.clusters,
        )
        for number, label in enumerate(classes.values())
    }


def apart(predictions: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, Scores]:
    """Scores of each label by printed name, class 1 = it applies, for curves."""
    return dict(zip(labels.values(), label_scores(predictions), strict=True))


def mistakes(model: ModelRun, classes: Mapping[str, str]) -> list[plots.Picture]:
    """Saved frames of the most confident errors, with label and prediction below."""
    labels = list(classes.values())

    def judge(row: pd.DataFrame) -> tuple[float, str] | None:
        scores = Scores.of(row)
        named, truth = int(scores.y_pred[0]), int(scores.y_true[0])
        sure = float(scores.probabilities[0, named])
        told = f"{labels[truth]}\n→ {labels[named]} ({sure:.0%})"
        return None if named == truth else (sure, told)

    return surest_mistakes(model, judge)


def label_mistakes(model: ModelRun, labels: Mapping[str, str]) -> list[plots.Picture]:
    """Saved frames of the most confident wrong answers, with label and probability below."""
    names = list(labels.values())

    def judge(row: pd.DataFrame) -> tuple[float, str] | None:
        chances = probability_columns(row)
        truth = row[[name.replace("p_", "y_") for name in chances]].to_numpy()
        wrong = wrong_answers(truth, row[chances].to_numpy())[0]
        label = int(wrong.argmax())
        said = "missed" if truth[0, label] else "false positive"
        told = f"{names[label]}:\n{said} ({wrong[label]:.0%})"
        return (float(wrong[label]), told) if wrong[label] else None

    return surest_mistakes(model, judge)


def class_drawings(
    model: str,
    classes: Mapping[str, str],
    tested: str,
    *,
    prefix: str = "",
    asked: str = "each class against the rest",
    scores_of: Callable[[pd.DataFrame, Mapping[str, str]], dict[str, Scores]] | None = None,
) -> dict[str, Maker]:
    """ROC and precision–recall curves and reliability of a network, each class on its own.

    Args:
        model: Network.
        classes: Row id → printed name, in the order of the classes.
        tested: Sentence on the test set, for the captions.
        prefix: Prefix of the ids of the figures.
        asked: How each class is evaluated, for the titles.
        scores_of: Function from predictions and `classes` to two-class scores by printed name;
            each class against the rest if not given.

    Returns:
        Functions by figure id; each gives None until a fold has finished.
    """

    def scores(run: PaperRun) -> dict[str, Scores]:
        predictions = run.model(model).predictions
        if predictions is None:
            return {}
        if scores_of is None:
            return one_against_rest(Scores.of(predictions), classes)
        return scores_of(predictions, classes)

    absent = f"{tested} Classes that do not occur have no curve."
    captions = {
        "roc": absent,
        "precision_recall": absent,
        "reliability": f"{tested} {BINS} counts.",
    }
    # Curves of several classes have no prevalence in common.
    return score_drawings(
        scores, captions, prefix, f", {asked}", precision_recall={"prevalence": False}
    )
