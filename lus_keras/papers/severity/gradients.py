"""The NaN study (Sec. V-A): norms of gradients by layer, and whether they blow up or vanish."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lus_keras.evaluation.report.cells import Cell, Drawing, Table, finite, join_notes
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.severity import NAN_ARMS, NETWORK, drawings
from lus_keras.papers.severity.rows import NAN_LABELS, weights_note

OWN_COLUMNS = 3
FIRST, LAST = "backbone_conv1", "logits"
METRICS = {
    "epochs": "Epochs run",
    "nan_epoch": "First epoch with NaN",
    "largest": "Largest norm, log10",
    "first_epoch": "First convolution, first epoch, log10",
    "last_epoch": "First convolution, last epoch, log10",
    "ratio": "First convolution to last layer, last epoch, log10",
    "loss": "Training loss, last epoch",
}


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

    Returns:
        What happened.
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


def nan_study(run: PaperRun) -> Table:
    """Where gradients blow up or vanish, for what the paper tried and for three cures.

    Args:
        run: The paper's run.

    Returns:
        The table; norms as logarithms to base 10. A training that diverged is a result here.
    """
    return Table(
        id="nan_study",
        title="NaN study (Sec. V-A): norms of gradients by layer",
        cells=[cell for arm in NAN_ARMS for cell in _row(run, arm)],
        row_labels={arm: NAN_LABELS[arm] for arm in NAN_ARMS},
        metric_labels=METRICS,
        headline=["epochs", "nan_epoch", "largest", "first_epoch", "last_epoch", "loss"],
        decimals=2,
        published_decimals=0,
        notes=(
            "A dash under NaN: every number was finite. The paper found NaN after epoch 35 on "
            "Apple's MPS, and with LeakyReLU, the last frame as padding and other first weights "
            "too; its hooks saw them start near the attention.",
            "Norms are of a layer's gradient before clipping, kernel and bias together, at every "
            "step; medians over the steps of an epoch.",
            weights_note(run),
        ),
    )


def gradient_figure(run: PaperRun) -> Drawing | None:
    """Median norm of every layer's gradient by epoch, a panel a training.

    Args:
        run: The paper's run.

    Returns:
        The figure; None if nothing was logged.
    """
    logs = {NAN_LABELS[arm]: log for arm in NAN_ARMS if (log := _log(run, arm)) is not None}
    if not logs:
        return None
    return Drawing(
        "nan_gradients",
        "NaN study: gradients by layer",
        "Median over the steps of an epoch of the norm of each layer's gradient, before clipping; "
        "the band reaches from the smallest to the largest step of the first convolution. A red "
        "line marks the first number that is not finite.",
        drawings.gradient_panels(logs, OWN_COLUMNS, FIRST),
    )


def _log(run: PaperRun, arm: str) -> pd.DataFrame | None:
    """The log of the first fold that has one with any step in it."""
    logs = run.model(f"{arm}/{NETWORK}").gradients
    return next((logs[fold] for fold in sorted(logs) if len(logs[fold])), None)


def _row(run: PaperRun, arm: str) -> list[Cell]:
    log, status = _log(run, arm), run.status(f"{arm}/{NETWORK}")
    published = {m: run.published_value("nan_study", arm, m) for m in METRICS}
    if log is None:
        note = status or "no gradients were logged"
        return [Cell(run.paper, "nan_study", arm, m, published[m], note=note) for m in METRICS]
    found = study(log)
    finite_note = f"no NaN in {found.epochs} epochs"
    values = {
        "epochs": (float(found.epochs), ""),
        "nan_epoch": (found.nan_epoch, found.nan_place or finite_note),
        "largest": (_log10(found.largest), found.largest_place),
        "first_epoch": (_log10(found.first_epoch), ""),
        "last_epoch": (_log10(found.last_epoch), ""),
        "ratio": (_log10(found.ratio), "below 0: the gradient shrinks on its way back"),
        "loss": (found.loss, ""),
    }
    return [
        Cell(run.paper, "nan_study", arm, metric, published[metric], finite(value), n_folds=1,
             note=join_notes(note, status))
        for metric, (value, note) in values.items()
    ]  # fmt: skip


def _nan_place(log: pd.DataFrame, layers: list[str], norms: np.ndarray, row: int) -> str:
    bad = [name for name, value in zip(layers, norms[row], strict=True) if not np.isfinite(value)]
    where = f"in {', '.join(bad)}" if bad else "in the loss alone"
    return f"batch {int(log['batch'].iloc[row])}, {where}"


def _log10(value: float) -> float:
    """NaN for 0, whose logarithm is not finite."""
    return float(np.log10(value)) if value > 0 else float("nan")
