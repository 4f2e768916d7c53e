"""Files of PyTorch-named weights: `.npz`, `.safetensors` and `.pth`, read without running them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lus_keras.core.errors import DataError
from lus_keras.models.pretrained.torch_files.pth import read_pth
from lus_keras.models.pretrained.torch_files.safetensors import read_safetensors


def read_state(path: str | Path) -> dict[str, np.ndarray]:
    """Reads named arrays from a file; its ending tells the format.

    Args:
        path: A `.npz` of plain arrays, a `.safetensors` file, or a `.pth` or `.pt` file.

    Returns:
        Arrays by name, in the file's order and types; brain floats as float32.

    Raises:
        DataError: The file cannot be read, is damaged, is of another kind, or holds objects that
            would have to be run to be read.
    """
    path = Path(path)
    if path.suffix not in READERS:
        raise DataError(f"{path}: ends in none of {', '.join(READERS)}.")
    try:
        return READERS[path.suffix](path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise DataError(f"{path}: is a single array, not a '.npz' of named arrays.")
        with loaded as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read as arrays: {error}.") from error


READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".npz": _read_npz,
    ".safetensors": read_safetensors,
    ".pth": read_pth,
    ".pt": read_pth,
}
