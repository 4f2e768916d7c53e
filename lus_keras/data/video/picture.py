"""One image: JPEG, PNG, BMP or TIFF with 8 or more bits per channel."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import av
import numpy as np
from PIL import ExifTags, Image

from lus_keras.core.errors import VideoError
from lus_keras.data.video.formats import MAX_PIXELS
from lus_keras.data.video.orientation import Orientation

# First bytes of each image format, and FFmpeg's name of its demuxer.
_MAGIC = (
    (b"\xff\xd8\xff", "jpeg_pipe"),
    (b"\x89PNG\r\n\x1a\n", "png_pipe"),
    (b"BM", "bmp_pipe"),
    (b"II\x2a\0", "tiff_pipe"),
    (b"MM\0\x2a", "tiff_pipe"),
)
# Exceptions that Pillow raises for damaged files; for unknown formats it raises an OSError.
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
# Bit depths of detectors and converters; an image that uses 11 bits has a range of 12.
DEPTHS = (8, 10, 12, 14, 16)


def read_picture(path: Path) -> tuple[av.VideoFrame, str]:
    """Decodes one image, whose format is recognized by its first bytes.

    Returns:
        The image as stored, and FFmpeg's name of its codec.

    Raises:
        VideoError: The image cannot be read, is of another format, damaged or too large, or has
            several pages or non-integer pixel values.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    kind = next((kind for magic, kind in _MAGIC if start.startswith(magic)), None)
    if kind is None:
        cause = f"it starts with {start!r}" if start else "0 bytes"
        raise VideoError(f"{path}: is not a JPEG, PNG, BMP or TIFF image ({cause}). Copy it again.")
    if kind == "tiff_pipe":
        _refuse_pages(path)
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        with av.open(str(path.resolve()), format=kind, options=options) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            stream.codec_context.thread_count = 1
            picture = cast(av.VideoFrame | None, next(container.decode(stream), None))
            codec = stream.codec_context.name
    except (av.FFmpegError, IndexError) as error:
        raise VideoError(
            f"{path}: is damaged or larger than 4096² pixels. Copy it again."
        ) from error
    if picture is None:
        raise VideoError(f"{path}: no frame can be decoded. Copy it again.")
    if "f32" in picture.format.name or "f16" in picture.format.name:
        raise VideoError(
            f"{path}: pixel values are not integers. Save it with 8 or 16 bits per channel."
        )
    return picture, codec


def exif_orientation(path: Path) -> Orientation:
    """EXIF orientation of an image file; upright if it cannot be read."""
    try:
        with Image.open(path) as image:
            return Orientation.of_exif(image.getexif().get(ExifTags.Base.Orientation, 1))
    except _UNREADABLE:
        return Orientation()


def _refuse_pages(path: Path) -> None:
    """Refuses files with several pages, of which FFmpeg would silently read only the first."""
    try:
        with Image.open(path) as image:
            pages = getattr(image, "n_frames", 1)
    except _UNREADABLE as error:
        raise VideoError(f"{path}: is damaged or has an unknown format. Copy it again.") from error
    if pages > 1:
        raise VideoError(f"{path}: contains {pages} pages. Save each as a separate image.")


def component_bits(picture: av.VideoFrame) -> int:
    """Largest number of bits per channel of an image as stored."""
    return max((int(component.bits) for component in picture.format.components), default=8)


def bits_used(paths: Sequence[Path]) -> int:
    """Number of bits required by the brightest pixel of all images, rounded up to `DEPTHS`.

    Args:
        paths: Images of one video; a common scale keeps their brightness comparable.

    Raises:
        VideoError: An image cannot be decoded.
    """
    used = 0
    for path in paths:
        picture, _ = read_picture(path)
        if component_bits(picture) > DEPTHS[0]:
            used = max(used, int(_deep_pixels(picture).max()).bit_length())
            if used > DEPTHS[-2]:
                break
    return next(depth for depth in DEPTHS if used <= depth)


def as_8_bits(picture: av.VideoFrame, used: int) -> av.VideoFrame:
    """Scales an image with more than 8 bits per channel to 0 … 255 by its used bits.

    Args:
        picture: Image with more than 8 bits per channel.
        used: Number of bits used, 8 … 16.

    Returns:
        Gray or RGB image with 8 bits per channel.
    """
    shallow = (_deep_pixels(picture) >> (used - 8)).astype(np.uint8)
    return av.VideoFrame.from_ndarray(shallow, format="gray" if shallow.ndim == 2 else "rgb24")


def _deep_pixels(picture: av.VideoFrame) -> np.ndarray:
    """Gray `(h, w)` or RGB `(h, w, 3)` uint16."""
    gray = len(picture.format.components) < 3
    return picture.reformat(format="gray16le" if gray else "rgb48le").to_ndarray()
