"""What the bytes of a file prove of its end: chunks and boxes that stop short, told undecoded.

A number of frames that a header states proves nothing: edit lists hide frames, recorders count
fields or dropped frames, and what writes to a pipe never learns how many there were.
"""

import os
from pathlib import Path
from typing import BinaryIO

from av.video.stream import VideoStream

_HEAD = 1 << 16
# What a writer that cannot go back leaves as a length.
_NOT_STATED = (0, 0xFFFFFFFF)
_LISTS = (b"RIFF", b"LIST")
# AVI states in its main header that it has an index, which stands at the end.
_HAS_INDEX = 0x10
_BOXES = frozenset(
    b"ftyp moov mdat wide free skip moof mfra uuid udta sidx styp ssix emsg prft meta pdin".split()
)
_SIZE_64 = 1
# More than the longest packet of an MPEG program stream, so that a pack header is among them.
_MPEG_TAIL = 1 << 18
_PACK = b"\0\0\1\xba"
_PROGRAM_END = b"\xb9"
_MPEG_2 = 1
_TS_LENGTHS = (188, 192)
_EBML, _SEGMENT, _CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_GIF_IMAGE, _GIF_EXTENSION, _GIF_TRAILER = b"\x2c", b"\x21", b"\x3b"


def is_cut_short(path: Path, container: str) -> bool:
    """Follows the structure of a file as far as its bytes go.

    Frames that are lost with the end of a file cannot be seen by decoding where the header counts
    none, as in GIF, or too few to be sure, as in an AVI that lost its last tenth.

    Returns:
        True if bytes are missing; False if none are, or if the container does not tell.
    """
    walk = {
        "avi": _avi_is_cut,
        "mov": _mov_is_cut,
        "mpeg": _mpeg_is_cut,
        "mpegts": _ts_is_cut,
        "matroska": _matroska_is_cut,
        "gif": _gif_is_cut,
    }.get(container)
    if walk is None:
        return False
    with path.open("rb") as stream:
        return walk(stream, os.fstat(stream.fileno()).st_size)


def index_leaves_file(stream: VideoStream, size: int) -> bool:
    """Whether an index that the container holds names a frame that lies beyond the file's end.

    Args:
        stream: Of an AVI or MOV, opened but not decoded: FFmpeg adds to other indices as it reads.
    """
    return any(entry.pos + entry.size > size for entry in stream.index_entries)


def has_clock(path: Path, container: str) -> bool:
    """Whether times of frames are known.

    Pictures have none, nor has an AVI whose header gives its rate as 0, for which FFmpeg would
    silently take 25 frames per second.

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


def _chunk(stream: BinaryIO, start: int) -> tuple[bytes, int]:
    """Name and length of the chunk of a RIFF file at a place; no name where the file ends."""
    stream.seek(start)
    head = stream.read(8)
    return (head[:4], int.from_bytes(head[4:], "little")) if len(head) == 8 else (b"", 0)


def _avi_is_cut(stream: BinaryIO, size: int) -> bool:
    """RIFF lists follow one another; each holds chunks, the pictures in a list of their own."""
    start, indexed = 0, False
    while (found := _chunk(stream, start))[0] == b"RIFF":
        stated = found[1] not in _NOT_STATED
        end = start + 8 + found[1] if stated else size
        place = start + 12
        while place + 8 <= min(end, size):
            kind, length = _chunk(stream, place)
            indexed |= kind == b"idx1"
            if kind == b"LIST" and length in _NOT_STATED:
                return _last_chunk_is_cut(stream, place + 12, size)
            if not _is_chunk(kind):
                break
            place += 8 + length
            if place > size:
                return True
            place += length % 2
        if not stated:
            return False
        if end > size:
            # The length alone may be wrong: with the index, which comes last, the file is whole.
            return not indexed and _announces_index(stream)
        start = end + found[1] % 2
    return False


def _last_chunk_is_cut(stream: BinaryIO, place: int, size: int) -> bool:
    """Follows the pictures of a list whose length was never filled in."""
    while place + 8 <= size:
        kind, length = _chunk(stream, place)
        if kind in _LISTS:
            place += 12
            continue
        if not _is_chunk(kind):
            return False
        place += 8 + length
        if place > size:
            return True
        place += length % 2
    return False


def _is_chunk(kind: bytes) -> bool:
    return len(kind) == 4 and kind.isascii() and kind.decode().isprintable()


def _announces_index(stream: BinaryIO) -> bool:
    stream.seek(0)
    head = stream.read(_HEAD)
    main = head.find(b"avih") + 8
    flags = int.from_bytes(head[main + 12 : main + 16], "little") if main >= 8 else _HAS_INDEX
    return bool(flags & _HAS_INDEX)


def _mov_is_cut(stream: BinaryIO, size: int) -> bool:
    """Boxes follow one another; a length of 0 means "to the end", 1 that 64 bits follow."""
    start = 0
    while start + 8 <= size:
        stream.seek(start)
        length, kind = int.from_bytes(stream.read(4), "big"), stream.read(4)
        if length == _SIZE_64:
            length = int.from_bytes(stream.read(8), "big")
        # What is no box is something that was added behind the last.
        if length < 8 or kind not in _BOXES:
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


def _ts_is_cut(stream: BinaryIO, size: int) -> bool:
    """Packets of one length follow one another; a rest that begins as one does is a part of one."""
    for length in _TS_LENGTHS:
        sync = length - min(_TS_LENGTHS)
        places = [sync, sync + length, size - size % length + sync]
        rest = size % length
        if rest > sync and all(_byte(stream, place) == b"\x47" for place in places):
            return True
    return False


def _byte(stream: BinaryIO, place: int) -> bytes:
    stream.seek(place)
    return stream.read(1)


def _matroska_is_cut(stream: BinaryIO, size: int) -> bool:
    """Elements of the segment follow one another; a length of ones means that none is stated."""
    place = 0
    while place < size:
        kind, length, inside = _element(stream, place)
        if kind not in (_EBML, _SEGMENT) or inside > size:
            return kind in (_EBML, _SEGMENT)
        if length is not None and inside + length > size:
            return True
        if kind == _SEGMENT and length is None:
            return _open_segment_is_cut(stream, inside, size)
        place = inside + (length or 0)
    return False


def _open_segment_is_cut(stream: BinaryIO, place: int, size: int) -> bool:
    while place < size:
        kind, length, inside = _element(stream, place)
        if not kind:
            return inside > size
        if length is None and kind != _CLUSTER:
            return False
        place = inside + (length or 0)
        if place > size:
            return True
    return False


def _element(stream: BinaryIO, place: int) -> tuple[bytes, int | None, int]:
    """Id, length or None if it is not stated, and place of the content of a Matroska element."""
    stream.seek(place)
    head = stream.read(12)
    id_bytes = 9 - head[0].bit_length() if head and head[0] else 0
    rest = head[id_bytes:]
    if not 1 <= id_bytes <= 4 or not rest or not rest[0]:
        return b"", None, place
    length_bytes = 9 - rest[0].bit_length()
    bits = int.from_bytes(rest[:length_bytes], "big") & ((1 << 7 * length_bytes) - 1)
    length = None if bits == (1 << 7 * length_bytes) - 1 else bits
    return head[:id_bytes], length, place + id_bytes + length_bytes


def _gif_is_cut(stream: BinaryIO, size: int) -> bool:
    """Blocks follow one another up to the trailer; what comes behind it does not belong to it."""
    stream.seek(0)
    head = stream.read(13)
    if len(head) < 13:
        return True
    _skip_gif_palette(stream, head[10])
    while (kind := stream.read(1)) in (_GIF_IMAGE, _GIF_EXTENSION, b"\0"):
        if kind == _GIF_IMAGE:
            place = stream.read(9)
            if len(place) < 9:
                return True
            _skip_gif_palette(stream, place[8])
        if kind != b"\0":
            stream.seek(1, os.SEEK_CUR)
            while (length := stream.read(1)) not in (b"", b"\0"):
                stream.seek(length[0], os.SEEK_CUR)
    return kind != _GIF_TRAILER and stream.tell() >= size


def _skip_gif_palette(stream: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        stream.seek(3 << (1 + (flags & 7)), os.SEEK_CUR)
