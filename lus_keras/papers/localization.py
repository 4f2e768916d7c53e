"""Comparison of saliency maps with the finding, on simulated videos, whose findings are known.

Not in the papers. The labeled class is explained. A map is evaluated by the pointing game (Zhang et
al. 2018: is its maximum on the finding?) and by its energy (Wang et al. 2020: the share of its sum
on the finding). For comparison there are a center map, a uniform map, and the maps of the same
network with random weights (Adebayo et al. 2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from lus_keras.data.clip_source import ClipSource
from lus_keras.evaluation.metrics import share_in
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.engine import table
from lus_keras.evaluation.tables.layout import (
    Column,
    Layout,
    Measure,
    Number,
    Row,
    columns_of,
    mean_measure,
)

if TYPE_CHECKING:
    import keras

    from lus_keras.core.config import PaperConfig

TARGET, FILE = "localization", "localization.npz"
CLIPS, SAMPLES = 16, 10
# Standard deviation of the map about the center, as a share of each side.
CENTER_SD = 0.25
METHODS = {
    "vanilla": "Vanilla saliency",
    "smooth": "SmoothGrad",
    "grad-cam": "Grad-CAM",
    "integrated": "Integrated gradients",
    "attention": "Spatial attention",
    "center": "Center map (ignores the input)",
    "even": "Uniform map (ignores the input)",
}
COLUMNS = {
    "pointing": "Pointing game",
    "energy": "Energy on the finding",
    "pointing_gain": "Pointing game, minus random weights",
    "energy_gain": "Energy, minus random weights",
}


def measure(value: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Pointing game and energy of a map; a constant map points at random.

    Args:
        value: `(t, h, w)` floats, at least 0.
        mask: Booleans of the same shape.

    Returns:
        Share of the map's maxima, and of its sum, that lie on the mask.
    """
    energy, area = share_in(value, mask)
    return float(mask[value == value.max()].mean()), area if np.isnan(energy) else energy


def explain(
    model: keras.Model,
    source: ClipSource,
    rows: np.ndarray,
    config: PaperConfig,
    items: Sequence[Any],
    findings: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Compares maps of test clips with the position of the finding.

    Args:
        model: Trained network from clips to logits; its weights are restored afterwards.
        rows: `(n,)` rows of the test clips.
        items: Videos in the order of the source; only plans of simulated ones are used.
        findings: Names of masks, which are joined.

    Returns:
        `clip_id (m,)` and `patient_id (m,)` of up to 16 clips, `area (m,)`; by method
        `<method>_pointing (m,)` and `<method>_energy (m,)`, both also `…_untrained`.
    """
    from lus_keras.data.pipeline import network_input
    from lus_keras.models.attribution import random_weights

    chosen = list(_chosen(source, rows, items, findings))
    index = source.index
    places = np.array([row for row, _ in chosen], np.int64)
    found: dict[str, Any] = {
        name: getattr(index, name)[places] for name in ("clip_id", "patient_id")
    }
    measured: dict[str, list[float]] = {"area": [mask.mean() for _, mask in chosen]}
    for ending, weights in (("", nullcontext()), ("_untrained", random_weights(model, seed=0))):
        with weights:
            for row, mask in chosen:
                length = index.length[[row]]
                clip = np.asarray(network_input(source.read([row]), length, source.clip))
                for method, value in _maps(model, clip, int(index.label[row])):
                    shown = value.reshape(index.frames, *index.size)[: len(mask)]
                    for name, number in zip(
                        ("pointing", "energy"), measure(shown, mask), strict=True
                    ):
                        measured.setdefault(f"{method}_{name}{ending}", []).append(number)
    return found | {name: np.array(values) for name, values in measured.items()}


def _chosen(
    source: ClipSource, rows: np.ndarray, items: Sequence[Any], findings: Sequence[str]
) -> Iterator[tuple[int, np.ndarray]]:
    """Clips that show a finding, spread evenly over the test set, with its mask `(t, h, w)`."""
    from lus_keras.simulation.dataset import SimulatedSource

    index, clip = source.index, source.clip
    candidates = rows[(index.label[rows] > 0) & (index.corner[rows, 0] == 0)]
    count, stride = 0, max(1, len(candidates) // CLIPS)
    order = [row for first in range(stride) for row in candidates[first::stride]]
    for row in map(int, order):
        item, (y, x), (h, w) = items[index.video[row]], index.corner[row], index.size
        if count == CLIPS or not isinstance(item, SimulatedSource):
            return
        masks = item.masks(int(index.first[row]), int(index.length[row]), clip)
        if clip.crop == "roi":
            left, top = source.stores[0].videos[index.video[row]].roi[:2]
            x, y = x + left, y + top
        mask = np.any([masks[name] for name in findings], axis=0)[:, y : y + h, x : x + w]
        if mask.any():
            count += 1
            yield row, mask


def _maps(model: keras.Model, clip: np.ndarray, label: int) -> Iterator[tuple[str, np.ndarray]]:
    """Maps of one clip `(1, …, c)`, by method."""
    import cv2
    import keras

    from lus_keras.models import attribution as by

    yield "vanilla", by.vanilla_saliency(model, clip, label)
    yield "smooth", by.smooth_grad(model, clip, label, samples=SAMPLES)
    yield "grad-cam", by.grad_cam(model, clip, label)
    yield "integrated", by.integrated_gradients(model, clip, label, steps=SAMPLES)
    height, width = clip.shape[-3:-1]
    if any(layer.name == "spatial_mask" for layer in model.layers):
        masker = keras.Model(model.input, model.get_layer("spatial_mask").output)
        small = np.asarray(masker(clip, training=False))[0, ..., 0]
        yield "attention", np.stack([cv2.resize(frame, (width, height)) for frame in small])
    down, across = (
        np.exp(-0.5 * ((np.arange(side) + 0.5 - side / 2) / (CENTER_SD * side)) ** 2)
        for side in (height, width)
    )
    yield "center", np.broadcast_to(np.outer(down, across), clip.shape[:-1])
    yield "even", np.ones(clip.shape[:-1])


def table_of(network: str, masked: Mapping[str, str] | None = None) -> Any:
    """The table of a paper's network, `variant/model` or `model`.

    Args:
        network: The network whose maps are compared.
        masked: Further networks → printed name; of each, where it was measured, the spatial
            attention is a row of its own, named after the network.
    """

    @table
    def localization(run: PaperRun) -> Layout:
        found = run.model(network).localization
        measured = found if found is not None and len(found["area"]) else None
        methods = [name for name in METHODS if measured is None or f"{name}_energy" in measured]
        others = {name: run.model(name).localization for name in masked or {}}
        return Layout(
            f"Localization: maps of {network.rpartition('/')[2]} and the finding",
            rows=[
                *(Row(name, METHODS[name], partial(_measured, found, name)) for name in methods),
                *(
                    Row(name, (masked or {})[name], partial(_measured, maps, "attention"))
                    for name, maps in others.items()
                    if maps is not None
                ),
            ],
            columns=columns_of(COLUMNS),
            notes=(
                "Ours, not the paper's. Up to 16 test clips of the first fold that show the "
                "finding, whose position is given by the simulator; the labeled class is "
                "explained. Pointing game: share of clips whose map has its maximum on the "
                "finding. Energy: share of the map's sum on the finding. Baseline: the finding's "
                "share of the image area, expected by chance. Gains are differences from the maps "
                "of the same network with random weights, clip by clip; a gain near 0 means that a "
                "map shows the image, not what was learned. Intervals are over patients.",
            ),
        )

    return localization


def _measured(found: Any, method: str, column: Column) -> Measure | Number | None:
    name, _, gain = column.id.partition("_")
    if found is None or not len(found["area"]):
        note = "not run" if found is None else "no simulated test clip shows the finding"
        return Number(note=note)
    if gain and method in ("center", "even"):
        return None
    values = found[f"{method}_{name}"]
    if gain:
        values = values - found[f"{method}_{name}_untrained"]
    return mean_measure(values, found["patient_id"], 0.0 if gain else float(found["area"].mean()))
