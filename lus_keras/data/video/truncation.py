"""Detects truncated files by incomplete chunks and boxes, without decoding.

The number of frames in a header proves nothing: edit lists hide frames, recorders count fields or
dropped frames, and programs that write to a pipe cannot add the number afterwards.
"""

import os
from pathlib import Path
from typing import BinaryIO

from av.video.stream import VideoStream

_HEAD = 1 << 16
# Placeholder lengths left by writers that cannot seek back.
_NOT_STATED = (0, 0xFFFFFFFF)
_LISTS = (b"RIFF", b"LIST")
# Flag in the main header of an AVI that announces an index at the end of the file.
_HAS_INDEX = 0x10
_BOXES = frozenset(
    b"ftyp moov mdat wide free skip moof mfra uuid udta sidx styp ssix emsg prft meta pdin".split()
)
_SIZE_64 = 1
# Bytes to read; more than the longest packet of an MPEG program stream, to include a pack header.
_MPEG_TAIL = 1 << 18
_PACK = b"\0\0\1\xba"
_PROGRAM_END = b"\xb9"
_MPEG_2 = 1
_TS_LENGTHS = (188, 192)
_EBML, _SEGMENT, _CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
_GIF_IMAGE, _GIF_EXTENSION, _GIF_TRAILER = b"\x2c", b"\x21", b"\x3b"


def is_cut_short(path: Path, container: str) -> bool:
    """Whether the structure of a file extends beyond its last byte.

    Decoding cannot reveal frames lost at the end if the header states no number, as in GIF, or if
    the difference is too small to be conclusive, as in an AVI that lost its last tenth.

    Returns:
        True if bytes are missing; False if none are, or if the container does not reveal it.
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
    """Whether the index of a container refers to a frame beyond the end of the file.

    Args:
        stream: Stream of an AVI or MOV, opened but not decoded; for other containers FFmpeg extends
            the index while reading.
        size: Size of the file in bytes.
    """
    return any(entry.pos + entry.size > size for entry in stream.index_entries)


def has_clock(path: Path, container: str) -> bool:
    """Whether frame times are known.

    Images have none, nor does an AVI whose header states a rate of 0, for which FFmpeg would
    silently assume 25 frames per second.

    Returns:
        False if the user must provide the frame rate.
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
    """Name and length of the chunk at an offset of a RIFF file; the name is empty at the end."""
    stream.seek(start)
    head = stream.read(8)
    return (head[:4], int.from_bytes(head[4:], "little")) if len(head) == 8 else (b"", 0)


def _avi_is_cut(stream: BinaryIO, size: int) -> bool:
    """AVI: consecutive RIFF lists that contain chunks; frames are in a list of their own."""
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
            # The length may be wrong: a file with its index, which comes last, is complete.
            return not indexed and _announces_index(stream)
        start = end + found[1] % 2
    return False


def _last_chunk_is_cut(stream: BinaryIO, place: int, size: int) -> bool:
    """Follows the chunks of a list whose length was never filled in."""
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
    """MOV: consecutive boxes; length 0 means "to the end", 1 that a 64-bit length follows."""
    start = 0
    while start + 8 <= size:
        stream.seek(start)
        length, kind = int.from_bytes(stream.read(4), "big"), stream.read(4)
        if length == _SIZE_64:
            length = int.from_bytes(stream.read(8), "big")
        # Anything other than a known box was appended after the last one.
        if length < 8 or kind not in _BOXES:
            return False
        start += length
        if start > size:
            return True
    return False


def _mpeg_is_cut(stream: BinaryIO, size: int) -> bool:
    """MPEG: consecutive packs of packets, to the end or to other data, such as stuffing.

    A program stream states no total length, so that a file cut between two packets looks complete
    here. The decoder detects the loss unless the cut is also between two frames.
    """
    stream.seek(max(0, size - _MPEG_TAIL))
    tail = stream.read()
    place = tail.find(_PACK)
    if place < 0:
        return False
    while len(start := tail[place : place + 14]) >= len(_PACK):
        # Lower codes belong to the video stream.
        if start[:3] != _PACK[:3] or start[3] < _PACK[3] - 1:
            return False
        place += _mpeg_length(start)
    return place > len(tail)


def _mpeg_length(start: bytes) -> int:
    """Length in bytes of the program end, pack header or packet that starts with these bytes."""
    code = start[3:4]
    if code == _PROGRAM_END:
        return 4
    if code != _PACK[3:]:
        return 6 + int.from_bytes(start[4:6], "big")
    if start[4:5] and start[4] >> 6 == _MPEG_2:
        return 14 + (start[13] & 7 if len(start) == 14 else 0)
    return 12


def _ts_is_cut(stream: BinaryIO, size: int) -> bool:
    """MPEG-TS: packets of equal length; a remainder that begins with a sync byte is truncated."""
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
    """Matroska: consecutive elements; a length of all ones means that it is not stated."""
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
    """Id, length (None if not stated) and offset of the content of a Matroska element."""
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
    """GIF: consecutive blocks up to the trailer; data after it do not belong to the image."""
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
