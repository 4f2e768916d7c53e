"""The NaN study (Sec. V-A): norms of gradients by layer, and whether they blow up or vanish."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Drawing
from lus_keras.papers.severity import NAN_VARIANTS, NETWORK, drawings
from lus_keras.papers.severity.rows import NAN_LABELS

OWN_COLUMNS = 3
FIRST, LAST = "backbone_conv1", "logits"


@dataclass(frozen=True)
class Findings:
    """What one training's gradients did.

    Attributes:
        epochs: Epochs that were begun.
        nan_epoch: First epoch with a number that is not finite; None if there is none.
        nan_place: Batch and layers of it, in words.
        largest: Largest finite norm of any layer at any step.
        largest_place: Layer, epoch and batch of it, in words.
        first_epoch: Median norm of the first convolution over the first epoch.
        last_epoch: The same over the last epoch.
        ratio: `last_epoch` over the median norm of the last layer.
        loss: Mean training loss of the last epoch.
    """

    epochs: int
    nan_epoch: int | None
    nan_place: str
    largest: float
    largest_place: str
    first_epoch: float
    last_epoch: float
    ratio: float
    loss: float


def study(log: pd.DataFrame) -> Findings:
    """Reads one gradients.csv.

    Args:
        log: Columns `epoch, batch, loss` and one a layer, one row a step.
    """
    layers = list(log.columns[OWN_COLUMNS:])
    norms = log[layers].to_numpy(float)
    odd = ~np.isfinite(norms) | ~np.isfinite(log["loss"].to_numpy(float))[:, None]
    row = int(odd.any(axis=1).argmax()) if odd.any() else None
    place = np.unravel_index(np.where(np.isfinite(norms), norms, -1).argmax(), norms.shape)
    medians = log.groupby("epoch")[layers].median()
    first, last = medians.iloc[0], medians.iloc[-1]
    at = log.iloc[place[0]]
    return Findings(
        epochs=int(log["epoch"].max()),
        nan_epoch=None if row is None else int(log["epoch"].iloc[row]),
        nan_place="" if row is None else _nan_place(log, layers, norms, row),
        largest=float(norms[place]),
        largest_place=f"{layers[place[1]]}, epoch {at['epoch']:.0f}, batch {at['batch']:.0f}",
        first_epoch=float(first[FIRST]),
        last_epoch=float(last[FIRST]),
        ratio=float(last[FIRST] / last[LAST]) if last[LAST] else float("nan"),
        loss=float(log["loss"].iloc[-1]),
    )


def gradient_figure(run: PaperRun) -> Drawing | None:
    """Median norm of every layer's gradient by epoch, a panel a training.

    None if nothing was logged.
    """
    logs = {
        NAN_LABELS[variant]: log
        for variant in NAN_VARIANTS
        if (log := logged(run, variant)) is not None
    }
    if not logs:
        return None
    return Drawing(
        "nan_gradients",
        "NaN study: gradients by layer",
        "Norm of each layer's gradient before clipping, median over the steps of an epoch; the "
        "band spans the smallest to the largest step of the first convolution. A red line marks "
        "the first number that is not finite.",
        drawings.gradient_panels(logs, OWN_COLUMNS, FIRST),
    )


def logged(run: PaperRun, variant: str) -> pd.DataFrame | None:
    """The log of the first fold that has one with any step in it; None if there is none."""
    logs = run.model(f"{variant}/{NETWORK}").gradients
    return next((logs[fold] for fold in sorted(logs) if len(logs[fold])), None)


def _nan_place(log: pd.DataFrame, layers: list[str], norms: np.ndarray, row: int) -> str:
    bad = [name for name, value in zip(layers, norms[row], strict=True) if not np.isfinite(value)]
    where = f"in {', '.join(bad)}" if bad else "only in the loss"
    return f"batch {int(log['batch'].iloc[row])}, {where}"
