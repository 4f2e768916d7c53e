"""Files of PyTorch-named weights: `.npz`, `.safetensors` and `.pth`, read without running them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lus_keras.core.arrays import read_npz
from lus_keras.core.errors import DataError
from lus_keras.models.pretrained.torch_files.pth import read_pth
from lus_keras.models.pretrained.torch_files.safetensors import read_safetensors


def read_state(path: str | Path) -> dict[str, np.ndarray]:
    """Reads named arrays from a file; its ending, in capitals or not, tells the format.

    Args:
        path: A `.npz` of plain arrays, a `.safetensors` file, or a file of `torch.save`: `.pth`,
            `.pt`, `.bin`, `.ckpt` or `.tar`.

    Returns:
        Arrays by name, in the file's order and types; bfloat16 as float32. Names of arrays that
        lie deeper in a checkpoint begin with its keys, as in `model_state_dict/fc.weight`.

    Raises:
        DataError: The file cannot be read, is damaged, is of another kind, or holds objects that
            would have to be run to be read.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in READERS:
        raise DataError(f"{path}: must end in one of {', '.join(READERS)}.")
    try:
        return READERS[suffix](path)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read: {error.strerror or error}. Check the file."
        ) from error


READERS: dict[str, Callable[[Path], dict[str, np.ndarray]]] = {
    ".npz": read_npz,
    ".safetensors": read_safetensors,
    **dict.fromkeys((".pth", ".pt", ".bin", ".ckpt", ".tar"), read_pth),
}
