"""Lung-ultrasound deep learning in Keras 3: four papers, reproduced with their tables and figures.

import lus_keras
lus_keras.list_models()
model = lus_keras.build_model("c2d_lstm_a", input_shape=(30, 64, 64, 1))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lus_keras import losses, optimizers
    from lus_keras.models import build_model, list_models
    from lus_keras.models.pretrained.torch_weights import load_torch_weights, to_torch_state

__version__ = "0.2.0"
__all__ = [
    "__version__",
    "build_model",
    "list_models",
    "load_torch_weights",
    "losses",
    "optimizers",
    "to_torch_state",
]

_HOMES = {
    "build_model": "models",
    "list_models": "models",
    "load_torch_weights": "torch_weights",
    "to_torch_state": "torch_weights",
}


def __getattr__(name: str) -> Any:
    # Keras takes seconds to import; `lus-keras --help` must not pay for it.
    if name in ("losses", "optimizers"):
        return importlib.import_module(f"lus_keras.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"lus_keras.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'lus_keras' has no attribute {name!r}")
