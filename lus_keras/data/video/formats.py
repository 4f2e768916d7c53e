"""What may be decoded at all: containers, codecs and sizes, checked before FFmpeg sees the file."""

from __future__ import annotations

import stat
from pathlib import Path

from lus_keras.core.errors import VideoError

_MPEG = ("h264", "hevc", "mpeg4", "msmpeg4", "msmpeg4v2", "msmpeg4v3", "mpeg1video", "mpeg2video")
CODECS = frozenset((*_MPEG, "mjpeg", "gif", "png", "rawvideo", "ffv1", "vp8", "vp9"))
MAX_PIXELS = 4096**2
MAX_FRAMES = 20_000
# Of a video that is decoded and let go frame by frame: an hour at 120 fps.
MAX_STREAMED = 432_000
MAX_SECONDS = 3_600
MAX_BYTES = 8 << 30

# Start of the file: (offset, bytes, demuxer). Naming the demuxer keeps FFmpeg from guessing, which
# would follow a playlist under the name of a video.
_MAGIC = (
    (0, b"RIFF", "avi"),
    *((4, box, "mov") for box in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x00\x00\x01\xb3", "mpegvideo"),
    (0, b"GIF8", "gif"),
    # Still images are videos of one frame.
    (0, b"\xff\xd8\xff", "jpeg_pipe"),
    (0, b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
)
# Suffixes that tell the truth about a container.
SUFFIXES = {
    "avi": (".avi",),
    "mov": (".mp4", ".mov", ".m4v"),
    "mpeg": (".mpg", ".mpeg", ".vob"),
    "mpegvideo": (".mpg", ".mpeg", ".m1v", ".m2v"),
    "gif": (".gif",),
    "matroska": (".mkv", ".webm"),
    "jpeg_pipe": (".jpg", ".jpeg"),
    "png_pipe": (".png",),
}
STILLS = ("jpeg_pipe", "png_pipe")
VIDEO_SUFFIXES = frozenset(
    suffix
    for container, suffixes in SUFFIXES.items()
    for suffix in suffixes
    if container not in STILLS
)


def container_format_of(path: Path) -> str:
    """Recognises the container by the first bytes, whatever the name says.

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
            start = stream.read(16)
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or error
        raise VideoError(f"{path}: cannot be read ({cause}). Check the path.") from error
    for offset, magic, container_format in _MAGIC:
        if start[offset:].startswith(magic):
            return container_format
    cause = f"it starts with {start!r}" if start else "0 bytes"
    raise VideoError(
        f"{path}: is not a video ({cause}). Copy it again, or convert it to AVI or MP4."
    )
