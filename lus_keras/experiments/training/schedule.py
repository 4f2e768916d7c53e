"""The learning rate as a function of the training step, so that resumed training is identical."""

import math
from typing import Any

import keras

WARM_UP = 0.05
START = 0.1


def rate_at(step: int, total: int, peak: float) -> float:
    """Learning rate with warm-up to the peak, then cosine decay to 0 (Loshchilov & Hutter 2017).

    Args:
        step: Step of the whole training, from 0.
        total: Number of steps of the whole training.
        peak: Largest learning rate.
    """
    warm = int(WARM_UP * total)
    if step < warm:
        return peak * (START + (1 - START) * step / warm)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(total - warm, 1)))


class Cosine(keras.callbacks.Callback):
    """Sets the learning rate before every step of an epoch.

    Args:
        peak: Largest learning rate.
        epoch: Index of the epoch, from 0.
        epochs: Number of epochs.
        steps: Number of steps per epoch.
    """

    def __init__(self, peak: float, epoch: int, epochs: int, steps: int):
        super().__init__()
        self.peak, self.first, self.total = peak, epoch * steps, epochs * steps

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        self.model.optimizer.learning_rate = rate_at(self.first + batch, self.total, self.peak)
