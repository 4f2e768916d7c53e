"""What may be decoded at all: containers, codecs and sizes, checked before FFmpeg sees the file."""

import stat
from pathlib import Path

from lus_keras.core.errors import VideoError

_MPEG = ("h264", "hevc", "mpeg4", "msmpeg4", "msmpeg4v2", "msmpeg4v3", "mpeg1video", "mpeg2video")
_OTHER = ("wmv1", "wmv2", "wmv3", "vc1", "av1", "flv1", "h263", "theora", "prores", "dvvideo")
_STILL = ("mjpeg", "gif", "png", "apng", "bmp", "tiff")
# By FFmpeg's name of the codec, whichever library decodes it.
CODECS = frozenset((*_MPEG, *_OTHER, *_STILL, "rawvideo", "ffv1", "vp8", "vp9"))
MAX_PIXELS = 4096**2
MAX_FRAMES = 20_000
# Of a video that is decoded and let go frame by frame: an hour at 120 fps.
MAX_STREAMED = 432_000
MAX_SECONDS = 3_600
MAX_BYTES = 8 << 30

# Start of the file: (offset, bytes, demuxer). Naming the demuxer keeps FFmpeg from guessing, which
# would follow a playlist under the name of a video.
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
# The chunk of a PNG that announces several pictures; it comes before the first of them.
_ANIMATED_PNG = b"acTL"
# A transport stream has no beginning of its own: packets of 188 bytes, after 4 bytes of time on
# cameras and discs, each begin with this byte.
_TS_SYNC = b"\x47"
_TS_PACKETS = ((0, 188), (4, 192))
# Suffixes that tell the truth about a container.
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
# Of videos that are not decoded: a folder that holds one names it instead of passing it over.
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
    """Recognizes the container by the first bytes, whatever the name says.

    Args:
        path: File to look at; it is not opened unless it is a plain one.

    Returns:
        A key of `SUFFIXES`, which is also FFmpeg's name of the demuxer.

    Raises:
        VideoError: Not a plain file, too large, or not a video.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise VideoError(f"{path}: is not a plain file. Name a video file.")
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
            f"{path}: videos of kind {path.suffix.lower()} are not decoded. Convert it to MP4 "
            "(H.264) or AVI (MJPEG), for instance with FFmpeg."
        )
    cause = f"it starts with {start[:16]!r}" if start else "0 bytes"
    raise VideoError(
        f"{path}: is not a video ({cause}). Copy it again, or convert it to AVI or MP4."
    )


def _is_transport_stream(start: bytes, first: int, length: int) -> bool:
    """Whether three packets follow one another; three bytes that agree by chance are 1 in 2²⁴."""
    places = [first + number * length for number in range(3)]
    return all(start[place : place + 1] == _TS_SYNC for place in places)
