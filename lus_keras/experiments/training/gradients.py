"""Norms of gradients by layer and step, for studies of failing training."""

import csv
import math
from pathlib import Path
from typing import Any

import keras
from keras import ops

from lus_keras.core.files import write_csv
from lus_keras.core.typing import Tensor

FILE = "gradients.csv"
OWN_COLUMNS = ("epoch", "batch", "loss")


def logging(optimizer: type[keras.optimizers.Optimizer]) -> type[keras.optimizers.Optimizer]:
    """Makes an optimizer class that records the norms of its gradients before clipping.

    The optimizer must be built before the first step, as `Network` does.

    Returns:
        A subclass with `layers`, the names of layers with weights in the order of the network, and
        `norms`, a variable `(layers,)` float32 with the norm over all weights of each layer.
    """

    class Logging(optimizer):  # type: ignore[misc, valid-type]
        def build(self, variables: list[keras.Variable]) -> None:
            if self.built:
                return
            super().build(variables)
            owners = [variable.path.partition("/")[0] for variable in variables]
            self.layers = list(dict.fromkeys(owners))
            self._owners = [self.layers.index(owner) for owner in owners]
            self.norms = self.add_variable((len(self.layers),), dtype="float32", name="norms")

        def apply(
            self, grads: list[Tensor], trainable_variables: list[keras.Variable] | None = None
        ) -> Any:
            self.norms.assign(_norms(grads, self._owners, len(self.layers)))
            return super().apply(grads, trainable_variables)

    Logging.__name__ = Logging.__qualname__ = f"Logging{optimizer.__name__}"
    return Logging


def _norms(gradients: Any, owners: list[int], count: int) -> Any:
    squares: list[Any] = [0.0] * count
    for owner, gradient in zip(owners, gradients, strict=True):
        if gradient is not None:
            squares[owner] += ops.sum(ops.square(ops.cast(gradient, "float32")))
    return ops.sqrt(ops.stack([ops.cast(square, "float32") for square in squares]))


class GradientLog(keras.callbacks.Callback):
    """Appends the norms of one epoch to those of the previous epochs.

    Columns are `epoch` and `batch`, from 1, `loss` (the mean over the epoch so far, as reported by
    Keras) and one per layer. The file is written after the epoch, and immediately if a number is
    not finite.

    Args:
        path: CSV file.
        epoch: Index of the epoch, from 0; later rows stem from an interrupted attempt and are
            removed.
    """

    def __init__(self, path: Path, epoch: int):
        super().__init__()
        self.path, self.number = path, epoch + 1
        self.rows = _read_before(path, self.number)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Records the norms of a step."""
        norms = ops.convert_to_numpy(self.model.optimizer.norms).tolist()
        loss = float((logs or {}).get("loss", math.nan))
        self.rows.append([self.number, batch + 1, *(f"{value:.6g}" for value in (loss, *norms))])
        if not all(map(math.isfinite, (loss, *norms))):
            self._write()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Writes the file."""
        self._write()

    def _write(self) -> None:
        write_csv(self.path, [*OWN_COLUMNS, *self.model.optimizer.layers], self.rows)


def _read_before(path: Path, epoch: int) -> list[list[Any]]:
    """Rows of the previous epochs; none in the first epoch, even if a file exists."""
    if epoch == 1 or not path.exists():
        return []
    with path.open(newline="") as stream:
        return [row for row in list(csv.reader(stream))[1:] if int(row[0]) < epoch]
