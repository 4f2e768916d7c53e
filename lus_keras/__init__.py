"""Lung-ultrasound deep learning in Keras 3: four papers, reproduced with their tables and figures.

import lus_keras
lus_keras.list_models()
model = lus_keras.build_model("c2d_lstm_a", input_shape=(30, 64, 64, 1))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lus_keras.models import build_model, list_models

__version__ = "0.1.0"
__all__ = ["__version__", "build_model", "list_models"]


def __getattr__(name: str) -> Any:
    # Keras takes seconds to import; `lus-keras --help` must not pay for it.
    if name in ("build_model", "list_models"):
        from lus_keras import models

        return getattr(models, name)
    raise AttributeError(f"module 'lus_keras' has no attribute {name!r}")
