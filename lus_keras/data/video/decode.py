"""Decoding: a file to frames in display order, each with its time stamp.

A folder of numbered images is also a video; it has no time stamps, so its frame rate is required.
"""

import heapq
import math
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from lus_keras.core.errors import VideoError
from lus_keras.data.video.formats import MAX_FRAMES, MAX_SECONDS, STILLS
from lus_keras.data.video.opening import open_video
from lus_keras.data.video.orientation import Orientation
from lus_keras.data.video.picture import exif_orientation
from lus_keras.data.video.pictures import decode_pictures, probe_pictures
from lus_keras.data.video.records import DecodedVideo, Frame, VideoInfo, as_shown
from lus_keras.data.video.truncation import has_clock

# Largest number of frames, in any codec, by which decoding order may run ahead of display order.
MAX_REORDERED = 16


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Reads a header and checks it against the supported formats.

    The first frame is decoded, because only it contains the orientation of the video.

    Args:
        path: Video file, or folder of numbered images, of which the first is read.

    Returns:
        Container, codec and size, all of them supported.

    Raises:
        VideoError: The path is not a regular file or not a video, or its format or size is not
            supported.
    """
    path = Path(path)
    if path.is_dir():
        return probe_pictures(path)
    with open_video(path) as (container, stream, info):
        picture, _ = next(_pictures(container, stream), (None, False))
        if picture is None:
            return info
        return as_shown(info, orientation_of(path, info.container)(picture))


def iter_frames(
    path: str | os.PathLike[str], *, grayscale: bool = True, picture_fps: float | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """Decodes a video frame by frame, in display order.

    Args:
        path: Video file, or folder of numbered images.
        grayscale: Gray levels 0 … 255 if true, RGB if false.
        picture_fps: Frames per second of images, or of a file whose stated rate is 0.

    Yields:
        Time stamp in seconds, strictly increasing from 0, and `(h, w)` or `(h, w, 3)` uint8.

    Raises:
        VideoError: The file cannot be opened, has no frames, too many frames or frames of different
            sizes; or a folder of images has no frame rate.
    """
    path = Path(path)
    to_pixels = pixel_converter(path, grayscale)
    for frame in decode(path, picture_fps):
        yield frame.time_s, to_pixels(frame)


def read_video(
    path: str | os.PathLike[str], *, grayscale: bool = True, picture_fps: float | None = None
) -> DecodedVideo:
    """Decodes a whole video into memory; a truncated file gives the frames that it contains.

    Args:
        path: Video file, or folder of numbered images.
        grayscale: Gray levels 0 … 255 if true, RGB if false.
        picture_fps: Frames per second of images, or of a file whose stated rate is 0.

    Returns:
        Frames, time stamps and damaged frames.

    Raises:
        VideoError: As `iter_frames`.
    """
    path = Path(path)
    to_pixels = pixel_converter(path, grayscale)
    pixels, times_s, corrupt, end_s = [], [], [], 0.0
    declared_frames = probe(path).declared_frames
    for index, frame in enumerate(decode(path, picture_fps)):
        pixels.append(to_pixels(frame))
        times_s.append(frame.time_s)
        end_s = frame.time_s + frame.duration_s
        if frame.corrupt:
            corrupt.append(index)
    return DecodedVideo(np.stack(pixels), np.array(times_s), end_s, tuple(corrupt), declared_frames)


def decode(
    path: Path, picture_fps: float | None = None, most: int | None = None
) -> Iterator[Frame]:
    """Decodes a video to frames whose pixels are not converted yet.

    Args:
        path: Video file, or folder of numbered images.
        picture_fps: Frames per second of images, or of a file whose stated rate is 0.
        most: Largest number of frames to decode from a file; None is 20,000.

    Yields:
        Frames in display order, at least one.

    Raises:
        VideoError: As `iter_frames`.
    """
    if path.is_dir():
        yield from decode_pictures(path, picture_fps)
        return
    with open_video(path) as (container, stream, info):
        frames = _frames(path, container, stream, info, most or MAX_FRAMES)
        if has_clock(path, info.container):
            yield from frames
            return
        if picture_fps is None or not 0 < picture_fps < math.inf:
            raise VideoError(
                f"{path}: states a frame rate of 0, so frame times are unknown. Re-mux it with its "
                "rate, or give the rate in the column `fps` of the manifest or, for predict and "
                "explain, with --assume-fps."
            )
        for index, frame in enumerate(frames):
            yield replace(frame, time_s=index / picture_fps, duration_s=1 / picture_fps)


def orientation_of(path: Path, container: str) -> Callable[[av.VideoFrame], Orientation]:
    """Function from a decoded frame to its orientation, stored in the container or in EXIF."""
    if container not in STILLS:
        return Orientation.of
    orientation = exif_orientation(path)
    return lambda picture: orientation


def pixel_converter(path: Path, grayscale: bool) -> Callable[[Frame], np.ndarray]:
    """Function from a frame to uint8 pixels in the orientation in which they are displayed.

    The function reuses its scaler, which halves the time per frame.
    """
    reformatter = VideoReformatter()
    pixel_format = "gray" if grayscale else "rgb24"

    def to_pixels(frame: Frame) -> np.ndarray:
        picture = frame.picture
        try:
            stored = reformatter.reformat(picture, format=pixel_format, threads=1).to_ndarray()
            return frame.orientation.turned(stored)
        except (av.FFmpegError, ValueError) as error:
            raise VideoError(
                f"{path}: the pixel format {picture.format.name} cannot be converted ({error}). "
                "Convert the file to h264 or mjpeg."
            ) from error

    return to_pixels


def _frames(
    path: Path, container: InputContainer, stream: VideoStream, info: VideoInfo, most: int
) -> Iterator[Frame]:
    clock_s = float(stream.time_base or 0)
    mean_s = 1 / info.fps if info.fps else None
    first_s, last_s, size, count = 0.0, 0.0, None, 0
    pictures = _pictures(container, stream)
    orientation = orientation_of(path, info.container)
    reordered = bool(stream.codec_context.has_b_frames)
    if reordered and info.container == "avi":
        pictures = _by_sorted_times(pictures)
    for picture, follows_loss in pictures:
        if count == most:
            raise VideoError(f"{path}: has more than {most} frames. Cut it into parts.")
        if size not in (None, (picture.width, picture.height)):
            raise VideoError(
                f"{path}: frame {count} is {picture.width}×{picture.height} after frames of "
                f"{size[0]}×{size[1]}. Cut it where the size changes."
            )
        size = picture.width, picture.height
        time_s = None if picture.pts is None else picture.pts * clock_s
        if count == 0:
            first_s = time_s or 0.0
            time_s = first_s
        if time_s is None or (count and time_s - first_s <= last_s):
            if mean_s is None:
                raise VideoError(
                    f"{path}: frame {count} has no time stamp and the file no frame rate. "
                    "Re-mux it with a frame rate."
                )
            time_s = first_s + last_s + mean_s
        gap_s, last_s = time_s - first_s - last_s, time_s - first_s
        if last_s > MAX_SECONDS:
            raise VideoError(
                f"{path}: frame {count} is shown at {last_s:.0f} s; at most {MAX_SECONDS} s are "
                "decoded. Cut it into parts, or re-mux it if its time stamps are wrong."
            )
        # Durations belong to packets: if these are reordered, they apply to other frames.
        shown_s = (0 if reordered and mean_s else picture.duration or 0) * clock_s
        if reordered and info.container == "avi":
            # The header may count fields, so that its mean rate is twice the frame rate.
            shown_s = gap_s
        shown_s = shown_s or mean_s or clock_s
        damaged = bool(picture.is_corrupt) or follows_loss
        yield Frame(picture, last_s, shown_s, damaged, orientation(picture))
        count += 1
    if not count:
        raise VideoError(f"{path}: no frame can be decoded. Copy it again from its source.")


def _pictures(
    container: InputContainer, stream: VideoStream
) -> Iterator[tuple[av.VideoFrame, bool]]:
    """Decodes all decodable packets; the flag marks the first frame after an undecodable packet.

    A loss at the very end marks the last frame, which is held back until that is known.
    """
    follows_loss, held = False, None
    for packet in _packets(container, stream):
        try:
            pictures = stream.codec_context.decode(packet)
        except av.FFmpegError:
            follows_loss = True
            continue
        for picture in pictures:
            if held is not None:
                yield held
            held = picture, follows_loss
            follows_loss = False
    if held is not None:
        yield held[0], held[1] or follows_loss


def _by_sorted_times(
    pictures: Iterator[tuple[av.VideoFrame, bool]],
) -> Iterator[tuple[av.VideoFrame, bool]]:
    """Reassigns time stamps in ascending order to frames, which arrive in display order.

    AVI has one time stamp per packet, in decoding order. With frames predicted from later ones, the
    time stamps are correct as a set but in a different order.
    """
    waiting: deque[tuple[av.VideoFrame, bool]] = deque()
    stamps: list[int] = []
    for picture, follows_loss in pictures:
        if picture.pts is None:
            yield picture, follows_loss
            continue
        waiting.append((picture, follows_loss))
        heapq.heappush(stamps, picture.pts)
        if len(waiting) > MAX_REORDERED:
            waiting[0][0].pts = heapq.heappop(stamps)
            yield waiting.popleft()
    while waiting:
        waiting[0][0].pts = heapq.heappop(stamps)
        yield waiting.popleft()


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[av.Packet | None]:
    try:
        yield from container.demux(stream)
    except av.FFmpegError:
        # The file ends here; None flushes the decoder.
        yield None
