"""Safetensors, read by the library of that name."""

from pathlib import Path

import numpy as np
import safetensors

from lus_keras.core.errors import DataError
from lus_keras.models.pretrained.torch_files.program import widen_brain_floats

DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Reads all arrays of a safetensors file; bfloat16 becomes float32.

    Args:
        path: File to read. No more memory is taken than three times its size.

    Returns:
        Arrays by name, in the order of their bytes.

    Raises:
        DataError: The header is damaged, arrays are not within the file as stated, or a type is
            unknown.
    """
    try:
        entries = safetensors.deserialize(path.read_bytes())
    except safetensors.SafetensorError as error:
        raise DataError(f"{path}: damaged: {error}. Download or copy the file again.") from error
    problems = [
        f"{path}: '{name}' is of type {entry['dtype']}. Save it as float32."
        for name, entry in entries
        if entry["dtype"] not in DTYPES
    ]
    if problems:
        raise DataError.from_problems(problems)
    arrays = {}
    for name, entry in entries:
        values = np.frombuffer(bytes(entry["data"]), DTYPES[entry["dtype"]])
        values = widen_brain_floats(values) if entry["dtype"] == "BF16" else values
        try:
            arrays[name] = values.reshape(entry["shape"])
        except ValueError as error:  # none of a size that no machine can count
            raise DataError(
                f"{path}: damaged: '{name}': {error}. Download or copy the file again."
            ) from error
    return arrays
