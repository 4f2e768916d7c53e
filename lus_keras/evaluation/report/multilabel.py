"""Cells and figures of labels that may apply together, each judged on its own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lus_keras.core.multilabel import wrong_answers
from lus_keras.evaluation.metrics import (
    Clusters,
    Scores,
    Statistic,
    estimate,
    majority_baseline,
    point,
    video_level,
)
from lus_keras.evaluation.metrics.multilabel import label_scores, label_statistics, set_statistics
from lus_keras.evaluation.metrics.scores import probability_columns
from lus_keras.evaluation.report.cells import Cell, cell_from
from lus_keras.evaluation.report.gallery import Picture
from lus_keras.evaluation.report.multiclass import METRIC_LABELS as CLASS_METRICS
from lus_keras.evaluation.run_record import ModelRun, PaperRun

ALL, VIDEO, MAJORITY = "all", "all_per_video", "majority"
ALL_LABELS = {
    ALL: "All signs (means)",
    VIDEO: "All signs, one answer a video",
    MAJORITY: "The more frequent answer (means)",
}
METRIC_LABELS = {
    "positives": "Frames with it",
    "patients": "Patients with it",
    **{metric: label for metric, label in CLASS_METRICS.items() if metric != "kappa"},
    "exact_match": "All signs right",
}
COUNTS = ("positives", "patients")
UNSEEN = "n/a: no tested frame shows it"
EVERYWHERE = "n/a: every tested frame shows it"


def multilabel_cells(
    run: PaperRun, table: str, model: str, labels: Mapping[str, str]
) -> list[Cell]:
    """Fills a table of one network: a row a label, then all of them, a video, and no skill.

    Args:
        run: The paper's run.
        table: Table id.
        model: The network.
        labels: Row id → what is printed, in the order of the labels.

    Returns:
        Cells in per cent, counts and ROC-AUC in their own unit; `baseline` is the predictor that
        always gives the more frequent answer, label by label, "no" of equals.
    """
    predictions, status = run.model(model).predictions, run.status(model)
    if predictions is None:
        note = status or "no finished fold"
        rows = (*labels, ALL)
        return [
            Cell(run.paper, table, row, name, note=note) for row in rows for name in METRIC_LABELS
        ]
    scores = label_scores(predictions)
    cells: list[Cell] = []
    for row, one in zip(labels, scores, strict=True):
        place, blind = (run, table, row), label_statistics(majority_baseline(one))
        cells += _counts(place, one, status)
        cells += _measured(
            place, label_statistics(one), blind, one.clusters, status, _undefined(one)
        )
    videos = label_scores(video_level(predictions))
    for row, of_row in ((ALL, scores), (VIDEO, videos)):
        blind = set_statistics([majority_baseline(one) for one in of_row])
        clusters = of_row[0].clusters
        cells += _measured((run, table, row), set_statistics(of_row), blind, clusters, status)
    skilless = set_statistics([majority_baseline(one) for one in scores])
    place = (run, table, MAJORITY)
    return cells + _measured(place, skilless, {}, scores[0].clusters, "")


def _counts(place: tuple[PaperRun, str, str], scores: Scores, note: str) -> list[Cell]:
    run, table, row = place
    shown, clusters = scores.y_true == 1, scores.clusters
    counts = {"positives": shown.sum(), "patients": len(np.unique(clusters.patients[shown]))}
    folds = len(np.unique(clusters.folds))
    return [
        Cell(run.paper, table, row, metric, value=float(count), n_patients=clusters.n_patients,
             n_clips=len(shown), n_folds=folds, note=note)
        for metric, count in counts.items()
    ]  # fmt: skip


def _undefined(scores: Scores) -> str:
    if not scores.y_true.any():
        return UNSEEN
    return EVERYWHERE if scores.y_true.all() else ""


def _measured(
    place: tuple[PaperRun, str, str],
    ours: Mapping[str, Statistic],
    skilless: Mapping[str, Statistic],
    clusters: Clusters,
    note: str,
    undefined: str = "",
) -> list[Cell]:
    run, table, row = place
    cells = []
    for metric, statistic in ours.items():
        found = estimate(statistic, clusters, seed=run.seed)
        known = metric in skilless
        cells.append(
            cell_from(
                found,
                address=(run.paper, table, row, metric),
                baseline=point(skilless[metric], clusters) if known else None,
                scale=1 if metric == "roc_auc" else 100,
                note=undefined if undefined and np.isnan(found.value) else note,
            )
        )
    return cells


def apart(predictions: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, Scores]:
    """Scores of each label, for curves.

    Args:
        predictions: As for `label_scores`.
        labels: Row id → what is printed, in the order of the labels.

    Returns:
        What is printed → scores whose class 1 is that label.
    """
    return dict(zip(labels.values(), label_scores(predictions), strict=True))


def mistakes(model: ModelRun, labels: Mapping[str, str]) -> list[Picture]:
    """Frames kept with the folds that the network was surest of and wrong about, surest first.

    Args:
        model: Results of the network.
        labels: Row id → what is printed, in the order of the labels.

    Returns:
        Pictures with the label, the wrong answer to it and its probability beneath.
    """
    if model.predictions is None:
        return []
    chances = probability_columns(model.predictions)
    table, names = model.predictions.set_index(["fold", "clip_id"]), list(labels.values())
    found = []
    for example in model.examples:
        key = (example.fold, example.clip_id)
        if key not in table.index:
            continue
        row = table.loc[[key]]
        truth = row[[name.replace("p_", "y_") for name in chances]].to_numpy()
        wrong = wrong_answers(truth, row[chances].to_numpy())[0]
        label = int(wrong.argmax())
        if wrong[label]:
            said = "not seen, is there" if truth[0, label] else "seen, is not there"
            text = f"{names[label]}:\n{said} ({wrong[label]:.0%})"
            found.append((float(wrong[label]), Picture(example.frames[0], text, example.clip_id)))
    return [picture for _, picture in sorted(found, key=lambda pair: -pair[0])]
