"""Layers that Keras 3 changed: folded time, fused normalization, pooling that shares ties.

The originals were written for Keras 2, whose training behavior these restore. All compute with
`keras.ops` on every backend, and normalization with TensorFlow's fused kernel where available.
"""

from typing import Any

import keras
from keras import ops

from lus_keras.core.typing import Shape, Tensor
from lus_keras.layers.registration import register


@register
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


@register
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


@register
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
