"""Weights of frames, and features pooled by them."""

from functools import partial
from typing import Any

import keras
from keras import ops

from lus_keras.core.typing import Shape, Tensor
from lus_keras.layers.registration import register

SCORINGS = ("dot", "additive", "gated")


@register
class TemporalAttention(keras.layers.Layer):
    """Frame weights: `a = softmax(e)` over time.

    `dot` scores a frame by `e_t = h_t·w_a` (Kerdegari 2021, Eq. 1 and 2). The paper cites
    Bahdanau's attention, which is `additive`: `e_t = v·tanh(W h_t)` with a square `W`. `gated`
    multiplies the tanh by `sigmoid(U h_t)`, the pooling of multiple-instance learning (Ilse 2018,
    Eq. 9). A bias of the score would cancel in the softmax, so there is none.

    Args:
        scoring: "dot", "additive" or "gated".

    Raises:
        ValueError: `scoring` is none of these.
    """

    def __init__(self, scoring: str = "dot", **kwargs: Any):
        super().__init__(**kwargs)
        if scoring not in SCORINGS:
            raise ValueError(f"`scoring` must be one of {SCORINGS}. Received: scoring={scoring!r}.")
        self.scoring = scoring

    def build(self, input_shape: Shape) -> None:
        """Creates `w_a` or `v` of shape `(d, 1)`, and `W` and `U` of shape `(d, d)`."""
        size = input_shape[-1]
        add = partial(self.add_weight, initializer="glorot_uniform")
        self.kernel = add(shape=(size, 1), name="kernel")
        if self.scoring != "dot":
            self.projection = add(shape=(size, size), name="projection")
        if self.scoring == "gated":
            self.gate = add(shape=(size, size), name="gate")

    def call(self, inputs: Tensor) -> Tensor:
        """Scores the frames.

        Args:
            inputs: `(b, t, d)` float, one feature vector per frame.

        Returns:
            `(b, t)` float32 weights; each row sums to 1.
        """
        hidden = inputs
        if self.scoring != "dot":
            hidden = ops.tanh(ops.matmul(inputs, self.projection))
        if self.scoring == "gated":
            hidden = hidden * ops.sigmoid(ops.matmul(inputs, self.gate))
        scores = ops.squeeze(ops.matmul(hidden, self.kernel), axis=-1)
        # Softmax over 30 frames in bfloat16 would leave two digits of each weight.
        return ops.softmax(ops.cast(scores, "float32"), axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`(b, t, d)` → `(b, t)`."""
        return input_shape[:-1]

    def compute_output_spec(self, inputs: Tensor) -> Tensor:
        """float32, whatever the compute dtype."""
        return keras.KerasTensor(inputs.shape[:-1], dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Adds `scoring`."""
        return {**super().get_config(), "scoring": self.scoring}


@register
class AttentionPooling(keras.layers.Layer):
    """Pools frames by their weights: `Ā = (1/n) Σ_t a_t·h_t` (Kerdegari 2021, Sec. 2).

    Args:
        pool: "mean" divides by the number of frames as printed in the paper; "sum" does not.

    Raises:
        ValueError: `pool` is neither.
    """

    def __init__(self, pool: str = "mean", **kwargs: Any):
        super().__init__(**kwargs)
        if pool not in ("mean", "sum"):
            raise ValueError(f"`pool` must be 'mean' or 'sum'. Received: pool={pool!r}.")
        self.pool = pool

    def call(self, inputs: Tensor) -> Tensor:
        """Weights and pools the frames.

        Args:
            inputs: `[(b, t, d) frames, (b, t) weights]`.

        Returns:
            `(b, d)` pooled frames.
        """
        frames, weights = inputs
        weighted = frames * ops.cast(weights, frames.dtype)[..., None]
        return ops.mean(weighted, axis=1) if self.pool == "mean" else ops.sum(weighted, axis=1)

    def compute_output_shape(self, input_shape: tuple[Shape, Shape]) -> Shape:
        """`[(b, t, d), (b, t)]` → `(b, d)`."""
        frames, _ = input_shape
        return (frames[0], frames[2])

    def get_config(self) -> dict[str, Any]:
        """Adds `pool`."""
        return {**super().get_config(), "pool": self.pool}
