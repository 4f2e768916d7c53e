"""The prediction graph of a network: its logits, and the layers worth showing where it has them."""

from collections.abc import Sequence

import keras

WATCHED = ("attention", "spatial_mask")


def jit_compile() -> bool | str:
    """Keras' option: on a CPU, XLA takes long to compile and has no faster convolutions."""
    return False if keras.backend.backend() == "tensorflow" else "auto"


def predictor_of(network: keras.Model, watched: Sequence[str] = WATCHED) -> keras.Model:
    """Makes the compiled graph that predicts with a network, whose weights it shares.

    Args:
        network: From clips to logits.
        watched: Layers whose outputs are given as well, where the network has them.

    Returns:
        Model from clips to a dictionary: `logits (b, k)`, `attention (b, t)`, `spatial_mask
        (b, t, h', w', 1)`.
    """
    present = {layer.name for layer in network.layers}
    outputs = {name: network.get_layer(name).output for name in watched if name in present}
    predictor = keras.Model(network.input, {"logits": network.output, **outputs})
    predictor.compile(jit_compile=jit_compile())
    return predictor
