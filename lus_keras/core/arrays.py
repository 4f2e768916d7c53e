"""Archives of arrays from elsewhere, read without trusting the sizes that they announce."""

import math
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lus_keras.core.errors import DataError

# Of numbers that are not all alike little more than this is saved; small files may be all zeros.
_MOST_COMPRESSED = 100
_SMALL = 64 << 20
_SINGLE = b"\x93NUMPY"


def read_npz(path: Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Reads a `.npz` of plain arrays; sizes are checked before memory is taken.

    Raises:
        DataError: It is damaged, is no archive of arrays or lacks one, holds Python objects, or
            announces more than it has.
    """
    try:
        with path.open("rb") as stream:
            if stream.read(len(_SINGLE)) == _SINGLE:
                raise DataError(
                    f"{path}: contains a single array, not named arrays ('.npz'). Copy or "
                    "download it again."
                )
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            unpacked = sum(member.file_size for member in members)
            if unpacked > max(_SMALL, _MOST_COMPRESSED * path.stat().st_size):
                raise DataError(
                    f"{path}: decompresses to {unpacked:,} bytes. Copy or download it again."
                )
            problems = [
                f"{path}: '{member.filename}' declares more data than the file contains. Copy "
                "or download it again."
                for member in members
                if not _holds_what_it_announces(archive, member)
            ]
        if problems:
            raise DataError.from_problems(problems)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in (arrays.files if names is None else names)}
    except (DataError, OSError, MemoryError):
        raise
    except Exception as error:
        # A header is read as Python, which raises whatever its text happens to mean.
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        raise DataError(
            f"{path}: cannot be read as arrays: {reason}. Copy or download it again."
        ) from error


def _holds_what_it_announces(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Whether the header of an array fits the bytes behind it, and these the bytes in the file."""
    with archive.open(member) as stream:
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(np.lib.format.read_magic(stream))
        if read_header is None:
            raise ValueError(f"'{member.filename}' has an unknown version")
        shape, _, dtype = read_header(stream)
        if dtype.hasobject:
            return True  # refused by name when it is read
        return math.prod(shape) * dtype.itemsize == member.file_size - stream.tell()
