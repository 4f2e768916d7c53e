"""`.pth` files: the archive that `torch.save` writes, and the plain format it wrote before 1.6."""

import io
import math
import mmap
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from lus_keras.core.errors import DataError
from lus_keras.models.pretrained.torch_files.program import (
    Program,
    Storage,
    Tensor,
    widen_brain_floats,
)

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
# Dictionaries in dictionaries that are looked into, and those that hold no weights.
MAX_DEPTH = 4
OPTIMIZER = "optim"
BIG_ENDIAN = "written on a big-endian machine; save it again on a little-endian one."


def read_pth(path: str | Path) -> dict[str, np.ndarray]:
    """Reads a state dict from a file written by `torch.save`, in either format.

    Args:
        path: File whose content is a dictionary of tensors, or a checkpoint with such dictionaries
            under `state_dict`, `model` or any other name but that of an optimizer.

    Returns:
        Arrays by name, in the file's order; bfloat16 as float32, other types as stored. Names
        of arrays that lie deeper begin with the keys that lead to them, each with a slash.

    Raises:
        DataError: The file is damaged, is not a state dict, or requires more than reading one.
    """
    path = Path(path)
    with path.open("rb") as stream:
        start = stream.read(2)
        if not start:
            raise DataError(f"{path}: is empty. Download or copy the file again.")
        try:
            if start == b"PK":
                return _read_archive(path, stream)
            # Mapped, not read: whatever length the file announces, no more than it has is taken.
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as plain:
                return _read_plain(path, plain)
        except (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, struct.error) as error:
            raise DataError(
                f"{path}: damaged: {error}. Download or copy the file again."
            ) from error


def _read_archive(path: Path, stream: IO[bytes]) -> dict[str, np.ndarray]:
    """An archive of one folder: the program `data.pkl`, and a member of `data/` a storage."""
    with zipfile.ZipFile(stream) as archive:
        members = {info.filename: info for info in archive.infolist()}
        programs = [name for name in members if name.split("/")[1:] == ["data.pkl"]]
        if len(programs) != 1 or any(info.compress_type for info in members.values()):
            raise DataError(
                f"{path}: is an archive, but not one of torch.save. Download or copy it again."
            )
        folder = programs[0].partition("/")[0]
        order = f"{folder}/byteorder"
        if order in members and archive.read(order) != b"little":
            raise DataError(f"{path}: {BIG_ENDIAN}")
        state = Program(path, io.BytesIO(archive.read(programs[0]))).run()

        def read(storage: Storage) -> bytes:
            name = f"{folder}/data/{storage.key}"
            return archive.read(name) if name in members else b""

        return _arrays(path, state, read)


def _read_plain(path: Path, stream: Any) -> dict[str, np.ndarray]:
    """Programs: magic, protocol, machine, state, keys of storages; then the storages' values."""
    program = Program(path, stream)
    if program.run() != LEGACY_MAGIC or program.run() != LEGACY_PROTOCOL:
        raise DataError(f"{path}: was not written by torch.save. Download or copy it again.")
    machine = program.run()
    if not isinstance(machine, dict) or not machine.get("little_endian"):
        raise DataError(f"{path}: {BIG_ENDIAN}")
    state, keys = program.run(), program.run()
    places: dict[str, int] = {}
    place = stream.tell()
    for key in keys if isinstance(keys, list) else ():
        if key not in program.storages:
            raise DataError(
                f"{path}: damaged: storage {key!r} belongs to no tensor. Download or copy it again."
            )
        # The number of values, again, comes before them.
        places[key] = place + 8
        storage = program.storages[key]
        place = places[key] + storage.count * storage.dtype.itemsize

    def read(storage: Storage) -> bytes:
        if storage.key not in places:
            return b""
        stream.seek(places[storage.key] - 8)
        if int.from_bytes(stream.read(8), "little") != storage.count:
            return b""
        return stream.read(storage.count * storage.dtype.itemsize)

    return _arrays(path, state, read)


def _tensors(state: Any, keys: str, depth: int) -> Iterator[tuple[str, Tensor]]:
    if not isinstance(state, dict) or not depth:
        return
    for name, value in state.items():
        if not isinstance(name, str):
            continue
        if isinstance(value, Tensor):
            yield keys + name, value
        elif not name.startswith(OPTIMIZER):
            yield from _tensors(value, f"{keys}{name}/", depth - 1)


def _arrays(path: Path, state: Any, read: Callable[[Storage], bytes]) -> dict[str, np.ndarray]:
    """The tensors of state dicts, and nothing else that stands in a checkpoint."""
    tensors = dict(_tensors(state, "", MAX_DEPTH))
    if not tensors:
        raise DataError(
            f"{path}: contains no state dict. Save `model.state_dict()`, not the model itself."
        )
    problems, arrays = [], {}
    for name, tensor in tensors.items():
        array = _view(tensor, read(tensor.storage))
        if array is None:
            problems.append(f"{path}: damaged: '{name}' lies outside the values of the file.")
        else:
            arrays[name] = array
    if problems:
        raise DataError.from_problems(problems)
    return arrays


def _view(tensor: Tensor, values: bytes) -> np.ndarray | None:
    """Copy of the values of a tensor, or None if they are not all there."""
    storage, shape = tensor.storage, tensor.shape
    if len(shape) != len(tensor.strides) or len(values) < storage.count * storage.dtype.itemsize:
        return None
    flat = np.frombuffer(values, storage.dtype, storage.count)
    steps = sum((n - 1) * stride for n, stride in zip(shape, tensor.strides, strict=True))
    if math.prod(shape) == 0:
        return np.zeros(shape, flat.dtype)
    # A view may not repeat values either: a small file could ask for any amount of memory.
    if tensor.offset + steps >= len(flat) or math.prod(shape) > len(flat):
        return None
    strides = [stride * flat.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], shape, strides)
    return widen_brain_floats(view) if storage.is_brain_float else view.copy()
