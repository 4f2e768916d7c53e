"""Safetensors: the length of a JSON header, the header, the values.

https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

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
MAX_HEADER = 100_000_000


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Reads all arrays of a safetensors file; brain floats become float32.

    Raises:
        DataError: The header is damaged, or an array does not lie within the file as announced.
        OSError: The file cannot be read.
    """
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        size = path.stat().st_size - 8 - length
        if size < 0 or length > MAX_HEADER:
            raise DataError(f"{path}: damaged: its header is longer than the file or 100 MB.")
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: damaged: its header is not JSON: {error}.") from error
        if not isinstance(header, dict):
            raise DataError(f"{path}: damaged: its header is not a JSON object.")
        header.pop("__metadata__", None)
        problems = [
            f"{path}: damaged: '{name}' does not lie in the file as announced: {entry}."
            for name, entry in header.items()
            if not _is_sound(entry, size)
        ]
        if problems:
            raise DataError.from_problems(problems)
        arrays = {}
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            stream.seek(8 + length + begin)
            values = np.frombuffer(stream.read(end - begin), DTYPES[entry["dtype"]])
            values = widen_brain_floats(values) if entry["dtype"] == "BF16" else values
            arrays[name] = values.reshape(entry["shape"])
        return arrays


def _is_sound(entry: Any, size: int) -> bool:
    """Whether an entry of the header has a known type and as many bytes as its shape needs."""
    if not isinstance(entry, dict) or str(entry.get("dtype")) not in DTYPES:
        return False
    shape, offsets = entry.get("shape", ()), entry.get("data_offsets", ())
    if not (_are_counts(shape) and _are_counts(offsets) and len(offsets) == 2):
        return False
    begin, end = offsets
    needed = math.prod(shape) * np.dtype(DTYPES[entry["dtype"]]).itemsize
    return begin <= end <= size and end - begin == needed


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)
