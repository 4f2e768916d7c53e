"""Checkpoints of an unfinished fold: one file an epoch, two of them in turn, so one is always whole."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lus_keras.files import atomic_write

NAMES = ("checkpoint_a.npz", "checkpoint_b.npz")
DAMAGE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Checkpoint:
    """State after an epoch; with the order and the dropout of later epochs known from the seed, all of it.

    Attributes:
        epoch: Epochs that are done.
        weights: The model's weights.
        optimizer: The optimizer's variables.
        history: One mapping an epoch.
    """

    epoch: int
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]
    history: list[dict[str, Any]]


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint over the older of the two.

    Args:
        folder: Folder of the fold.
        checkpoint: State to keep.

    Raises:
        OSError: The disk is full; the other checkpoint is untouched.
    """
    arrays = {f"w{i}": value for i, value in enumerate(checkpoint.weights)}
    arrays |= {f"o{i}": value for i, value in enumerate(checkpoint.optimizer)}
    state = {
        "epoch": checkpoint.epoch,
        "weights": len(checkpoint.weights),
        "optimizer": len(checkpoint.optimizer),
        "history": checkpoint.history,
    }
    with atomic_write(folder / NAMES[checkpoint.epoch % 2]) as temporary:
        np.savez(temporary, state=np.array(json.dumps(state)), **arrays)


def load(folder: Path) -> Checkpoint | None:
    """Reads the newest checkpoint that is whole; a damaged one is passed over.

    Args:
        folder: Folder of the fold.

    Returns:
        The checkpoint, or None if there is none.
    """
    found = [checkpoint for name in NAMES if (checkpoint := _read(folder / name))]
    return max(found, key=lambda checkpoint: checkpoint.epoch, default=None)


def remove(folder: Path) -> None:
    """Deletes the checkpoints of a finished fold."""
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)


def _read(path: Path) -> Checkpoint | None:
    if not path.exists():
        return None
    try:
        # The archive's checksums are verified as its members are read.
        with np.load(path, allow_pickle=False) as archive:
            state = json.loads(str(archive["state"]))
            return Checkpoint(
                epoch=state["epoch"],
                weights=[archive[f"w{i}"] for i in range(state["weights"])],
                optimizer=[archive[f"o{i}"] for i in range(state["optimizer"])],
                history=state["history"],
            )
    except DAMAGE:
        return None
