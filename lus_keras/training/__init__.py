"""Training: one fold is one job; a network is built once and reset for each fold.

    FoldJob ─▶ train_fold(network, source, job) ─▶ predictions.csv, attention.npz, history.csv,
model.weights.h5, model.json, DONE
"""

from lus_keras.training.fold import FoldJob, is_done, train_fold
from lus_keras.training.network import Network, resolve_precision

__all__ = ["FoldJob", "Network", "is_done", "resolve_precision", "train_fold"]
