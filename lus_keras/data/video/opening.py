"""Opens a file and checks its header against the supported formats."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from lus_keras.core.errors import VideoError
from lus_keras.data.video.formats import CODECS, MAX_PIXELS, MAX_STREAMED, container_format_of
from lus_keras.data.video.records import VideoInfo
from lus_keras.data.video.truncation import index_leaves_file

# Containers whose index is read completely before decoding.
_INDEXED = ("avi", "mov")
# On data that no encoder writes, the decoder raises an error instead of concealing it with
# neighboring pixels. The verdict on the 270 videos of the two public data sets is the same.
_STRICT = "crccheck+bitstream+buffer+explode"


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream, VideoInfo]]:
    """Opens a file and checks it; errors of FFmpeg inside the context become `VideoError`."""
    container_format = container_format_of(path)
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        with av.open(
            str(path.resolve()), format=container_format, options=options, metadata_errors="replace"
        ) as container:
            info = _check_stream(path, container, container_format)
            stream = container.streams.video[0]
            # The frame size may also grow after the header has been read.
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS), "err_detect": _STRICT}
            # With several threads, error concealment is not deterministic for damaged files.
            stream.codec_context.thread_count = 1
            yield container, stream, info
    except av.FFmpegError as error:
        cause = "index missing or damaged" if container_format == "mov" else "header damaged"
        raise VideoError(
            f"{path}: cannot be opened as {container_format} ({cause}; FFmpeg: {error.strerror}). "
            "Copy the file again from its source, or re-mux it."
        ) from error


def _check_stream(path: Path, container: InputContainer, container_format: str) -> VideoInfo:
    if not container.streams.video:
        raise VideoError(f"{path}: contains no video stream. Give another file.")
    stream = container.streams.video[0]
    context = stream.codec_context
    # Decoding libraries have their own names: libdav1d decodes av1.
    codec = "unknown" if context is None else context.codec.canonical_name
    if context is None or codec not in CODECS:
        raise VideoError(
            f"{path}: codec {codec} is not supported. Convert the file to one of "
            f"{', '.join(sorted(CODECS))}."
        )
    if not 0 < context.width * context.height <= MAX_PIXELS:
        # FFmpeg reports no size at all for frames above max_pixels.
        size = f"{context.width}×{context.height}" if context.width else "unknown, or too large"
        raise VideoError(
            f"{path}: the image size is {size}; at most 4096² pixels are decoded. Scale it down."
        )
    fps = float(stream.average_rate) if stream.average_rate else None
    start_s = _starts_after_sound(container, stream)
    note = (
        f"its video stream starts {start_s:.3f} s after its sound, from which players measure time."
    )
    indexed = container_format in _INDEXED
    return VideoInfo(
        container_format,
        codec,
        context.width,
        context.height,
        fps,
        stream.frames if 0 < stream.frames <= MAX_STREAMED else None,
        start_s=start_s,
        index_outside=indexed and index_leaves_file(stream, path.stat().st_size),
        notes=(note,) if start_s * (fps or 1) >= 1 else (),
        doubts=tuple(_doubts(container, stream)),
    )


def _doubts(container: InputContainer, stream: VideoStream) -> Iterator[tuple[str, str]]:
    """Properties in a header that are ignored: further streams and non-square pixels."""
    others = [
        other
        for other in container.streams.video
        if other is not stream and not other.disposition & Disposition.attached_pic
    ]
    if others:
        sizes = ", ".join(f"{other.width}×{other.height}" for other in others)
        yield (
            "streams",
            f"contains {len(others) + 1} video streams, of which the first, "
            f"{stream.width}×{stream.height}, is read, not {sizes}. Check in a player which one is "
            "intended; `ffmpeg -i FILE -map 0:v:1 -c copy NEW` keeps only the second one.",
        )
    aspect = stream.sample_aspect_ratio
    if aspect and aspect > 0 and aspect != 1:
        shown = round(stream.width * aspect)
        yield (
            "pixel-aspect",
            f"its pixels are not square ({aspect.numerator}:{aspect.denominator}): players show "
            f"{stream.width}×{stream.height} as {shown}×{stream.height}; it is read as stored, so "
            "shapes and angles differ from videos with square pixels. If the header is right, "
            "convert it: `ffmpeg -i FILE -vf scale=iw*sar:ih,setsar=1 NEW`.",
        )


def _starts_after_sound(container: InputContainer, stream: VideoStream) -> float:
    """Seconds from the first sound to the first frame; 0 if sound is absent or starts later."""
    starts_s = [
        float(sound.start_time * sound.time_base)
        for sound in container.streams.audio
        if sound.start_time is not None and sound.time_base is not None
    ]
    if not starts_s or stream.start_time is None or stream.time_base is None:
        return 0.0
    # Sound may begin before time 0 with priming samples of its encoder, which are not played.
    return max(0.0, float(stream.start_time * stream.time_base) - max(0.0, min(starts_s)))
