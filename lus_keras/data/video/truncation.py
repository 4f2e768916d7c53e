"""What a file's own structure says of its end and its clock, told without decoding."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_HEAD = 1 << 16
_TAIL = 4096
_GIF_TRAILER = b"\x3b"
# More than the longest packet of an MPEG program stream, so that a pack header is among them.
_MPEG_TAIL = 1 << 18
_PACK = b"\0\0\1\xba"
_PROGRAM_END = b"\xb9"
_MPEG_2 = 1
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
        if container == "mpeg":
            return _mpeg_is_cut(stream, size)
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


def _mpeg_is_cut(stream: BinaryIO, size: int) -> bool:
    """Packs of packets follow one another, to the end or to something else, such as stuffing.

    A program stream states no length of its own, so a file cut between two packets looks whole
    here; the decoder then tells, unless the cut lies between two pictures as well.
    """
    stream.seek(max(0, size - _MPEG_TAIL))
    tail = stream.read()
    place = tail.find(_PACK)
    if place < 0:
        return False
    while len(start := tail[place : place + 14]) >= len(_PACK):
        # Lower codes are of the video within.
        if start[:3] != _PACK[:3] or start[3] < _PACK[3] - 1:
            return False
        place += _mpeg_length(start)
    return place > len(tail)


def _mpeg_length(start: bytes) -> int:
    """Bytes of what starts so, as far as it states them: an end, a header of a pack, a packet."""
    code = start[3:4]
    if code == _PROGRAM_END:
        return 4
    if code != _PACK[3:]:
        return 6 + int.from_bytes(start[4:6], "big")
    if start[4:5] and start[4] >> 6 == _MPEG_2:
        return 14 + (start[13] & 7 if len(start) == 14 else 0)
    return 12
