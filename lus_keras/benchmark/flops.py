"""Floating-point operations of a network, counted from the shapes of its layers."""

import math
from typing import Any

import keras

# Forward pass, and gradients with respect to inputs and weights, each of which costs the same.
TRAINING = 3


def count_flops(model: keras.Model) -> int:
    """Operations of a forward pass; a multiplication and an addition are two operations.

    Only convolutions, dense layers and LSTMs are counted. The contribution of normalization,
    activations and pooling is negligible.

    Args:
        model: Network with fixed sizes of all axes except the batch.

    Returns:
        Operations per clip. Training costs `TRAINING` times as many.
    """
    return sum(_of_layer(layer, *_shapes(layer)) for layer in model.layers)


def _shapes(layer: keras.Layer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Input and output shape of a layer without the batch axis."""
    if isinstance(layer, keras.layers.InputLayer):
        return (), ()
    taken, given = layer.input, layer.output
    taken = taken[0] if isinstance(taken, list | tuple) else taken
    given = given[0] if isinstance(given, list | tuple) else given
    return tuple(taken.shape[1:]), tuple(given.shape[1:])


def _of_layer(layer: Any, taken: tuple[int, ...], given: tuple[int, ...]) -> int:
    kinds = keras.layers
    if isinstance(layer, kinds.TimeDistributed):
        return taken[0] * _of_layer(layer.layer, taken[1:], given[1:])
    if isinstance(layer, kinds.Bidirectional):
        half = (*given[:-1], given[-1] // 2)
        return 2 * _of_layer(layer.forward_layer, taken, half)
    if isinstance(layer, kinds.Conv1D | kinds.Conv2D | kinds.Conv3D):
        taps = math.prod(layer.kernel_size) * taken[-1] // layer.groups
        return 2 * math.prod(given) * taps
    if isinstance(layer, kinds.Dense):
        return 2 * math.prod(given) * taken[-1]
    if isinstance(layer, kinds.RNN) and isinstance(layer.cell, kinds.LSTMCell):
        # Four gates, each from the input and the previous output.
        units = layer.cell.units
        return 2 * taken[0] * 4 * units * (taken[-1] + units)
    inner = getattr(layer, "layers", None)
    return sum(_of_layer(part, *_shapes(part)) for part in inner) if inner else 0
