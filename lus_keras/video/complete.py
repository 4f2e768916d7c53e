"""What a file's own structure says of its end and its clock, told without decoding."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_HEAD = 1 << 16
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


def has_clock(path: Path, container: str) -> bool:
    """Whether times of frames are known.

    Pictures have none, nor has an AVI whose header gives its rate as 0, for which FFmpeg would
    silently take 25 frames per second.

    Args:
        path: Video file, or folder of pictures.
        container: As in `VideoInfo`.

    Returns:
        False if only somebody who knows can tell the frame rate.
    """
    if container == "pictures":
        return False
    if container != "avi":
        return True
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    main = head.find(b"avih") + 8
    video = head.find(b"strh\x38\0\0\0vids") + 8
    if main < 8 or video < 8:
        return True

    def stated(offset: int) -> bool:
        return any(head[offset : offset + 4])

    return stated(main) or (stated(video + 20) and stated(video + 24))


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
