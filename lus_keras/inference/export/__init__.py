"""A trained network as one file set that needs nothing of this package to run.

    Ensemble ─▶ graph   uint8 clips of any size ─▶ resize, scale, networks, mean ─▶ named outputs
             ─▶ formats  SavedModel, ONNX, .keras
             ─▶ check    loaded again in a fresh process, compared with the networks in Keras
             ─▶ card     contract.json, model_card.md

Nothing is exported that has not passed the check.
"""

from lus_keras.inference.checks import FORMATS
from lus_keras.inference.export.write import export_models

__all__ = ["FORMATS", "export_models"]
