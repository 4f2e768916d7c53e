"""How well scores rank, for tests of several cohorts."""

import numpy as np


def rank_auc(labels, scores):
    """Probability that a positive scores higher than a negative (no ties expected)."""
    ranks = np.argsort(np.argsort(scores)) + 1
    positives = labels.sum()
    excess = ranks[labels].sum() - positives * (positives + 1) / 2
    return excess / (positives * (len(labels) - positives))
