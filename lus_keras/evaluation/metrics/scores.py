"""From the rows of predictions.csv to the statistics that tables are made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lus_keras.evaluation.metrics import confusion
from lus_keras.evaluation.metrics.records import Clusters, Statistic
from lus_keras.evaluation.metrics.statistics import (
    confusion_statistic,
    mean_statistic,
    pr_auc_statistic,
    roc_auc_statistic,
    sensitivity_at_statistic,
)


@dataclass(frozen=True)
class Scores:
    """What a model said of n clips or videos, `(n, k)` float64, and what is true, `(n,)` int64."""

    y_true: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    clusters: Clusters

    @classmethod
    def of(cls, predictions: pd.DataFrame) -> "Scores":
        """Reads columns `patient_id, fold, y_true, p_0 … p_k` of predictions.csv."""
        return cls(
            predictions["y_true"].to_numpy(np.int64),
            predictions[probability_columns(predictions)].to_numpy(np.float64),
            Clusters.of(predictions["patient_id"].to_numpy(), predictions["fold"].to_numpy()),
        )

    @property
    def y_pred(self) -> NDArray[np.int64]:
        """`(n,)` class of the highest probability, the first of equals."""
        return self.probabilities.argmax(1)

    @property
    def positive(self) -> NDArray[np.float64]:
        """`(n,)` probability of the last class: of "positive" where there are two."""
        return self.probabilities[:, -1]


def probability_columns(predictions: pd.DataFrame) -> list[str]:
    """Names `p_0 … p_k` in numerical order."""
    numbers = [name[2:] for name in predictions if str(name).startswith("p_")]
    return [f"p_{number}" for number in sorted((n for n in numbers if n.isdigit()), key=int)]


def binary_statistics(scores: Scores) -> dict[str, Statistic]:
    """Every metric of a two-class model, positive = class 1, predicted = the likelier class.

    Returns:
        Statistics by name: `precision`, `recall`, `f1`, `specificity`, `accuracy`, `roc_auc`,
        `pr_auc`, `sensitivity_at_90` (at a specificity of at least 90 %), `brier`.
    """
    y_true, clusters, positive = scores.y_true, scores.clusters, scores.positive
    formulas = {
        name: getattr(confusion, name)
        for name in ("precision", "recall", "f1", "specificity", "accuracy")
    }
    counted = {
        name: confusion_statistic(formula, y_true, scores.y_pred, clusters)
        for name, formula in formulas.items()
    }
    return counted | {
        "roc_auc": roc_auc_statistic(y_true, positive, clusters),
        "pr_auc": pr_auc_statistic(y_true, positive, clusters),
        "sensitivity_at_90": sensitivity_at_statistic(y_true, positive, clusters, 0.9),
        "brier": mean_statistic((positive - y_true) ** 2, clusters),
    }


def video_level(predictions: pd.DataFrame, score: str = "mean") -> pd.DataFrame:
    """One row per video: the mean probability of its clips, and the highest of their labels.

    Args:
        predictions: Rows of predictions.csv; columns stay, rows are ordered by fold, patient and
            video.
        score: `mean`, or of two classes `max`: the probabilities of the clip that is most likely
            positive.
    """
    truth = [name for name in predictions if str(name).startswith("y_")]
    names = probability_columns(predictions)
    how = dict.fromkeys(names, "mean") | dict.fromkeys(truth, "max")
    if score == "max":
        how |= {names[0]: "min", names[1]: "max"}
    keys = ["fold", "patient_id", "video_id"]
    return predictions.groupby(keys, as_index=False, sort=True).agg(how)


def majority_baseline(scores: Scores) -> Scores:
    """The predictor of the most frequent class (the lowest of equals), with probability 1."""
    classes = scores.probabilities.shape[1]
    return _constant(scores, int(np.bincount(scores.y_true, minlength=classes).argmax()))


def always_positive(scores: Scores) -> Scores:
    """The predictor of the last class, with probability 1."""
    return _constant(scores, scores.probabilities.shape[1] - 1)


def aligned(frames: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Keeps the clips (`fold` and `clip_id`) that all models were tested on, in one order."""
    indexed = [frame.set_index(["fold", "clip_id"]) for frame in frames]
    shared = indexed[0].index
    for frame in indexed[1:]:
        shared = shared.intersection(frame.index)
    shared = shared.sort_values()
    return [frame.loc[shared].reset_index() for frame in indexed]


def _constant(scores: Scores, chosen: int) -> Scores:
    probabilities = np.zeros_like(scores.probabilities)
    probabilities[:, chosen] = 1.0
    return replace(scores, probabilities=probabilities)
