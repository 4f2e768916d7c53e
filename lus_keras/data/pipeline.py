"""Batches of clips for training and prediction; the order is a pure function of seed and epoch."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from lus_keras.core.config import SCALINGS, ClipConfig
from lus_keras.core.typing import Tensor
from lus_keras.data.clip_source import ClipSource

if TYPE_CHECKING:
    import tensorflow as tf

# Of "clip" and "depth": gray levels added to a spread, so that black parts stay quiet; of "depth",
# spreads that count.
LEAST_SPREAD, MOST_SPREADS = 2.0, 3.0
# Standard deviation of the weights of neighboring rows, as a share of all rows.
SMOOTHING = 0.04
# Mean and standard deviation of ImageNet's red, green and blue in 0 … 1, as torchvision has them.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_SD = (0.229, 0.224, 0.225)


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """Order `(count,)` of the training clips in an epoch, the same for equal arguments."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def scale(clips: Any, scaling: str) -> Any:
    """Gray levels to the networks' input range.

    Args:
        clips: `(…, h, w, c)` uint8 tensor or array.
        scaling: "unit" divides by 255; "minmax" maps each frame's own range to 0 … 1 (a constant
            frame to 0); "imagenet" divides by 255, subtracts ImageNet's mean color and divides by
            its standard deviation; "clip" measures a clip `(t, h, w, c)` in standard deviations
            from its mean, so that gain and dynamic range drop out; "depth" measures each row of a
            clip in standard deviations from that row's mean over the clip, both smoothed over
            neighboring rows, so that attenuation drops out too.

    Returns:
        Float32 in 0 … 1, of "imagenet" about -2.1 … 2.6, of "clip" with mean 0 and a standard
        deviation just below 1, of "depth" -1 … 1.

    Raises:
        ValueError: `scaling` is none of these.
    """
    if scaling not in SCALINGS:
        raise ValueError(f"`scaling` must be one of {tuple(SCALINGS)}. Received: {scaling!r}.")
    ops = keras.ops
    values = ops.cast(clips, "float32")
    if scaling == "unit":
        return values / 255.0
    if scaling == "imagenet":
        return (values / 255.0 - IMAGENET_MEAN) / IMAGENET_SD
    if scaling == "clip":
        axes = (-4, -3, -2, -1)
        mean = ops.mean(values, axes, keepdims=True)
        return (values - mean) / (ops.std(values, axes, keepdims=True) + LEAST_SPREAD)
    if scaling == "depth":
        over = (-4, -2, -1)
        # Of neighboring rows together, or a bright row would take itself for the rule.
        near = _neighbors(values.shape[-3])
        mean = ops.einsum("ij,...tjwc->...tiwc", near, ops.mean(values, over, keepdims=True))
        square = ops.einsum("ij,...tjwc->...tiwc", near, ops.mean(values**2, over, keepdims=True))
        spread = ops.sqrt(ops.maximum(square - mean**2, 0.0)) + LEAST_SPREAD
        return ops.clip((values - mean) / spread, -MOST_SPREADS, MOST_SPREADS) / MOST_SPREADS
    lowest = ops.min(values, axis=(-3, -2, -1), keepdims=True)
    highest = ops.max(values, axis=(-3, -2, -1), keepdims=True)
    return (values - lowest) / ops.maximum(highest - lowest, 1.0)


@functools.lru_cache(maxsize=8)
def _neighbors(rows: int) -> np.ndarray:
    """Weights `(rows, rows)` of a Gaussian over rows, each line with sum 1."""
    distance = np.arange(rows)[:, None] - np.arange(rows)[None]
    weights = np.exp(-0.5 * (distance / (SMOOTHING * rows)) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def network_input(clips: Any, length: Any, clip: ClipConfig) -> Any:
    """Converts stored clips to a network's input.

    Args:
        clips: `(b, t, h, w, c)` uint8 tensor or array.
        length: `(b,)` number of frames of each clip without padding.
        clip: How to scale; gray is repeated as three equal channels if the network takes three.

    Returns:
        `(b, t, h, w, c)` float32, or `(b, h, w, c)` for single frames. Padding with zeros is 0
        after scaling.
    """
    ops = keras.ops
    if clips.shape[-1] != clip.channels:
        clips = ops.repeat(clips, clip.channels, axis=-1)
    values = scale(clips, clip.scaling)
    if clip.unit == "frame":
        return values[:, 0]
    if clip.pads and clip.padding == "zero":
        exists = ops.arange(clip.frames)[None] < ops.cast(length, "int32")[:, None]
        values = values * ops.cast(exists, "float32")[..., None, None, None]
    return values


class ClipBatches(keras.utils.PyDataset):
    """Batches of `(clips, labels)` in a given order, for backends without `tf.data`.

    Args:
        rows: `(n,)` rows of the index, in the order of the batches.
        mirrored: `(n,)` bool, clips to be mirrored.
        batch_size: Clips per batch; the last batch may be smaller.
    """

    def __init__(self, source: ClipSource, rows: ArrayLike, mirrored: ArrayLike, batch_size: int):
        super().__init__()
        self.source, self.rows, self.mirrored = source, np.asarray(rows), np.asarray(mirrored)
        self.size = batch_size

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        # Without it, Python's plain iteration would never end.
        if not 0 <= batch < len(self):
            raise IndexError(f"`batch` must be 0 … {len(self) - 1}. Received: batch={batch}.")
        part = slice(batch * self.size, (batch + 1) * self.size)
        rows, index = self.rows[part], self.source.index
        clips = self.source.read(rows, self.mirrored[part])
        inputs = network_input(clips, index.length[rows], self.source.clip)
        return keras.ops.convert_to_numpy(inputs), index.label[rows]


def make_batches(
    source: ClipSource, rows: np.ndarray, mirrored: np.ndarray, batch_size: int
) -> tf.data.Dataset | ClipBatches:
    """Makes the batches of one epoch: `tf.data` on TensorFlow, a `PyDataset` elsewhere.

    They contain clips as `network_input` and labels `(b,)`; the last one may be smaller.
    """
    if keras.backend.backend() == "tensorflow":
        return make_dataset(source, rows, mirrored, batch_size)
    return ClipBatches(source, rows, mirrored, batch_size)


def make_dataset(
    source: ClipSource, rows: np.ndarray, mirrored: np.ndarray, batch_size: int
) -> tf.data.Dataset:
    """Makes the batches of one epoch with `tf.data`: read a batch, scale it, prefetch two.

    Args:
        source: As in `make_batches`, like the other arguments.
        rows: `(n,)` rows of the index.
        mirrored: `(n,)` bool, clips to be mirrored.
    """
    import tensorflow as tf

    index = source.index

    def load(rows: Tensor, mirrored: Tensor, length: Tensor, labels: Tensor) -> tuple[Any, Tensor]:
        clips = tf.numpy_function(source.read, [rows, mirrored], tf.uint8, stateful=False)
        clips = tf.ensure_shape(clips, (None, *source.shape))
        return network_input(clips, length, source.clip), labels

    columns = (np.asarray(rows, np.int64), np.asarray(mirrored, bool))
    dataset = tf.data.Dataset.from_tensor_slices((*columns, index.length[rows], index.label[rows]))
    dataset = dataset.batch(batch_size)
    dataset = dataset.map(load, num_parallel_calls=2, deterministic=True)
    options = tf.data.Options()
    # There is nothing to tune, and the tuner's thread delays every epoch's end by up to seconds.
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)
