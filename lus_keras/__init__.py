"""Lung-ultrasound deep learning in Keras 3: four papers, reproduced with their tables and figures.

import lus_keras
lus_keras.list_models()
model = lus_keras.build_model("c2d_lstm_a", input_shape=(30, 64, 64, 1))
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lus_keras import losses, optimizers
    from lus_keras.experiments.evaluate import evaluate
    from lus_keras.inference.pretrained import list_pretrained, load_pretrained
    from lus_keras.models import build_model, list_models
    from lus_keras.models.pretrained.torch_weights import load_torch_weights, to_torch_state

__version__ = "0.2.0"
__all__ = [
    "__version__",
    "build_model",
    "evaluate",
    "list_models",
    "list_pretrained",
    "load_pretrained",
    "load_torch_weights",
    "losses",
    "optimizers",
    "to_torch_state",
]

_HOMES = {
    "build_model": "models",
    "evaluate": "experiments.evaluate",
    "list_models": "models",
    "list_pretrained": "inference.pretrained",
    "load_pretrained": "inference.pretrained",
    "load_torch_weights": "models.pretrained.torch_weights",
    "to_torch_state": "models.pretrained.torch_weights",
}


def __getattr__(name: str) -> Any:
    if name not in ("losses", "optimizers", *_HOMES):
        raise AttributeError(f"module 'lus_keras' has no attribute {name!r}")
    from lus_keras.core.environment import prefer_onednn

    # Before TensorFlow is imported, which is only now: it takes seconds, and `lus-keras --help`
    # must not pay for it.
    prefer_onednn()
    if name in ("losses", "optimizers"):
        return importlib.import_module(f"lus_keras.{name}")
    return getattr(importlib.import_module(f"lus_keras.{_HOMES[name]}"), name)
