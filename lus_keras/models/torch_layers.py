"""What networks that come from PyTorch need: its initial values, its LSTM, masks of padding."""

from typing import Any

import keras
from keras import ops

from lus_keras.core.typing import Tensor

_register = keras.saving.register_keras_serializable("lus_keras")


def kernel_uniform() -> keras.initializers.Initializer:
    """Initial kernels of PyTorch's convolutions and linear layers: U(-1/√fan_in, 1/√fan_in)."""
    return keras.initializers.VarianceScaling(1 / 3, mode="fan_in", distribution="uniform")


def uniform(fan_in: int) -> keras.initializers.Initializer:
    """U(-1/√fan_in, 1/√fan_in), whatever the shape: biases, and all weights of an LSTM.

    Args:
        fan_in: Inputs of one output of the layer; the number of units for an LSTM.
    """
    limit = fan_in**-0.5
    return keras.initializers.RandomUniform(-limit, limit)


@_register
class SummedUniform(keras.initializers.Initializer):
    """Sum of two draws of `uniform(fan_in)`: the two biases of PyTorch's LSTM in one.

    Args:
        fan_in: Number of units of the LSTM.
    """

    def __init__(self, fan_in: int):
        self.fan_in = fan_in
        self._draws = (uniform(fan_in), uniform(fan_in))

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None, **kwargs: Any) -> Tensor:
        """Draws `shape` values."""
        first, second = (draw(shape, dtype) for draw in self._draws)
        return first + second

    def get_config(self) -> dict[str, Any]:
        """Returns `fan_in`."""
        return {"fan_in": self.fan_in}


@_register
class TorchLSTMCell(keras.layers.LSTMCell):
    """LSTM cell that trains as PyTorch's, which adds two biases where Keras has one.

    Both get the same gradient, so their sum, which is all that counts, moves twice as far in a step
    as one bias would. Here the bias is the sum, and its gradient is doubled. The order of gates
    (input, forget, cell, output) is the same in both libraries. Dropout is not supported.
    """

    def call(self, inputs: Tensor, states: Tensor, training: bool | None = False) -> Tensor:
        """One step: inputs `(b, d)` and states `[(b, units), (b, units)]`."""
        hidden, carry = states
        bias = ops.cast(2 * self.bias - ops.stop_gradient(self.bias), self.compute_dtype)
        gates = ops.matmul(inputs, self.kernel) + ops.matmul(hidden, self.recurrent_kernel) + bias
        keep_in, keep, new, keep_out = ops.split(gates, 4, axis=1)
        carry = ops.sigmoid(keep) * carry + ops.sigmoid(keep_in) * ops.tanh(new)
        hidden = ops.sigmoid(keep_out) * ops.tanh(carry)
        return hidden, [hidden, carry]


@_register
class FrameMask(keras.layers.Layer):
    """Mask of real frames: a frame of zeros in every pixel and channel is padding."""

    def call(self, inputs: Tensor) -> Tensor:
        """`(b, t, h, w, c)` frames → `(b, t)` bool, false for padding."""
        return ops.any(ops.not_equal(inputs, 0), axis=(2, 3, 4))

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """`(b, t, h, w, c)` → `(b, t)` bool."""
        return keras.KerasTensor(inputs.shape[:2], dtype="bool")


@_register
class ZeroMasked(keras.layers.Layer):
    """Sets masked frames to zero; the following layers get no mask."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        """Multiplies frames `(b, t, d)` by their mask `(b, t)`."""
        return inputs if mask is None else inputs * ops.cast(mask, inputs.dtype)[..., None]

    def compute_mask(self, inputs: Tensor, previous_mask: Tensor = None) -> Tensor | None:
        """Passes no mask on."""
