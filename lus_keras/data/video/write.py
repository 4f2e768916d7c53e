"""Writes frames to a video file, atomically."""

import itertools
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream

from lus_keras.core.errors import VideoError
from lus_keras.core.files import atomic_write

_QSCALE = 2
_MATROSKA_CLOCK = Fraction(1, 1000)


@dataclass(frozen=True)
class _Encoding:
    """An FFmpeg encoder, its input pixel formats, and its settings for high quality."""

    encoder: str
    gray: str = "yuv420p"
    rgb: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)


_ENCODINGS = {
    "mjpeg": _Encoding("mjpeg", "yuvj420p", "yuvj420p"),
    "rawvideo": _Encoding("rawvideo", "gray", "bgr24"),
    "ffv1": _Encoding("ffv1", "gray", "bgr0"),
    "mpeg4": _Encoding("mpeg4"),
    "h264": _Encoding("libx264", options={"crf": "12"}),
}
_CODECS = {
    ".avi": ("mjpeg", "rawvideo", "ffv1", "mpeg4"),
    ".mp4": ("mpeg4", "h264"),
    ".mov": ("mpeg4", "h264", "mjpeg"),
    ".mkv": ("mjpeg", "ffv1", "mpeg4", "h264"),
}


def write_video(
    path: str | os.PathLike[str],
    frames: np.ndarray | Iterable[np.ndarray],
    fps: float,
    codec: str = "mjpeg",
    *,
    times_s: Sequence[float] | None = None,
) -> None:
    """Encodes frames; `rawvideo` and `ffv1` are lossless.

    Args:
        path: File to create or replace; its suffix determines the container.
        frames: `(t, h, w)` grayscale or `(t, h, w, 3)` RGB uint8, or an iterable of such frames,
            which is consumed one frame at a time.
        fps: Frames per second, positive.
        codec: mjpeg, rawvideo, ffv1 or mpeg4 for .avi; mpeg4 or h264 for .mp4.
        times_s: Time stamp of each frame in seconds, increasing by at least a millisecond, for
            .mkv only; with None the rate is constant and frame i is at i / fps.

    Raises:
        VideoError: The codec is not available for the container or not built in, `fps` is not
            positive, there are no frames, or they are not uint8 or differ in shape.
    """
    path = Path(path)
    encoding = _encoding(path, codec)
    if not 0 < fps < math.inf:
        raise VideoError(f"{path}: `fps` must be positive. Received {fps}. Give the frame rate.")
    if times_s is not None and path.suffix.lower() != ".mkv":
        raise VideoError(f"{path}: only .mkv stores time stamps of frames. Change the suffix.")
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise VideoError(
            f"{path}: a video must contain at least one frame. Received none. Give at least one."
        )
    with atomic_write(path) as temporary_path:
        try:
            _encode(
                path, temporary_path, itertools.chain([first], iterator), fps, encoding, times_s
            )
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(
                f"{path}: {codec} cannot encode frames of shape {first.shape} at {fps:g} fps "
                f"({error}). h264 needs an even width and height; use another codec."
            ) from error


def _encoding(path: Path, codec: str) -> _Encoding:
    allowed = _CODECS.get(path.suffix.lower())
    if allowed is None:
        raise VideoError(
            f"{path}: suffix must be one of {', '.join(_CODECS)}. "
            f"Received {path.suffix!r}. Choose one of them."
        )
    if codec not in allowed:
        raise VideoError(
            f"{path}: codec must be one of {', '.join(allowed)} in {path.suffix}. "
            f"Received {codec!r}. Choose another codec or suffix."
        )
    encoding = _ENCODINGS[codec]
    if encoding.encoder not in av.codecs_available:
        raise VideoError(f"{path}: this build of PyAV lacks {encoding.encoder}. Use mpeg4.")
    return encoding


def _encode(
    path: Path,
    temporary_path: Path,
    frames: Iterable[np.ndarray],
    fps: float,
    encoding: _Encoding,
    times_s: Sequence[float] | None,
) -> None:
    # MPEG-4 stores the clock in 16 bits, which limits the denominator.
    rate = Fraction(fps).limit_denominator(1001)
    clock = 1 / rate if times_s is None else _MATROSKA_CLOCK
    shape = None
    with av.open(str(temporary_path), "w") as container:
        stream = cast(VideoStream, container.add_stream(encoding.encoder, rate=rate))
        stream.options = dict(encoding.options)
        stream.codec_context.time_base = clock
        for index, pixels in enumerate(frames):
            shape = pixels.shape if shape is None else shape
            _check_frame(path, index, pixels, shape)
            if index == 0:
                stream.height, stream.width = shape[:2]
                stream.pix_fmt = encoding.gray if pixels.ndim == 2 else encoding.rgb
                if encoding.encoder in ("mjpeg", "mpeg4"):
                    stream.codec_context.flags |= av.codec.context.Flags.qscale
                    stream.codec_context.global_quality = _QSCALE * 118  # FF_QP2LAMBDA
            layout = "gray" if pixels.ndim == 2 else "rgb24"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=layout)
            picture.pts = index if times_s is None else round(times_s[index] / clock)
            picture.time_base = clock
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def _check_frame(path: Path, index: int, pixels: np.ndarray, shape: tuple[int, ...]) -> None:
    gray_or_rgb = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not gray_or_rgb or pixels.shape != shape:
        raise VideoError(
            f"{path}: frame {index} must be uint8 (h, w) or (h, w, 3), of the same shape as the "
            f"first. Received {pixels.dtype} {pixels.shape}. Convert it."
        )
