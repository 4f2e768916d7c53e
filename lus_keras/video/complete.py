"""Whether a file ends where its own structure says, told without decoding."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_TAIL = 4096
_GIF_TRAILER = b"\x3b"
_SIZE_64 = 1


def is_cut_short(path: Path, container: str) -> bool:
    """Compares the size of a file with what its headers announce.

    Frames that are lost with the end of a file cannot be seen by decoding where the header counts
    none, as in GIF, or too few to be sure, as in an AVI that lost its last tenth.

    Args:
        path: Video file.
        container: As in `VideoInfo`.

    Returns:
        True if bytes are missing; False if none are, or if the container does not tell.
    """
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if container == "avi":
            return _avi_is_cut(stream, size)
        if container == "mov":
            return _mov_is_cut(stream, size)
        if container == "gif":
            stream.seek(max(0, size - _TAIL))
            return not stream.read().rstrip(b"\0").endswith(_GIF_TRAILER)
    return False


def _avi_is_cut(stream: BinaryIO, size: int) -> bool:
    """RIFF chunks follow one another; a recorder that crashed leaves a length of 0."""
    start = 0
    while start + 8 <= size:
        stream.seek(start)
        kind, length = stream.read(4), int.from_bytes(stream.read(4), "little")
        if kind != b"RIFF" or not length:
            return False
        start += 8 + length + length % 2
        if start - length % 2 > size:
            return True
    return False


def _mov_is_cut(stream: BinaryIO, size: int) -> bool:
    """Boxes follow one another; a length of 0 means "to the end", 1 that 64 bits follow."""
    start = 0
    while start + 8 <= size:
        stream.seek(start)
        length, kind = int.from_bytes(stream.read(4), "big"), stream.read(4)
        if length == _SIZE_64:
            length = int.from_bytes(stream.read(8), "big")
        if length < 8 or not kind.isascii():
            return False
        start += length
        if start > size:
            return True
    return False
