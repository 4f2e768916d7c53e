"""Explanations of a trained 3D ResNet: saliency over time, and whether it lies where it should.

Figure 5 of the lung-sliding paper, and two checks it does not have: maps of a network with random
weights, which must differ, and, on simulated videos, how much of a map lies on the pleural line.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from lus_keras.data.clip_source import ClipSource
from lus_keras.evaluation.metrics import map_similarity, share_in
from lus_keras.models.attribution import (
    grad_cam,
    integrated_gradients,
    randomized_copy,
    smooth_grad,
    vanilla_saliency,
)
from lus_keras.papers.base import options_of
from lus_keras.papers.sliding import EXPLAINED, SlidingOptions
from lus_keras.simulation.dataset import SimulatedSource
from lus_keras.simulation.pleura import pleural_rows

if TYPE_CHECKING:
    import keras

    from lus_keras.core.config import PaperConfig

TARGETS = {"figure5": (EXPLAINED,)}
# Maps that are written as videos, beside their clips.
OVERLAYS = {"figure5": {"vanilla": "vanilla saliency", "smooth": "SmoothGrad"}}
METHODS = ("vanilla", "smooth", "grad-cam", "integrated")
SHOWN = 3
EXPLAINED_CLIPS = 16
# Half the width of the pleural band, in pixels of a picture of 480 rows.
BAND = 5


def explain(
    model: keras.Model,
    source: ClipSource,
    rows: np.ndarray,
    config: PaperConfig,
    items: Sequence[Any],
) -> dict[str, np.ndarray]:
    """Computes maps of test tiles and holds them against chance and random weights.

    Args:
        rows: `(n,)` rows of the test clips.
        config: The paper's configuration; its `options` say how maps are made.
        items: Videos in the order of the source; plans of simulated ones tell where the pleura is.

    Returns:
        `clip_id (m,)`; `frames`, and those of `METHODS` that the network has, of the first few,
        `(k, t, h, w)`; `engine`, `order` and `explained` as text;
        `patient_id (m,)`; per method `<method>_random (m,)` rank correlation with random weights,
        `<method>_band (m,)` and `<method>_below (m,)` shares of the map on the pleural band, and
        from it downwards, both also `…_untrained` of the network with random weights,
        `band_area (m,)` and `below_area (m,)` their shares of the area; NaN where the pleura is
        not known.
    """
    from lus_keras.data.pipeline import network_input

    chosen = spread(source, rows)
    clips = np.asarray(network_input(source.read(chosen), source.index.length[chosen], source.clip))
    random, how = randomized_copy(model, seed=0), options_of(SlidingOptions, config)
    maps, random_maps = (_maps(network, clips, config, how) for network in (model, random))
    found: dict[str, np.ndarray] = {
        "clip_id": source.index.clip_id[chosen],
        "patient_id": source.index.patient_id[chosen],
        "label": source.index.label[chosen],
        "frames": source.read(chosen[:SHOWN])[..., 0],
        **{name: np.array(getattr(how, name)) for name in ("engine", "order", "explained")},
    }
    regions = [_regions(source, row, items) for row in chosen]
    for name in ("band", "below"):
        found[f"{name}_area"] = np.array([np.mean(masks[name]) for masks in regions])
    for method, values in maps.items():
        found[method] = values[:SHOWN].astype(np.float16)
        found[f"{method}_random"] = np.array(
            [map_similarity(a, b) for a, b in zip(values, random_maps[method], strict=True)]
        )
        for name in ("band", "below"):
            for ending, shown in (("", values), ("_untrained", random_maps[method])):
                found[f"{method}_{name}{ending}"] = np.array(
                    [_share(map_, masks[name]) for map_, masks in zip(shown, regions, strict=True)]
                )
    return found


def _maps(
    model: keras.Model, clips: np.ndarray, config: PaperConfig, how: SlidingOptions
) -> dict[str, np.ndarray]:
    """Maps by method, each `(b, t, h, w)`; no Grad-CAM of a network without a convolution."""
    output = None if how.explained == "predicted" else config.labels.index(how.explained)
    maps = {
        "vanilla": vanilla_saliency(model, clips, output, engine=how.engine),
        "smooth": smooth_grad(
            *(model, clips, output),
            samples=how.samples,
            noise=how.noise,
            order=how.order,
            engine=how.engine,
        ),
        "integrated": integrated_gradients(model, clips, output, steps=how.samples),
    }
    with suppress(ValueError):
        maps["grad-cam"] = grad_cam(model, clips, output)
    return {method: maps[method] for method in METHODS if method in maps}


def spread(source: ClipSource, rows: np.ndarray) -> np.ndarray:
    """Picks tiles of the uppermost row, where the pleura is, evenly over the test set.

    Those with sliding come first, as they are shown.

    Args:
        rows: `(n,)` rows of the test clips.

    Returns:
        At most 16 rows.
    """
    top = rows[source.index.corner[rows, 0] == 0]
    top = top if len(top) else rows
    chosen = top[np.unique(np.linspace(0, len(top) - 1, EXPLAINED_CLIPS).astype(int))]
    return chosen[np.argsort(-source.index.label[chosen], kind="stable")]


def _regions(source: ClipSource, row: int, items: Sequence[Any]) -> dict[str, np.ndarray]:
    """Masks `(t, h, w)` of the pleural band and of it and all below; NaN where unknown."""
    index, clip = source.index, source.clip
    item, video = items[index.video[row]], source.stores[0].videos[index.video[row]]
    shape = (index.frames, *index.size)
    if not isinstance(item, SimulatedSource) or video.roi is None:
        unknown = np.full(shape, np.nan)
        return {"band": unknown, "below": unknown}
    line = pleural_rows(item.plan, *clip.size)
    y, x = index.corner[row]
    left, top = video.roi[0] + x, video.roi[1] + y
    height, width = index.size
    depth = np.arange(height)[:, None] - (line[left : left + width] - top)[None]
    return {
        "band": np.broadcast_to(np.abs(depth) <= BAND, shape),
        "below": np.broadcast_to(depth >= -BAND, shape),
    }


def _share(value: np.ndarray, mask: np.ndarray) -> float:
    if mask.dtype != bool:
        return float("nan")
    return share_in(value, mask)[0]
