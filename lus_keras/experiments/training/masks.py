"""Spatial masks of a few test frames, stored with the frames for figures."""

from pathlib import Path
from typing import Any

import numpy as np

from lus_keras.core.files import atomic_write
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.pipeline import make_batches
from lus_keras.experiments.training.network import Network

EXAMPLES = 8


def write_masks(folder: Path, network: Network, source: ClipSource, rows: np.ndarray) -> str:
    """Stores the middle frames of eight test clips, spread evenly over all, with their masks.

    Args:
        folder: Folder of the fold.
        rows: `(n,)` rows of the test clips.

    Returns:
        Name of the file, which contains `clip_id (8,)`, `frame (8,)` (index in the clip),
        `pixels (8, h, w)` uint8 and `mask (8, h', w')` float32 in 0 … 1; fewer if there are fewer
        clips.
    """
    if network.masker is None:
        raise ValueError(
            "`network` must have a layer 'spatial_mask'. Received a network without it."
        )
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, EXAMPLES).astype(int))]
    middle = source.index.length[chosen] // 2
    pixels, masks = [], []
    # One clip at a time: a whole video is large, and only one of its frames is stored.
    for row, frame in zip(chosen, middle, strict=True):
        batches = make_batches(source, np.array([row]), np.zeros(1, bool), 1)
        masks.append(network.masker.predict(batches, verbose=0)[0, frame, ..., 0])
        pixels.append(source.read([row])[0, frame, ..., 0])
    write_arrays(
        folder / "masks.npz",
        clip_id=source.index.clip_id[chosen],
        frame=middle,
        pixels=np.stack(pixels),
        mask=np.stack(masks).astype(np.float32),
    )
    return "masks.npz"


def write_arrays(path: Path, **arrays: Any) -> None:
    """Writes arrays by name into one compressed `.npz` file."""
    with atomic_write(path) as temporary:
        np.savez_compressed(temporary, **arrays)
