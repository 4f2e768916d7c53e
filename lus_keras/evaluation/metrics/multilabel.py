"""Metrics of labels that may apply together: each is a question of its own, and all of them.

The answer to a question is yes where its probability is above 1/2.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lus_keras.evaluation.metrics import confusion
from lus_keras.evaluation.metrics.multiclass import class_metric
from lus_keras.evaluation.metrics.records import Clusters, Ints, Statistic, Weighted
from lus_keras.evaluation.metrics.scores import Scores, probability_columns
from lus_keras.evaluation.metrics.statistics import (
    confusion_statistic,
    mean_statistic,
    roc_auc_statistic,
)

Formula = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _where_it_occurs(metric: str) -> Formula:
    return lambda counts: class_metric(counts, metric, 1)


# Of a label that nothing shows, precision and F1 would be 0 by their formulas and mean nothing.
FORMULAS: dict[str, Formula] = {
    "precision": _where_it_occurs("precision"),
    "specificity": confusion.specificity,
    "f1": _where_it_occurs("f1"),
    "recall": _where_it_occurs("recall"),
    "accuracy": confusion.accuracy,
}


def label_scores(predictions: pd.DataFrame) -> list[Scores]:
    """Scores of each label, from columns `patient_id, fold, y_0 … y_k, p_0 … p_k`."""
    clusters = Clusters.of(predictions["patient_id"].to_numpy(), predictions["fold"].to_numpy())
    found = []
    for name in probability_columns(predictions):
        chance = predictions[name].to_numpy(np.float64)
        truth = predictions[name.replace("p_", "y_")].to_numpy(np.int64)
        found.append(Scores(truth, np.stack([1 - chance, chance], axis=1), clusters))
    return found


def label_statistics(scores: Scores) -> dict[str, Statistic]:
    """Metrics of one label (class 1) by name, those of `class_statistics`.

    Precision, F1, recall and ROC-AUC are undefined where nothing shows the label.
    """
    answered = {
        metric: confusion_statistic(formula, scores.y_true, scores.y_pred, scores.clusters)
        for metric, formula in FORMULAS.items()
    }
    ranked = roc_auc_statistic(scores.y_true, scores.positive, scores.clusters)
    return answered | {"roc_auc": ranked}


def set_statistics(scores: Sequence[Scores]) -> dict[str, Statistic]:
    """Metrics of all labels together, by name.

    Args:
        scores: Scores of each label, of the same clips in the same order.

    Returns:
        The unweighted means ("macro") of `label_statistics` over the labels that occur, each
        undefined where it is undefined for one of them; and `exact_match`, the share of clips whose
        labels, absent ones included, are all predicted correctly.
    """
    occurring = [label_statistics(one) for one in scores if one.y_true.any()]
    means = {
        metric: _mean_of([statistics[metric] for statistics in occurring])
        for metric in (*FORMULAS, "roc_auc")
    }
    right = np.all([one.y_true == one.y_pred for one in scores], axis=0)
    return means | {"exact_match": mean_statistic(right, scores[0].clusters)}


def _mean_of(statistics: Sequence[Statistic]) -> Statistic:
    def prepare(clips: Ints) -> Weighted:
        parts = [statistic(clips) for statistic in statistics]
        if not parts:
            return lambda weights: np.full(len(weights), np.nan)
        return lambda weights: np.mean([part(weights) for part in parts], axis=0)

    return prepare
