"""How files of networks name the layers of this package."""

from typing import TypeVar

import keras

Layer = TypeVar("Layer", bound=type[keras.layers.Layer])


def register(layer: Layer) -> Layer:
    """Registers a class as `lus_keras>NAME`, of the module `lus_keras.layers` wherever it stands.

    Files of networks contain both names, which must not change with the structure of the package.
    """
    layer.__module__ = "lus_keras.layers"
    return keras.saving.register_keras_serializable("lus_keras")(layer)
