"""Layers that Keras 3 lacks or changed: folded time, fused normalization, temporal attention.

The originals were written for Keras 2. `TimeDistributed` and `BatchNormalization` restore its
training behavior; both compute with `keras.ops` on every backend, and with TensorFlow's fused
kernel where available.
"""

import math
from functools import partial
from typing import Any

import keras
from keras import ops

from lus_keras.core.typing import Shape, Tensor

_register = keras.saving.register_keras_serializable("lus_keras")

SCORINGS = ("dot", "additive", "gated")


@_register
class TimeDistributed(keras.layers.TimeDistributed):
    """Applies a layer to every time step by folding time into the batch, as Keras 2 did.

    Keras 3 calls the wrapped layer once per time step, so a normalization inside is given one step
    at a time and updates its moving averages `t` times. Folded, it is given `b·t` frames as one
    batch and updates once. The results at inference are the same; the graph is `t` times smaller.

        (b, t, …) → (b·t, …) → layer → (b·t, …) → (b, t, …)

    Args:
        layer: The layer to apply; takes and returns a batch of frames.
    """

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Folds, calls the layer, unfolds.

        Args:
            inputs: `(b, t, …)`, any dtype the layer takes.
            training: Passed on to the layer if it takes it.
            mask: `(b, t)` bool, passed on folded if the layer takes it.

        Returns:
            `(b, t, …)`, the layer's outputs.
        """
        kwargs: dict[str, Any] = {}
        if self.layer._call_has_training_arg:
            kwargs["training"] = training
        if self.layer._call_has_mask_arg and mask is not None:
            kwargs["mask"] = ops.reshape(mask, (-1, *mask.shape[2:]))
        outputs = self.layer(ops.reshape(inputs, (-1, *inputs.shape[2:])), **kwargs)
        steps = inputs.shape[1] if inputs.shape[1] is not None else ops.shape(inputs)[1]
        return ops.reshape(outputs, (-1, steps, *outputs.shape[1:]))


@_register
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization with the results and the speed of Keras 2's fused kernel.

    For inputs of rank 4 and 5 Keras 2 used TensorFlow's fused kernel, whose moving variance
    follows the unbiased batch variance `n/(n-1)·var`; Keras 3 uses the biased one and computes the
    moments op by op. Other ranks, masks and renormalization behave as in Keras 3, which is what
    Keras 2 did for them.
    """

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        """Normalizes over all axes but the last.

        Args:
            inputs: `(b, …, c)` float.
            training: Whether batch statistics are used and moving averages updated.
            mask: `(b, …)` bool or None.

        Returns:
            Same shape; the layer's compute dtype.
        """
        if not self._is_fusable(inputs, mask):
            return super().call(inputs, training=training, mask=mask)
        batch_statistics = bool(training) and self.trainable
        if keras.backend.backend() == "tensorflow":
            return self._call_fused(inputs, batch_statistics)
        if batch_statistics:
            return self._call_unfused(inputs)
        return super().call(inputs, training=False)

    def _is_fusable(self, inputs: Tensor, mask: Tensor | None) -> bool:
        rank = len(inputs.shape)
        last = self.axis in (-1, rank - 1)
        plain = mask is None and not self.renorm and not self.synchronized
        return rank in (4, 5) and last and plain and self.scale and self.center

    def _update_moving(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        for average, value in ((self.moving_mean, mean), (self.moving_variance, unbiased_variance)):
            average.assign(average * self.momentum + value * (1.0 - self.momentum))

    def _call_fused(self, inputs: Tensor, batch_statistics: bool):
        import tensorflow as tf

        clips = tf.cast(inputs, self.compute_dtype)
        # Statistics are those of the channels: time can be folded into the batch, and should be, as
        # oneDNN's kernel, three times as fast as the other, takes frames alone.
        frames = tf.reshape(clips, tf.concat([[-1], tf.shape(clips)[-3:]], 0))
        frames = tf.ensure_shape(frames, (None, *clips.shape[-3:]))
        # Empty statistics mean "use the batch's own" to the kernel in training.
        moving = (None, None) if batch_statistics else (self.moving_mean, self.moving_variance)
        mean, variance = (None if v is None else tf.convert_to_tensor(v) for v in moving)
        outputs, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(
            frames,
            tf.convert_to_tensor(self.gamma),
            tf.convert_to_tensor(self.beta),
            mean=mean,
            variance=variance,
            epsilon=self.epsilon,
            is_training=batch_statistics,
            data_format="NHWC",
        )
        if batch_statistics:
            self._update_moving(batch_mean, batch_variance)
        outputs = tf.reshape(outputs, tf.shape(clips))
        return tf.ensure_shape(outputs, clips.shape)

    def _call_unfused(self, inputs: Tensor):
        values = ops.cast(inputs, "float32")
        mean, variance = ops.moments(values, axes=tuple(range(len(inputs.shape) - 1)))
        count = ops.cast(ops.size(values) / ops.size(mean), "float32")
        self._update_moving(mean, variance * count / (count - 1.0))
        outputs = ops.batch_normalization(
            values,
            mean,
            variance,
            axis=-1,
            offset=self.beta,
            scale=self.gamma,
            epsilon=self.epsilon,
        )
        return ops.cast(outputs, self.compute_dtype)


@_register
class FrameMaxPooling(keras.layers.Layer):
    """2×2 max pooling of every frame with the gradient of TensorFlow's own 3D kernel.

    A ReLU makes ties: windows of equal values. Keras 2 on TensorFlow's CPU kernel for 3D pooling
    sent the gradient to all of them, while oneDNN and XLA send it to the first. The reference
    values of the C3D network were computed the former way, so it is written out here, the same on
    every backend.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Pools height and width by 2.

        Args:
            inputs: `(b, t, h, w, c)` float.

        Returns:
            `(b, t, h // 2, w // 2, c)`, remainders dropped.
        """
        height, width = (2 * (size // 2) for size in inputs.shape[2:4])
        return _max_pool_frames(inputs[:, :, :height, :width])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Halves height and width."""
        b, t, *sizes, c = input_shape
        return (b, t, *(size and size // 2 for size in sizes), c)


@ops.custom_gradient
def _max_pool_frames(frames: Tensor):
    b, t, h, w, c = ops.shape(frames)
    # Rows, then columns: slices of whole rows are several times faster than strided corners.
    pairs = ops.reshape(frames, (b, t, h // 2, 2, w // 2, 2, c))
    top, bottom = pairs[:, :, :, 0], pairs[:, :, :, 1]
    rows = ops.maximum(top, bottom)
    left, right = rows[..., 0, :], rows[..., 1, :]
    pooled = ops.maximum(left, right)

    def to_ties(upstream: Tensor, values: Tensor, maximum: Tensor):
        return ops.where(values == maximum, upstream, ops.zeros_like(upstream))

    def grad(*args: Any, upstream: Tensor | None = None):
        upstream = args[0] if upstream is None else upstream
        columns = [to_ties(upstream, side, pooled) for side in (left, right)]
        upstream_rows = ops.stack(columns, axis=4)
        both = [to_ties(upstream_rows, side, rows) for side in (top, bottom)]
        return ops.reshape(ops.stack(both, axis=3), ops.shape(frames))

    return pooled, grad


@_register
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


@_register
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


# Distance of CORAL's first thresholds, and what softplus makes it of.
SPREAD = 2.5
_INVERSE = math.log(math.expm1(SPREAD))


@_register
class CoralLogits(keras.layers.Layer):
    """Logits of ordered classes from one score: `P(y > k) = sigmoid(score - threshold_k)`.

    CORAL (Cao 2020). The thresholds are ordered by construction, so that the probabilities of the
    classes, whose logarithms are the logits, are never below 0.

    Args:
        classes: Number of classes.
    """

    def __init__(self, classes: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape: Shape) -> None:
        """Creates the first threshold and the steps to the others, evenly spread around 0.

        So far apart, each class is the most probable one at some score. Of four classes whose
        thresholds are less than log 3 apart, those in the middle never are.
        """
        start = [SPREAD * (1.0 - self.classes / 2), *[_INVERSE] * (self.classes - 2)]
        self.steps = self.add_weight(
            shape=(self.classes - 1,), initializer=lambda *_, **__: ops.array(start), name="steps"
        )

    def call(self, inputs: Tensor) -> Tensor:
        """`(b, 1)` scores → `(b, classes)` logarithms of probabilities."""
        steps = ops.concatenate([self.steps[:1], ops.softplus(self.steps[1:])])
        above = ops.sigmoid(ops.cast(inputs, "float32") - ops.cumsum(steps))
        chances = -ops.diff(ops.pad(above, ((0, 0), (1, 1)), constant_values=0), axis=-1)
        first = 1.0 - above[:, :1]
        return ops.log(ops.concatenate([first, chances[:, 1:]], axis=-1) + 1e-7)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`(b, 1)` → `(b, classes)`."""
        return (input_shape[0], self.classes)

    def get_config(self) -> dict[str, Any]:
        """Adds `classes`."""
        return {**super().get_config(), "classes": self.classes}


@_register
class FramesAsChannels(keras.layers.Layer):
    """Turns t gray frames into one image of t channels: the first channel of each frame."""

    def call(self, inputs: Tensor) -> Tensor:
        """`(b, t, h, w, c)` → `(b, h, w, t)`."""
        return ops.moveaxis(inputs[..., 0], 1, -1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`(b, t, h, w, c)` → `(b, h, w, t)`."""
        return (input_shape[0], *input_shape[2:4], input_shape[1])
