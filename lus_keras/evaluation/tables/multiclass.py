"""Cells and figures for mutually exclusive classes, each class against the rest."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

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
from lus_keras.evaluation.run_record import ModelRun, PaperRun
from lus_keras.evaluation.tables.drawings import Maker, score_drawings
from lus_keras.evaluation.tables.gallery import surest_mistakes
from lus_keras.evaluation.tables.judge import missing, once_per_frame
from lus_keras.evaluation.tables.layout import Column, Judged, Number, Row, Source, numbers

TOTAL, VIDEO, MAJORITY = "total", "total_per_video", "majority"
TOTAL_LABELS = {
    TOTAL: "Total",
    VIDEO: "Total, one prediction per video",
    MAJORITY: "Majority class (total)",
}
METRIC_LABELS = {
    "precision": "Precision",
    "specificity": "Specificity",
    "f1": "F1",
    "recall": "Recall",
    "accuracy": "Accuracy",
    "kappa": "κ",
    "roc_auc": "ROC-AUC",
}
# Digits of the metrics that are not printed in percent.
PLAIN = {"kappa": 4, "roc_auc": 3}
ABSENT = "n/a: no test frame of this class"


def class_statistics(scores: Scores, positive: int) -> dict[str, Statistic]:
    """`PER_CLASS` metrics and `roc_auc` of one class against the rest, by name."""
    classes = scores.probabilities.shape[1]

    def counted(metric: str) -> Statistic:
        return confusion_statistic(
            lambda confusion: class_metric(confusion, metric, positive),
            scores.y_true,
            scores.y_pred,
            scores.clusters,
            classes,
        )

    ranked = roc_auc_statistic(
        scores.y_true == positive, scores.probabilities[:, positive], scores.clusters
    )
    return {metric: counted(metric) for metric in PER_CLASS} | {"roc_auc": ranked}


def total_statistics(scores: Scores) -> dict[str, Statistic]:
    """The formulas of `total_formulas` as statistics, by name."""
    classes = scores.probabilities.shape[1]
    formulas = total_formulas(present_classes(scores.y_true))
    return {
        metric: confusion_statistic(formula, scores.y_true, scores.y_pred, scores.clusters, classes)
        for metric, formula in formulas.items()
    }


def class_columns() -> list[Column]:
    """Columns of such a table, in percent except κ and ROC-AUC."""
    return [
        Column(id_, label, scale=1 if id_ in PLAIN else 100, digits=PLAIN.get(id_))
        for id_, label in METRIC_LABELS.items()
    ]


def class_rows(run: PaperRun, table: str, model: str, classes: Mapping[str, str]) -> list[Row]:
    """Rows of one network: each class, all together, all per video, and the majority class.

    Args:
        table: Table id; a run without results shows the cells that are published under it.
        model: Network.
        classes: Row id → printed name, in the order of the classes.

    Returns:
        Rows whose baseline is the majority class.
    """
    predictions, note = run.model(model).predictions, missing(run, model)
    labels = {**classes, **TOTAL_LABELS}
    if predictions is None:
        printed = run.published.get(table, {})
        return [
            Row(row, label, numbers(dict.fromkeys(printed.get(row, {}), Number())), note)
            for row, label in labels.items()
        ]
    rows = zip(labels.items(), judged_classes(predictions), strict=True)
    # An absent class has a note of its own, and no skill lacks no fold.
    return [
        Row(row, label, source, note if isinstance(source, Judged) and row != MAJORITY else "")
        for (row, label), source in rows
    ]


@once_per_frame
def judged_classes(predictions: pd.DataFrame) -> list[Source]:
    """Statistics of each class against the rest, all, all per video, and the majority class."""
    scores = Scores.of(predictions)
    baseline, videos = majority_baseline(scores), Scores.of(video_level(predictions))
    occurring = present_classes(scores.y_true)

    def judged(number: int) -> Source:
        if number not in occurring:
            return _absent(scores)
        ours, theirs = (class_statistics(found, number) for found in (scores, baseline))
        return Judged(scores.clusters, ours, theirs)

    baseline_statistics, of_videos = (
        total_statistics(s) for s in (baseline, majority_baseline(videos))
    )
    return [
        *map(judged, range(scores.probabilities.shape[1])),
        Judged(scores.clusters, total_statistics(scores), baseline_statistics),
        Judged(videos.clusters, total_statistics(videos), of_videos),
        Judged(scores.clusters, baseline_statistics),
    ]


def _absent(scores: Scores) -> Source:
    clusters = scores.clusters
    folds = len(np.unique(clusters.folds))
    none = Number(None, None, clusters.n_patients, len(scores.y_true), folds, ABSENT)
    return numbers(dict.fromkeys((*PER_CLASS, "roc_auc"), none))


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


def mistakes(model: ModelRun, classes: Mapping[str, str]) -> list[plots.Picture]:
    """Saved frames of the most confident errors, with label and prediction below."""
    labels = list(classes.values())

    def judge(row: pd.DataFrame) -> tuple[float, str] | None:
        scores = Scores.of(row)
        named, truth = int(scores.y_pred[0]), int(scores.y_true[0])
        sure = float(scores.probabilities[0, named])
        return (
            None if named == truth else (sure, f"{labels[truth]}\n→ {labels[named]} ({sure:.0%})")
        )

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
    """ROC and precision–recall curves and reliability of a network, each class against the rest.

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
    questions = scores_of or (lambda found, named: one_against_rest(Scores.of(found), named))

    def scores(run: PaperRun) -> dict[str, Scores]:
        predictions = run.model(model).predictions
        return {} if predictions is None else questions(predictions, classes)

    absent = f"{tested} Classes that do not occur have no curve."
    bins = f"{tested} Ten bins of equal width, bars: 95 % intervals over patients; below, counts."
    plain = partial(plots.precision_recall_curves, prevalence=False)
    return score_drawings(
        scores,
        {
            f"{prefix}roc": (f"ROC curves, {asked}", absent, plots.roc_curves),
            f"{prefix}precision_recall": (f"Precision–recall curves, {asked}", absent, plain),
            f"{prefix}reliability": (f"Reliability, {asked}", bins, plots.reliability_diagram),
        },
    )
