"""Clips as single images."""

import keras
from keras import ops

from lus_keras.core.typing import Shape, Tensor
from lus_keras.layers.registration import register


@register
class FramesAsChannels(keras.layers.Layer):
    """Turns t gray frames into one image of t channels: the first channel of each frame."""

    def call(self, inputs: Tensor) -> Tensor:
        """`(b, t, h, w, c)` → `(b, h, w, t)`."""
        return ops.moveaxis(inputs[..., 0], 1, -1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`(b, t, h, w, c)` → `(b, h, w, t)`."""
        return (input_shape[0], *input_shape[2:4], input_shape[1])
