"""Loads what was exported in a fresh process and compares it with the networks in Keras."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from lus_keras.core.arrays import read_npz
from lus_keras.core.errors import RunError
from lus_keras.data.pipeline import network_input
from lus_keras.data.video.resample import resized
from lus_keras.inference.export.formats import CHECKS
from lus_keras.inference.export.graph import output_names, resize, stored_channels
from lus_keras.inference.predict import Ensemble

TOLERANCE = 1e-5
# Gray levels by which the resizing inside may differ from training's.
LEVELS = 1
TIME_LIMIT_S = 900


def check_export(name: str, models: Ensemble, folder: Path) -> dict[str, float]:
    """Compares an export with the networks it was made of.

    Clips are noise, in which every pixel matters: two of the networks' own size, and one larger by
    a non-integer factor, which the export resizes. For networks of whole videos they have at most
    8 frames, so that padding is compared, too.

    Returns:
        Largest difference of each output, relative to 1 or to the value where that is larger; and
        `grey_levels`, the largest difference of the resizing from OpenCV's.

    Raises:
        RunError: It cannot be loaded or run, or differs.
    """
    given = _clips(models)
    found = _run(
        name, folder, {key: _as_given(name, clips, models) for key, clips in given.items()}
    )
    worst = dict.fromkeys(output_names(models), 0.0)
    levels = 0.0
    for key, clips in given.items():
        stored, difference = _resized(clips, models)
        levels = max(levels, difference)
        length = np.full(len(clips), clips.shape[1])
        expected = models.predict(_padded(stored, models), length)
        for output in worst:
            value = found.get(f"{key}/{output}")
            if value is None or value.shape != expected[output].shape:
                raise RunError(f"{folder}: the export returns no usable output '{output}'.")
            gap = np.abs(value - expected[output]) / np.maximum(1.0, np.abs(expected[output]))
            worst[output] = max(worst[output], float(gap.max()))
    wrong = [f"{key} by {value:.2g}" for key, value in worst.items() if not value <= TOLERANCE]
    if levels > LEVELS:
        wrong.append(f"resizing by {levels:g} gray levels")
    if wrong:
        raise RunError(
            f"{models.name}: the export differs from the network: {', '.join(wrong)} (allowed "
            f"{TOLERANCE:g}). Nothing was written; please report it with your versions "
            "(`lus-keras doctor`)."
        )
    return {**worst, "grey_levels": levels}


def _clips(models: Ensemble) -> dict[str, np.ndarray]:
    clip = models.clip
    height, width = clip.picture
    # Fewer frames than a whole video may have; enough to tell padding from picture.
    frames = min(clip.frames, 8) if clip.unit == "video" else clip.frames
    rng = np.random.default_rng(0)
    sizes = {"own": (2, height, width), "larger": (1, height * 3 // 2 + 3, width * 2 + 5)}
    return {
        key: rng.integers(0, 256, (n, frames, h, w, stored_channels(models)), dtype=np.uint8)
        for key, (n, h, w) in sizes.items()
    }


def _as_given(name: str, clips: np.ndarray, models: Ensemble) -> np.ndarray:
    """What the format takes: clips, or for .keras scaled inputs."""
    if name != "keras":
        return clips
    stored = _padded(_resized(clips, models)[0], models)
    length = np.full(len(clips), clips.shape[1])
    return np.asarray(network_input(stored, length, models.clip))


def _resized(clips: np.ndarray, models: Ensemble) -> tuple[np.ndarray, float]:
    """Clips at the networks' size by the graph's resizing, and how far training's is from it."""
    flat = clips.reshape(-1, *clips.shape[2:])
    size, antialias = models.clip.picture, models.clip.resize == "bilinear"
    ours = np.asarray(resize(flat, size, antialias))
    gray = flat[..., 0] if flat.shape[-1] == 1 else flat
    theirs = np.stack([resized(frame, size, antialias=antialias) for frame in gray])
    difference = float(np.abs(ours - theirs.reshape(ours.shape)).max())
    return ours.astype(np.uint8).reshape(*clips.shape[:2], *ours.shape[1:]), difference


def _padded(stored: np.ndarray, models: Ensemble) -> np.ndarray:
    lacking = models.clip.frames - stored.shape[1]
    mode: Any = "edge" if models.clip.padding == "last" else "constant"
    return np.pad(stored, [(0, 0), (0, lacking), (0, 0), (0, 0), (0, 0)], mode=mode)


def _run(name: str, folder: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as scratch:
        given, written = Path(scratch) / "in.npz", Path(scratch) / "out.npz"
        arrays: dict[str, Any] = dict(inputs)
        np.savez(given, **arrays)
        command = [sys.executable, "-c", CHECKS[name], str(folder), str(given), str(written)]
        try:
            done = subprocess.run(
                command,
                env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise RunError(f"the export did not finish within {TIME_LIMIT_S} s.") from None
        if done.returncode:
            cause = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RunError(f"the export cannot be loaded and run in a fresh process: {cause}")
        return read_npz(written)
