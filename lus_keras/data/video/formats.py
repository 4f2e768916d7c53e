"""Supported containers, codecs and sizes, checked before FFmpeg opens a file."""

import stat
from pathlib import Path

from lus_keras.core.errors import VideoError

_MPEG = ("h264", "hevc", "mpeg4", "msmpeg4", "msmpeg4v2", "msmpeg4v3", "mpeg1video", "mpeg2video")
_OTHER = ("wmv1", "wmv2", "wmv3", "vc1", "av1", "flv1", "h263", "theora", "prores", "dvvideo")
_STILL = ("mjpeg", "gif", "png", "apng", "bmp", "tiff")
# FFmpeg's names of the codecs, whichever library decodes them.
CODECS = frozenset((*_MPEG, *_OTHER, *_STILL, "rawvideo", "ffv1", "vp8", "vp9"))
MAX_PIXELS = 4096**2
MAX_FRAMES = 20_000
# Largest number of frames of a video that is streamed frame by frame: an hour at 120 fps.
MAX_STREAMED = 432_000
MAX_SECONDS = 3_600
MAX_BYTES = 8 << 30

# Start of the file: (offset, bytes, demuxer). Naming the demuxer prevents FFmpeg from probing, by
# which it would follow a playlist that is named like a video.
_MAGIC = (
    (8, b"AVI ", "avi"),
    *((4, box, "mov") for box in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x00\x00\x01\xb3", "mpegvideo"),
    (0, b"GIF8", "gif"),
    # Still images are videos of one frame.
    (0, b"\xff\xd8\xff", "jpeg_pipe"),
    (0, b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"FLV\x01", "flv"),
    (0, b"OggS", "ogg"),
)
# PNG chunk that announces an animation; it precedes the first image.
_ANIMATED_PNG = b"acTL"
# A transport stream has no header. Its packets of 188 bytes each begin with this byte; on cameras
# and discs, 4 bytes of time code precede each packet.
_TS_SYNC = b"\x47"
_TS_PACKETS = ((0, 188), (4, 192))
# Correct file suffixes of each container.
SUFFIXES = {
    "avi": (".avi", ".divx"),
    "mov": (".mp4", ".mov", ".m4v", ".3gp", ".3g2", ".qt"),
    "mpeg": (".mpg", ".mpeg", ".vob"),
    "mpegvideo": (".mpg", ".mpeg", ".m1v", ".m2v"),
    "mpegts": (".ts", ".m2ts", ".mts", ".m2t"),
    "gif": (".gif",),
    "apng": (".apng",),
    "matroska": (".mkv", ".webm"),
    "asf": (".wmv", ".asf"),
    "flv": (".flv",),
    "ogg": (".ogv", ".ogg"),
    "jpeg_pipe": (".jpg", ".jpeg"),
    "png_pipe": (".png",),
}
STILLS = ("jpeg_pipe", "png_pipe")
# Suffixes of unsupported videos: reported, not silently skipped, if found in a folder.
_BARE_STREAMS = (".h264", ".264", ".h265", ".265", ".hevc", ".av1", ".obu", ".mjpeg", ".mjpg")
_OTHER_CONTAINERS = (".rm", ".rmvb", ".swf", ".mxf", ".ivf", ".y4m", ".dv", ".wtv", ".webp")
FOREIGN_SUFFIXES = (*_BARE_STREAMS, *_OTHER_CONTAINERS)
VIDEO_SUFFIXES = frozenset(
    suffix
    for container, suffixes in SUFFIXES.items()
    for suffix in suffixes
    if container not in STILLS
).union(FOREIGN_SUFFIXES)


def container_format_of(path: Path) -> str:
    """Recognizes the container by its first bytes, whatever the file is named.

    Args:
        path: File to examine; opened only if it is a regular file.

    Returns:
        A key of `SUFFIXES`, which is also FFmpeg's name of the demuxer.

    Raises:
        VideoError: The file is not a regular file, too large, or not a video.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise VideoError(f"{path}: is not a regular file. Give a video file.")
        if status.st_size > MAX_BYTES:
            raise VideoError(
                f"{path}: has {status.st_size / 1e9:.1f} GB; at most {MAX_BYTES / 1e9:.1f} GB are "
                "decoded. Cut it into parts."
            )
        with path.open("rb") as stream:
            start = stream.read(3 * max(length for _, length in _TS_PACKETS))
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise VideoError(f"{path}: cannot be read ({cause}). Check the path.") from error
    for offset, magic, container_format in _MAGIC:
        if start[offset:].startswith(magic):
            moves = container_format == "png_pipe" and _ANIMATED_PNG in start
            return "apng" if moves else container_format
    if any(_is_transport_stream(start, *packet) for packet in _TS_PACKETS):
        return "mpegts"
    if path.suffix.lower() in FOREIGN_SUFFIXES:
        raise VideoError(
            f"{path}: files of type {path.suffix.lower()} are not decoded. Convert it to MP4 "
            "(H.264) or AVI (MJPEG), for instance with FFmpeg."
        )
    cause = f"it starts with {start[:16]!r}" if start else "0 bytes"
    raise VideoError(
        f"{path}: is not a video ({cause}). Copy it again, or convert it to AVI or MP4."
    )


def _is_transport_stream(start: bytes, first: int, length: int) -> bool:
    """Whether three consecutive packets begin with the sync byte; by chance, 1 in 2²⁴."""
    places = [first + number * length for number in range(3)]
    return all(start[place : place + 1] == _TS_SYNC for place in places)
