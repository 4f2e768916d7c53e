"""Cells and figures of papers whose classes exclude each other, each class against the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import (
    Estimate,
    Scores,
    Statistic,
    confusion_statistic,
    estimate,
    majority_baseline,
    point,
    roc_auc_statistic,
    video_level,
)
from lus_keras.evaluation.metrics.multiclass import (
    PER_CLASS,
    class_metric,
    present_classes,
    total_formulas,
)
from lus_keras.evaluation.report.cells import Cell, Drawing, cell_from
from lus_keras.evaluation.report.drawings import Maker
from lus_keras.evaluation.report.gallery import Picture
from lus_keras.evaluation.run_record import ModelRun, PaperRun

TOTAL, VIDEO, MAJORITY = "total", "total_per_video", "majority"
TOTAL_LABELS = {
    TOTAL: "Total",
    VIDEO: "Total, one answer a video",
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
# Printed in their own unit where all others are per cent.
PLAIN = ("kappa", "roc_auc")
ABSENT = "n/a: no tested frame is of this class"


def class_statistics(scores: Scores, positive: int) -> dict[str, Statistic]:
    """Metrics of one class against the rest, by name.

    Args:
        scores: Scores of k classes.
        positive: The class.

    Returns:
        `precision`, `specificity`, `f1`, `recall`, `accuracy` and `roc_auc`.
    """
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
    """Metrics of all classes together, by name; means are over the classes that occur.

    Args:
        scores: Scores of k classes.

    Returns:
        `precision`, `specificity`, `f1`, `recall` (means), `accuracy` (trace / N) and `kappa`.
    """
    classes = scores.probabilities.shape[1]
    formulas = total_formulas(present_classes(scores.y_true))
    return {
        metric: confusion_statistic(formula, scores.y_true, scores.y_pred, scores.clusters, classes)
        for metric, formula in formulas.items()
    }


def multiclass_cells(
    run: PaperRun, table: str, model: str, classes: Mapping[str, str]
) -> list[Cell]:
    """Fills a table of one network: a row a class, then all together, a video, and no skill.

    Args:
        run: The paper's run.
        table: Table id; published numbers are looked up under it.
        model: The network.
        classes: Row id → what is printed, in the order of the classes.

    Returns:
        Cells in per cent, κ and ROC-AUC in their own unit; `baseline` is the majority class.
    """
    predictions, status = run.model(model).predictions, run.status(model)
    if predictions is None:
        return _empty_cells(run, table, classes, status or "no finished fold")
    scores = Scores.of(predictions)
    skilless = majority_baseline(scores)
    occurring = present_classes(scores.y_true)
    cells: list[Cell] = []
    for number, row in enumerate(classes):
        note = status if number in occurring else ABSENT
        ours, theirs = (class_statistics(found, number) for found in (scores, skilless))
        cells += _row(run, (table, row), ours, theirs, scores, note)
    cells += _row(
        run, (table, TOTAL), total_statistics(scores), total_statistics(skilless), scores, status
    )
    videos = Scores.of(video_level(predictions))
    of_videos = total_statistics(majority_baseline(videos))
    cells += _row(run, (table, VIDEO), total_statistics(videos), of_videos, videos, status)
    return cells + _row(run, (table, MAJORITY), total_statistics(skilless), {}, scores, "")


def _row(
    run: PaperRun,
    place: tuple[str, str],
    ours: Mapping[str, Statistic],
    skilless: Mapping[str, Statistic],
    scores: Scores,
    note: str,
) -> list[Cell]:
    cells = []
    for metric, statistic in ours.items():
        found: Estimate = estimate(statistic, scores.clusters, seed=run.seed)
        baseline = point(skilless[metric], scores.clusters) if metric in skilless else None
        address = (run.paper, *place, metric)
        cell = cell_from(
            found,
            address=address,
            published=run.published_value(*place, metric),
            baseline=baseline,
            scale=1 if metric in PLAIN else 100,
            note=note,
        )
        # That a class is absent says it all.
        cells.append(replace(cell, note=note) if note == ABSENT else cell)
    return cells


def _empty_cells(run: PaperRun, table: str, classes: Mapping[str, str], note: str) -> list[Cell]:
    published = run.published.get(table, {})
    return [
        Cell(run.paper, table, row, metric, run.published_value(table, row, metric), note=note)
        for row in (*classes, TOTAL)
        for metric in METRIC_LABELS
        if metric in published.get(row, {})
    ]


def one_against_rest(scores: Scores, classes: Mapping[str, str]) -> dict[str, Scores]:
    """Splits scores of k classes into k questions with two answers, for curves.

    Args:
        scores: Scores of k classes.
        classes: Row id → what is printed, in the order of the classes.

    Returns:
        What is printed → scores whose class 1 is that class.
    """
    found = {}
    for number, label in enumerate(classes.values()):
        chance = scores.probabilities[:, number]
        found[label] = Scores(
            (scores.y_true == number).astype(np.int64),
            np.stack([1 - chance, chance], axis=1),
            scores.clusters,
        )
    return found


def mistakes(model: ModelRun, classes: Mapping[str, str]) -> list[Picture]:
    """Frames kept with the folds that the network was surest of and wrong about, surest first.

    Args:
        model: Results of the network.
        classes: Row id → what is printed, in the order of the classes.

    Returns:
        Pictures with truth, answer and probability beneath.
    """
    if model.predictions is None:
        return []
    table: pd.DataFrame = model.predictions.set_index(["fold", "clip_id"])
    labels, found = list(classes.values()), []
    for example in model.examples:
        if (example.fold, example.clip_id) not in table.index:
            continue
        row = table.loc[[(example.fold, example.clip_id)]]
        scores = Scores.of(row.reset_index())
        named, truth = int(scores.y_pred[0]), int(scores.y_true[0])
        if named != truth:
            sure = float(scores.probabilities[0, named])
            text = f"{labels[truth]}\n→ {labels[named]} ({sure:.0%})"
            found.append((sure, Picture(example.frames[0], text, example.clip_id)))
    return [picture for _, picture in sorted(found, key=lambda pair: -pair[0])]


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
        model: The network.
        classes: Row id → what is printed, in the order of the classes.
        tested: What was tested, as a sentence.
        prefix: What the ids of the figures begin with.
        asked: What is asked of each class, for the titles.
        scores_of: Makes scores of two classes by what is printed, from predictions and `classes`;
            each class against the rest if not given.

    Returns:
        Functions by figure id; each gives None as long as no fold has finished.
    """
    questions = scores_of or (lambda found, named: one_against_rest(Scores.of(found), named))
    absent = "A class that none of it shows has no curve."

    def maker(id_: str, title: str, caption: str, draw: Callable[..., Figure]) -> Maker:
        def make(run: PaperRun) -> Drawing | None:
            predictions = run.model(model).predictions
            if predictions is None:
                return None
            figure = draw(questions(predictions, classes))
            return Drawing(f"{prefix}{id_}", f"{title}, {asked}", caption, figure)

        return make

    made = {
        "roc": maker("roc", "ROC curves", f"{tested} {absent}", plots.roc_curves),
        "precision_recall": maker(
            "precision_recall",
            "Precision–recall curves",
            f"{tested} {absent}",
            lambda scores: plots.precision_recall_curves(scores, prevalence=False),
        ),
        "reliability": maker(
            "reliability",
            "Reliability",
            f"{tested} Ten bins of equal width; beneath, how many each holds.",
            plots.reliability_diagram,
        ),
    }
    return {f"{prefix}{id_}": make for id_, make in made.items()}
