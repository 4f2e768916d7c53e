"""Losses that Keras lacks.

SORD is cross-entropy with soft labels for ordered classes. Labels that may apply together are
packed into one integer per clip, see `core.multilabel`, and are separate binary problems.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from lus_keras.core.soft_labels import soft_labels
from lus_keras.core.typing import Tensor

__all__ = [
    "Coral",
    "LabelSetCrossentropy",
    "Sord",
    "label_set_accuracy",
    "label_set_cross_entropy",
    "soft_labels",
    "sord",
]


def sord(
    labels: Tensor,
    logits: Tensor,
    *,
    scale: float = 2.0,
    zero_gap: float = 0.0,
    kl: bool = False,
    class_weights: Sequence[float] | None = None,
) -> Tensor:
    """Cross-entropy of the softmax of logits with soft labels: `-Σ_i y_i·log softmax(z)_i`.

    Args:
        labels: `(b,)` or `(b, 1)` true classes 0 … K-1, any numeric dtype.
        logits: `(b, K)` float, unbounded.
        scale: See `soft_labels`.
        zero_gap: See `soft_labels`.
        kl: Whether to subtract the entropy of the soft labels: the divergence is 0 at the best
            logits, the gradient is unchanged.
        class_weights: Factor for each of the K true classes; None is 1 for all. The factors are not
            normalized: a mean over clips divides by the number of clips, not by their sum.

    Returns:
        `(b,)` float32 loss per clip; log K if all logits are equal and `kl` is off.

    Raises:
        ValueError: `class_weights` does not have K entries.

    References:
        Corso 2023, Sec. V (without a gap); soft labels as in `soft_labels`.
    """
    num_classes = logits.shape[-1]
    targets = soft_labels(num_classes, scale=scale, zero_gap=zero_gap)
    entropy = -(targets * np.log(np.maximum(targets, np.finfo(np.float64).tiny))).sum(axis=1)
    weights = np.ones(num_classes) if class_weights is None else np.asarray(class_weights, float)
    if weights.shape != (num_classes,):
        raise ValueError(
            f"`class_weights` must have one entry for each of {num_classes} classes. "
            f"Received: class_weights={class_weights}."
        )
    labels = ops.cast(ops.reshape(labels, (-1,)), "int32")

    def by_label(table: np.ndarray):
        return ops.take(ops.convert_to_tensor(table.astype(np.float32)), labels, axis=0)

    log_probabilities = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    losses = -ops.sum(by_label(targets) * log_probabilities, axis=-1)
    if kl:
        losses = losses - by_label(entropy)
    return losses if class_weights is None else losses * by_label(weights)


@keras.saving.register_keras_serializable("lus_keras")
class Sord(keras.losses.Loss):
    """`sord` as a Keras loss, the mean over a batch unless `reduction` differs."""

    def __init__(
        self,
        scale: float = 2.0,
        zero_gap: float = 0.0,
        kl: bool = False,
        class_weights: Sequence[float] | None = None,
        *,
        reduction: str = "sum_over_batch_size",
        name: str = "sord",
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.options: dict[str, Any] = {
            "scale": scale,
            "zero_gap": zero_gap,
            "kl": kl,
            "class_weights": None if class_weights is None else [float(w) for w in class_weights],
        }

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Elementwise loss `(b,)` of labels `(b,)` and logits `(b, K)`."""
        return sord(y_true, y_pred, **self.options)

    def get_config(self) -> dict[str, Any]:
        """Adds the options."""
        return {**super().get_config(), **self.options}


@keras.saving.register_keras_serializable("lus_keras")
class Coral(keras.losses.Loss):
    """Loss of ordered classes (Cao 2020): mean of K-1 binary cross-entropies of `y > k`."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Elementwise loss `(b,)` of labels `(b,)` and logits `(b, K)` of the classes."""
        chances = ops.softmax(ops.cast(y_pred, "float32"), axis=-1)
        above = 1.0 - ops.cumsum(chances, axis=-1)[:, :-1]
        labels = ops.cast(ops.reshape(y_true, (-1, 1)), "int32")
        answers = ops.cast(labels > ops.arange(y_pred.shape[-1] - 1), "float32")
        above = ops.clip(above, 1e-7, 1.0 - 1e-7)
        return ops.mean(ops.binary_crossentropy(answers, above), axis=-1)


def label_set_cross_entropy(masks: Tensor, logits: Tensor) -> Tensor:
    """Binary cross-entropy of each label's sigmoid, the mean over labels.

    Args:
        masks: `(b,)` or `(b, 1)` sets of labels from `multilabel.pack`, any numeric dtype.
        logits: `(b, K)` float, unbounded; logit k belongs to bit k.

    Returns:
        `(b,)` float32 loss per clip; log 2 if all logits are 0.
    """
    logits = ops.cast(logits, "float32")
    answers = _bits(masks, logits.shape[-1])
    return ops.mean(ops.binary_crossentropy(answers, logits, from_logits=True), axis=-1)


def label_set_accuracy(masks: Tensor, logits: Tensor) -> Tensor:
    """Share of labels that are predicted correctly; a label is predicted if its logit is above 0.

    Returns:
        `(b,)` float32 in 0 … 1.
    """
    answers = _bits(masks, logits.shape[-1])
    return ops.mean(ops.cast(ops.equal(answers > 0.5, logits > 0), "float32"), axis=-1)


def _bits(masks: Tensor, count: int):
    """`(b, count)` float32, 1 where a bit is set."""
    powers = ops.convert_to_tensor(2 ** np.arange(count, dtype=np.int32))
    whole = ops.floor_divide(ops.cast(ops.reshape(masks, (-1, 1)), "int32"), powers)
    return ops.cast(whole % 2, "float32")


@keras.saving.register_keras_serializable("lus_keras")
class LabelSetCrossentropy(keras.losses.Loss):
    """`label_set_cross_entropy` as a Keras loss."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Elementwise loss `(b,)` of sets of labels `(b,)` and logits `(b, K)`."""
        return label_set_cross_entropy(y_true, y_pred)
