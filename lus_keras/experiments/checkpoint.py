"""Checkpoints of an unfinished fold: a file an epoch, two of them in turn, so one is always whole.

A file is a NumPy archive of plain arrays and one JSON text; there is no pickle in it.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lus_keras.core.arrays import read_npz
from lus_keras.core.errors import RunError
from lus_keras.core.files import atomic_write
from lus_keras.evaluation.run_record import Fingerprint

NAMES = ("checkpoint_a.npz", "checkpoint_b.npz")
BEST = "best.npz"


@dataclass(frozen=True)
class Checkpoint:
    """State after an epoch: all of it, as the seed gives order and dropout of the later ones.

    Attributes:
        epoch: Epochs that are done, from 1.
        weights: The model's weights, arrays of numbers.
        optimizer: The optimizer's variables, arrays of numbers.
        history: One mapping an epoch, of numbers and text.
        fingerprint: What the numbers depend on; None in files that do not say so.
    """

    epoch: int
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]
    history: list[dict[str, Any]]
    fingerprint: Fingerprint | None = None


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes the checkpoint over the one before the last.

    Raises:
        OSError: The disk is full; both checkpoints are as they were.
    """
    _write(folder, NAMES[checkpoint.epoch % 2], checkpoint)


def save_best(
    folder: Path, weights: list[np.ndarray], fingerprint: Fingerprint | None = None
) -> None:
    """Writes the weights of the epoch that is best so far over those of the one that was.

    Raises:
        OSError: The disk is full; the ones before are as they were.
    """
    _write(folder, BEST, Checkpoint(0, weights, [], [], fingerprint))


def load_best(folder: Path) -> list[np.ndarray]:
    """Reads the weights of the best epoch.

    Raises:
        RunError: They are absent or damaged.
    """
    found = _read(folder / BEST)
    if found is None:
        raise RunError(f"{folder / BEST}: missing or damaged. Delete {folder} to retrain the fold.")
    return found.weights


def _write(folder: Path, name: str, checkpoint: Checkpoint) -> None:
    arrays: dict[str, Any] = {f"w{i}": value for i, value in enumerate(checkpoint.weights)}
    arrays |= {f"o{i}": value for i, value in enumerate(checkpoint.optimizer)}
    mark = checkpoint.fingerprint
    state = {
        "epoch": checkpoint.epoch,
        "weights": len(checkpoint.weights),
        "optimizer": len(checkpoint.optimizer),
        "history": checkpoint.history,
        "fingerprint": mark.model_dump(mode="json") if mark else None,
    }
    with atomic_write(folder / name) as temporary:
        np.savez(temporary, state=np.array(json.dumps(state)), **arrays)


def load(folder: Path) -> Checkpoint | None:
    """Reads a fold's newest checkpoint that is whole, if any; a damaged one is passed over."""
    found = [checkpoint for name in NAMES if (checkpoint := _read(folder / name))]
    return max(found, key=lambda checkpoint: checkpoint.epoch, default=None)


def fingerprints(folder: Path) -> dict[Path, Fingerprint]:
    """File → fingerprint of a fold's checkpoints that say theirs; their arrays are not read."""
    found = {}
    for path in (folder / name for name in (*NAMES, BEST)):
        try:
            mark = _fingerprint(json.loads(str(read_npz(path, ["state"])["state"])))
        except Exception:  # as in `_read`; a damaged one is passed over
            continue
        if mark:
            found[path] = mark
    return found


def _fingerprint(state: dict[str, Any]) -> Fingerprint | None:
    mark = state.get("fingerprint")
    return Fingerprint.model_validate(mark) if mark else None


def remove(folder: Path) -> None:
    """Deletes the checkpoints of a fold that is finished and that nobody else writes in."""
    for name in (*NAMES, BEST):
        for path in (folder / name, *folder.glob(f".tmp-*-{name}")):
            path.unlink(missing_ok=True)


def _read(path: Path) -> Checkpoint | None:
    if not path.exists():
        return None
    try:
        # The archive's checksums are verified as its members are read.
        archive = read_npz(path)
        state = json.loads(str(archive["state"]))
        return Checkpoint(
            epoch=state["epoch"],
            weights=[archive[f"w{i}"] for i in range(state["weights"])],
            optimizer=[archive[f"o{i}"] for i in range(state["optimizer"])],
            history=state["history"],
            fingerprint=_fingerprint(state),
        )
    except Exception:
        # A damaged archive raises whatever its bytes happen to mean: a bad checksum, "encrypted",
        # a missing member, an unknown compression.
        return None
