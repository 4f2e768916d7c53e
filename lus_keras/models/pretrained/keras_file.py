"""`.keras` files as arrays by layer: nothing in them is built, and nothing of them is run.

config.json        the layers, in order, by class and name
model.weights.h5   their arrays, layers/<class in snake case>_<count>/vars/<number>
"""

import io
import json
import re
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lus_keras.core.errors import DataError

# Weights hardly become smaller by compression.
_MOST_COMPRESSED = 4


def read_keras_weights(path: Path) -> dict[str, list[np.ndarray]]:
    """Reads the weights of a functional or sequential model without nested models.

    Args:
        path: `.keras` file of Keras 3.

    Returns:
        Arrays of each layer with weights, by the layer's name, in the order of its `weights`.

    Raises:
        DataError: The file cannot be read, or declares more data than it contains.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            layers = json.loads(_member(archive, "config.json"))["config"]["layers"]
            stored = io.BytesIO(_member(archive, "model.weights.h5"))
        with h5py.File(stored, "r") as weights:
            return dict(_layers(layers, weights))
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, zipfile.BadZipFile) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise DataError(
            f"{path}: cannot be read as a Keras model ({reason}). Download or copy it again."
        ) from error


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.file_size > _MOST_COMPRESSED * info.compress_size + 1:
        raise ValueError(f"{name} declares more data than the file contains")
    return archive.read(info)


def _layers(layers: list[dict[str, Any]], weights: h5py.File) -> Any:
    counts = Counter[str]()
    for layer in layers:
        kind = _snake_case(layer["class_name"])
        place = f"layers/{kind}_{counts[kind]}" if counts[kind] else f"layers/{kind}"
        counts[kind] += 1
        held = weights.get(f"{place}/vars", getlink=False)
        if held is not None and len(held):
            arrays = [_array(held, str(number)) for number in range(len(held))]
            yield layer["config"]["name"], arrays


def _array(group: h5py.Group, name: str) -> np.ndarray:
    """An array that lies in the file, not in another one, nor nowhere."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{group.name}/{name} is a link")
    found = group[name]
    if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual:
        raise ValueError(f"{group.name}/{name} lies outside the file")
    if found.nbytes > _MOST_COMPRESSED * found.id.get_storage_size():
        raise ValueError(f"{group.name}/{name} declares more data than the file contains")
    return np.asarray(found)


def _snake_case(name: str) -> str:
    """As Keras names groups of layers: `BatchNormalization` becomes `batch_normalization`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
