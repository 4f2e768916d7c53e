"""The exported computation: from stored gray levels of any size to probabilities.

All of it is TensorFlow's own operations, so that the graph runs without this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from lus_keras.data.cache.spec import FrameSpec
from lus_keras.data.pipeline import network_input
from lus_keras.inference.predict import Ensemble

if TYPE_CHECKING:
    import tensorflow as tf


def stored_channels(models: Ensemble) -> int:
    """Channels of a clip as it is given: 1 gray, 3 RGB."""
    return FrameSpec.of(models.clip).channels


def input_shape(models: Ensemble) -> tuple[int | None, ...]:
    """Shape `(n, t, h, w, c)` of the input, None where any size is accepted."""
    frames = None if models.clip.unit == "video" else models.clip.frames
    return (None, frames, None, None, stored_channels(models))


def output_names(models: Ensemble) -> list[str]:
    """Outputs: `probabilities`, `logits`, and `attention` where the network has it."""
    return ["probabilities", "logits", *(name for name in models.watched if name == "attention")]


def resize(frames: tf.Tensor, size: tuple[int, int], antialias: bool = False) -> tf.Tensor:
    """Resizes images as the training clips, which were resized by OpenCV or Pillow.

    By area if no side grows, otherwise linearly between centers of pixels; both are products with
    one matrix per side. The result is rounded to whole gray levels, half to even, and differs from
    theirs by at most one level.

    Args:
        frames: `(m, h, w, c)` uint8 or float32, 0 … 255.
        size: `(height, width)` of the result in pixels.
        antialias: Whether to average linearly over as many pixels as one of the result covers.

    Returns:
        `(m, height, width, c)` float32, whole numbers 0 … 255.
    """
    import tensorflow as tf

    height, width = tf.shape(frames)[1], tf.shape(frames)[2]
    grows = tf.logical_or(size[0] > height, size[1] > width)
    rows, columns = (
        _weights(taken, given, grows, antialias)
        for taken, given in ((height, size[0]), (width, size[1]))
    )
    channels = frames.shape[-1]
    flat = tf.reshape(tf.cast(frames, tf.float32), [-1, height, width * channels])
    values = tf.reshape(tf.matmul(rows, flat), [-1, size[0], width, channels])
    values = tf.matmul(tf.transpose(values, [0, 1, 3, 2]), columns, transpose_b=True)
    values = tf.transpose(values, [0, 1, 3, 2])
    return tf.clip_by_value(tf.round(values), 0.0, 255.0)


def _weights(taken: tf.Tensor, given: int, grows: tf.Tensor, antialias: bool) -> tf.Tensor:
    """Matrix `(given, taken)` of a side: rows sum to 1."""
    import tensorflow as tf

    step = tf.cast(taken, tf.float32) / given
    places = tf.range(given, dtype=tf.float32)[:, None]
    sources = tf.cast(tf.range(taken), tf.float32)[None]
    if antialias:
        far = tf.abs((places + 0.5) * step - 0.5 - sources) / tf.maximum(step, 1.0)
        weights = tf.maximum(1.0 - far, 0.0)
        return weights / tf.reduce_sum(weights, axis=1, keepdims=True)
    # By area: the share of each source pixel that lies under the output pixel.
    shared = tf.minimum((places + 1) * step, sources + 1) - tf.maximum(places * step, sources)
    area = tf.maximum(shared, 0.0) / step
    centers = (places + 0.5) * step - 0.5
    centers = tf.clip_by_value(centers, 0.0, tf.cast(taken - 1, tf.float32))
    linear = tf.maximum(1.0 - tf.abs(centers - sources), 0.0)
    return tf.where(grows, linear, area)


def prepare(clips: tf.Tensor, models: Ensemble) -> tf.Tensor:
    """Converts clips of any size to the networks' input.

    Args:
        clips: `(n, t, h, w, c)` uint8.

    Returns:
        As `network_input`. Whole videos are padded with 0 or their last frame, or truncated.
    """
    import tensorflow as tf

    clip = models.clip
    channels = stored_channels(models)
    if clip.unit == "video":
        clips = clips[:, : clip.frames]
    shape = tf.shape(clips)
    count, frames = shape[0], shape[1]
    pictures = tf.reshape(clips, [-1, shape[2], shape[3], channels])
    flat = resize(pictures, clip.picture, clip.resize == "bilinear")
    values = tf.reshape(flat, [count, frames, *clip.picture, channels])
    lacking = clip.frames - frames
    if clip.padding == "last":
        values = tf.concat([values, tf.repeat(values[:, -1:], lacking, axis=1)], axis=1)
    else:
        values = tf.pad(values, [[0, 0], [0, lacking], [0, 0], [0, 0], [0, 0]])
    values = tf.ensure_shape(values, (None, clip.frames, *clip.picture, channels))
    return network_input(values, tf.repeat(frames, count), clip)


def compute(clips: tf.Tensor, models: Ensemble) -> dict[str, tf.Tensor]:
    """`probabilities (n, classes)`, `logits` and `attention (n, t)` of uint8 clips: fold means."""
    ops = keras.ops
    values = prepare(clips, models)
    outputs = [predictor(values, training=False) for predictor in models.predictors]
    found: dict[str, Any] = {
        name: ops.mean(ops.stack([output[name] for output in outputs]), axis=0)
        for name in output_names(models)
        if name != "probabilities"
    }
    multilabel = models.description.multilabel
    chances = [
        probabilities(output["logits"] / temperature, multilabel)
        for output, temperature in zip(outputs, models.temperatures, strict=True)
    ]
    return {"probabilities": ops.mean(ops.stack(chances), axis=0), **found}


def probabilities(logits: Any, multilabel: bool) -> Any:
    """`(n, classes)` as a paper's `decoder`, by layers that a .keras file can contain.

    The check of the export would detect a difference.
    """
    if not multilabel and logits.shape[-1] > 1:
        return keras.layers.Softmax()(logits)
    positive = keras.layers.Activation("sigmoid")(logits)
    if multilabel:
        return positive
    negative = keras.layers.Rescaling(-1.0, 1.0)(positive)
    return keras.layers.Concatenate()([negative, positive])


def serving_function(models: Ensemble) -> Any:
    """`tf.function` with a signature: one input `clips`, a dictionary out."""
    import tensorflow as tf

    signature = [tf.TensorSpec(input_shape(models), tf.uint8, name="clips")]
    return tf.function(
        lambda clips: compute(clips, models), input_signature=signature, autograph=False
    )
