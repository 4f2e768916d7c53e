"""Batches of clips for training and prediction; the order is a pure function of seed and epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from lus_keras.source import ClipSource

if TYPE_CHECKING:
    import tensorflow as tf

SCALINGS = ("unit", "minmax")


def epoch_order(count: int, *, seed: int, epoch: int) -> np.ndarray:
    """Order of the training clips in an epoch, the same for equal arguments.

    Args:
        count: Number of clips.
        seed: Seed of the training, not negative.
        epoch: Number of the epoch, from 0.

    Returns:
        `(count,)` int64, a permutation.
    """
    return np.random.default_rng([seed, epoch]).permutation(count)


def scale(clips: Any, scaling: str) -> Any:
    """Grey levels to the networks' input range.

    Args:
        clips: `(…, h, w, c)` uint8 tensor or array.
        scaling: "unit" divides by 255; "minmax" maps each frame's own range to 0 … 1 (a constant
            frame to 0).

    Returns:
        Float32 in 0 … 1.

    Raises:
        ValueError: `scaling` is neither.
    """
    if scaling not in SCALINGS:
        raise ValueError(f"`scaling` must be one of {SCALINGS}. Received: {scaling!r}.")
    ops = keras.ops
    values = ops.cast(clips, "float32")
    if scaling == "unit":
        return values / 255.0
    lowest = ops.min(values, axis=(-3, -2, -1), keepdims=True)
    highest = ops.max(values, axis=(-3, -2, -1), keepdims=True)
    return (values - lowest) / ops.maximum(highest - lowest, 1.0)


class ClipBatches(keras.utils.PyDataset):
    """Batches of `(clips, labels)` in a given order, for backends without `tf.data`.

    Args:
        source: Where clips are read from.
        rows: `(n,)` rows of the index, in the order wanted.
        mirrored: `(n,)` bool, which to flip.
        batch_size: Clips a batch; the last may be smaller.
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
        clips = self.source.read(self.rows[part], self.mirrored[part])
        scaled = keras.ops.convert_to_numpy(scale(clips, self.source.scaling))
        return scaled, self.source.index.label[self.rows[part]]


def make_batches(
    source: ClipSource, rows: np.ndarray, mirrored: np.ndarray, batch_size: int
) -> tf.data.Dataset | ClipBatches:
    """Makes the batches of one epoch: `tf.data` on TensorFlow, a `PyDataset` elsewhere.

    Args:
        source: Where clips are read from.
        rows: `(n,)` rows of the index, in the order wanted.
        mirrored: `(n,)` bool, which to flip.
        batch_size: Clips a batch; the last may be smaller.

    Returns:
        Iterable of `(clips (b, t, h, w, c) float32 in 0 … 1, labels (b,) int64)`.
    """
    if keras.backend.backend() == "tensorflow":
        return make_dataset(source, rows, mirrored, batch_size)
    return ClipBatches(source, rows, mirrored, batch_size)


def make_dataset(
    source: ClipSource, rows: np.ndarray, mirrored: np.ndarray, batch_size: int
) -> tf.data.Dataset:
    """Makes the batches of one epoch with `tf.data`: read a batch, scale it, keep two ready.

    Args:
        source: As in `make_batches`; so are the others.
        rows: `(n,)` rows of the index.
        mirrored: `(n,)` bool.
        batch_size: Clips a batch.

    Returns:
        As `make_batches`.
    """
    import tensorflow as tf

    shape = (None, source.index.frames, *source.store.shape[1:])

    def read(rows, mirrored):
        clips = tf.numpy_function(source.read, [rows, mirrored], tf.uint8, stateful=False)
        return tf.ensure_shape(clips, shape)

    dataset = tf.data.Dataset.from_tensor_slices(
        (np.asarray(rows, np.int64), np.asarray(mirrored, bool), source.index.label[rows])
    )
    dataset = dataset.batch(batch_size)
    dataset = dataset.map(
        lambda rows, mirrored, labels: (scale(read(rows, mirrored), source.scaling), labels),
        num_parallel_calls=2,
        deterministic=True,
    )
    options = tf.data.Options()
    # There is nothing to tune, and the tuner's thread delays every epoch's end by up to seconds.
    options.autotune.enabled = False
    return dataset.prefetch(2).with_options(options)
