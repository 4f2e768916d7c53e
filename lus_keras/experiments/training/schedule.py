"""The learning rate over a training, as a function of the step, so that a resumed one goes on."""

import math
from typing import Any

import keras

WARM_UP = 0.05
START = 0.1


def rate_at(step: int, total: int, peak: float) -> float:
    """Warm-up to the peak, then half a cosine down to 0 (Loshchilov & Hutter 2017).

    Args:
        step: Step of the whole training, from 0.
    """
    warm = int(WARM_UP * total)
    if step < warm:
        return peak * (START + (1 - START) * step / warm)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(total - warm, 1)))


class Cosine(keras.callbacks.Callback):
    """Sets the learning rate before every step of an epoch.

    Args:
        epoch: Number of the epoch, from 0.
    """

    def __init__(self, peak: float, epoch: int, epochs: int, steps: int):
        super().__init__()
        self.peak, self.first, self.total = peak, epoch * steps, epochs * steps

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Called by Keras."""
        self.model.optimizer.learning_rate = rate_at(self.first + batch, self.total, self.peak)
