"""Conventional classifiers with patient-disjoint folds, and AUC with confidence intervals."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lus_keras.evaluation.metrics import Clusters, Estimate, estimate, roc_auc_statistic

FOLDS = 5


def logistic() -> Any:
    """A logistic regression on standardized features."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))


def forest() -> Any:
    """A random forest of 300 trees."""
    return RandomForestClassifier(300, min_samples_leaf=2, random_state=0, n_jobs=1)


def out_of_fold(
    make: Callable[[], Any], features: np.ndarray, labels: np.ndarray, groups: np.ndarray
) -> np.ndarray:
    """Log odds `(n,)` of rows by a model trained without any row of their group.

    They are centered by fold because priors differ between folds.
    """
    scores = np.empty(len(features))
    for fold in range(FOLDS):
        test = groups % FOLDS == fold
        model = make().fit(features[~test], labels[~test])
        p = model.predict_proba(features[test])[:, 1]
        scores[test] = centered_log_odds(p, float(labels[~test].mean()))
    return scores


def centered_log_odds(p: np.ndarray, prior: float) -> np.ndarray:
    """Log odds of probabilities `(n,)` minus those of the prior, comparable between folds."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p)) - np.log(prior / (1 - prior))


def auc(labels: np.ndarray, scores: np.ndarray, patients: np.ndarray) -> Estimate:
    """ROC-AUC with a 95% bootstrap interval over patients."""
    clusters = Clusters.of(patients, np.zeros(len(labels), int))
    return estimate(roc_auc_statistic(labels, scores, clusters), clusters)


def shown(found: Estimate) -> str:
    """An estimate as text, such as `.812 [.748 to .874]`."""
    return f"{found.value:.3f} [{found.ci_low:.3f} to {found.ci_high:.3f}]"
