"""Stops a training whose loss is not finite."""

from __future__ import annotations

import json
import math
import time
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from lus_keras.core.errors import DivergedError
from lus_keras.core.files import write_file

if TYPE_CHECKING:
    from lus_keras.experiments.training.fold import FoldJob


class FiniteGuard(keras.callbacks.Callback):
    """Stops at the first batch whose loss is not finite and records which it was.

    Attributes:
        seconds: Duration of each step in seconds.

    Raises:
        DivergedError: Once such a batch is done; DIVERGED.json in the folder of the fold states it.
    """

    def __init__(self, job: FoldJob, epoch: int):
        super().__init__()
        self.job, self.number = job, epoch + 1
        self.began = 0.0
        self.seconds: list[float] = []

    @property
    def milliseconds(self) -> float:
        """Median time per step in ms without the first, which may build the graph; else NaN."""
        return round(1000 * float(np.median(self.seconds[1:])), 3) if self.seconds[1:] else math.nan

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Begins to time a step."""
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Ends to time a step and checks its loss."""
        loss = float((logs or {}).get("loss", 0.0))
        self.seconds.append(time.perf_counter() - self.began)
        if math.isfinite(loss):
            return
        message = (
            f"{self.job.name}: the loss became {loss} in epoch {self.number}, batch {batch + 1}. "
            "Lower fit.learning_rate, or check the data."
        )
        record = {"epoch": self.number, "batch": batch + 1, "message": message}
        write_file(self.job.folder / "DIVERGED.json", json.dumps(record) + "\n")
        raise DivergedError(message)
