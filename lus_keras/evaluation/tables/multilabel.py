"""Cells and figures for labels that may apply together, each evaluated separately."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from lus_keras.core.multilabel import wrong_answers
from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import Scores, Statistic, majority_baseline, video_level
from lus_keras.evaluation.metrics.multilabel import label_scores, label_statistics, set_statistics
from lus_keras.evaluation.metrics.scores import probability_columns
from lus_keras.evaluation.run_record import ModelRun, PaperRun
from lus_keras.evaluation.tables.gallery import surest_mistakes
from lus_keras.evaluation.tables.judge import missing, once_per_frame
from lus_keras.evaluation.tables.layout import Column, Judged, Number, Row, Source, nothing
from lus_keras.evaluation.tables.multiclass import METRIC_LABELS as CLASS_METRICS

ALL, VIDEO, MAJORITY = "all", "all_per_video", "majority"
ALL_LABELS = {
    ALL: "All signs (means)",
    VIDEO: "All signs, one prediction per video",
    MAJORITY: "More frequent answer (means)",
}
METRIC_LABELS = {
    "positives": "Frames with the sign",
    "patients": "Patients with the sign",
    **{metric: label for metric, label in CLASS_METRICS.items() if metric != "kappa"},
    "exact_match": "All signs correct",
}
COUNTS = ("positives", "patients")
UNSEEN = "n/a: no test frame shows it"
EVERYWHERE = "n/a: every test frame shows it"


def label_columns() -> list[Column]:
    """Columns of such a table, in percent except counts and ROC-AUC."""
    plain = {"roc_auc": 3, **dict.fromkeys(COUNTS, 0)}
    return [
        Column(id_, label, scale=1 if id_ in plain else 100, digits=plain.get(id_))
        for id_, label in METRIC_LABELS.items()
    ]


def label_rows(run: PaperRun, model: str, labels: Mapping[str, str]) -> list[Row]:
    """Rows of one network: each label, all labels, all per video, and the baseline.

    The baseline predicts the more frequent answer for each label, "no" if equally frequent.
    """
    predictions, note = run.model(model).predictions, missing(run, model)
    named = {**labels, **ALL_LABELS}
    if predictions is None:
        empty: dict[str, Source] = {
            row: nothing if row in (VIDEO, MAJORITY) else lambda _: Number() for row in named
        }
        return [Row(row, label, empty[row], note) for row, label in named.items()]
    sources = zip(named.items(), judged_labels(predictions), strict=True)
    return [
        Row(row, label, source, "" if row == MAJORITY else note) for (row, label), source in sources
    ]


@once_per_frame
def judged_labels(predictions: pd.DataFrame) -> list[Source]:
    """Statistics of every label, all labels, all per video, and the more frequent answers."""
    scores, videos = label_scores(predictions), label_scores(video_level(predictions))
    answers = [majority_baseline(one) for one in scores]
    baseline = set_statistics(answers)
    of_videos = set_statistics([majority_baseline(one) for one in videos])
    clusters = scores[0].clusters
    return [
        *(
            _of_label(one, label_statistics(answer))
            for one, answer in zip(scores, answers, strict=True)
        ),
        Judged(clusters, set_statistics(scores), baseline),
        Judged(videos[0].clusters, set_statistics(videos), of_videos),
        Judged(clusters, baseline),
    ]


def _of_label(scores: Scores, baseline: Mapping[str, Statistic]) -> Source:
    shown, clusters = scores.y_true == 1, scores.clusters
    counts = {"positives": shown.sum(), "patients": len(np.unique(clusters.patients[shown]))}
    behind = (clusters.n_patients, len(shown), len(np.unique(clusters.folds)))
    counted = {name: Number(float(count), None, *behind) for name, count in counts.items()}
    judged = Judged(clusters, label_statistics(scores), baseline, _undefined(scores))
    return lambda column: counted.get(column.id) or judged(column)


def _undefined(scores: Scores) -> str:
    if not scores.y_true.any():
        return UNSEEN
    return EVERYWHERE if scores.y_true.all() else ""


def apart(predictions: pd.DataFrame, labels: Mapping[str, str]) -> dict[str, Scores]:
    """Scores of each label by printed name, class 1 = it applies, for curves."""
    return dict(zip(labels.values(), label_scores(predictions), strict=True))


def mistakes(model: ModelRun, labels: Mapping[str, str]) -> list[plots.Picture]:
    """Saved frames of the most confident errors, with label and probability below."""
    names = list(labels.values())

    def judge(row: pd.DataFrame) -> tuple[float, str] | None:
        chances = probability_columns(row)
        truth = row[[name.replace("p_", "y_") for name in chances]].to_numpy()
        wrong = wrong_answers(truth, row[chances].to_numpy())[0]
        label = int(wrong.argmax())
        if not wrong[label]:
            return None
        said = "missed" if truth[0, label] else "false positive"
        return float(wrong[label]), f"{names[label]}:\n{said} ({wrong[label]:.0%})"

    return surest_mistakes(model, judge)
