"""A run directory read back: what was asked, and what every finished fold predicted.

    <run>/run.json
    <run>/<paper>/<dataset>/<model>/fold_<k>/{predictions.csv, history.csv, attention.npz,
                                              examples.npz, masks.npz, gradients.csv,
                                              DONE | DIVERGED.json}

Only folds with a `DONE` count; the others are reported as missing or diverged, never guessed.
"""

from lus_keras.evaluation.run_record.read import read_model, read_paper, read_predictions, read_run
from lus_keras.evaluation.run_record.run import Attention, Example, MaskedFrame, ModelRun, PaperRun

__all__ = [
    "Attention",
    "Example",
    "MaskedFrame",
    "ModelRun",
    "PaperRun",
    "read_model",
    "read_paper",
    "read_predictions",
    "read_run",
]
