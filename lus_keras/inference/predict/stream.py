"""Clips of a video as it is decoded: those that training would cut, without holding the video."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from lus_keras.core.config import ClipConfig
from lus_keras.core.errors import VideoError
from lus_keras.data.cache import FrameSpec
from lus_keras.data.cache.stream import Found, count_stored, stream_stored
from lus_keras.data.clips import cut_video
from lus_keras.data.clips.cut import Cut, window_cuts
from lus_keras.data.manifest import Video


@dataclass(frozen=True)
class Piece:
    """A clip `(t, h, w, c)` uint8; frames beyond `cut.length` are 0, or the last real frame."""

    cut: Cut
    pixels: np.ndarray


def stream_clips(
    video: Video,
    clip: ClipConfig,
    *,
    cropped: bool = False,
    damaged: bool = False,
    found: Found | None = None,
) -> Iterator[Piece]:
    """Decodes a video once and cuts it while decoding; only a few clips' frames are in memory.

    Args:
        video: The video; its region of interest and the frame rate of images are used.
        cropped: Whether the video shows only the sector, so that it is not cropped to it.
        damaged: Whether the readable frames of a damaged file are cut; otherwise damage is an
            error.
        found: Filled with the findings of decoding.

    Yields:
        The clips of `cut_video`, in its order, with the same pixels as in training; at least one.

    Raises:
        VideoError: The file cannot be decoded, crashes or stalls the decoder, is too short or too
            small for one clip, lacks a required region of interest, or is damaged.
    """
    spec = FrameSpec.of(clip, cropped=cropped)
    frames = stream_stored(video, spec, damaged=damaged, found=found)
    if clip.unit == "video":
        held = np.stack(list(islice(frames, clip.frames)))
        _drain(frames)
        yield _padded(held, clip)
    elif clip.unit == "frame":
        count = count_stored(video, clip.fps)
        cuts = {cut.first: cut for cut in cut_video(count, clip.size, clip)}
        for number, pixels in enumerate(frames):
            if number in cuts:
                yield Piece(cuts[number], pixels[None])
    else:
        yield from _windows(video, frames, clip)


def _drain(frames: Iterator[np.ndarray]) -> None:
    """Decodes what no clip needs, as only the end of a file tells what it has lost."""
    deque(frames, maxlen=0)


def _padded(pixels: np.ndarray, clip: ClipConfig) -> Piece:
    count = len(pixels)
    filling = pixels[-1] if clip.padding == "last" else np.zeros_like(pixels[-1])
    padding = np.broadcast_to(filling, (clip.frames - count, *filling.shape))
    return Piece(Cut(0, count, 0, 0, ""), np.concatenate([pixels, padding]))


def _piece(cut: Cut, window: np.ndarray, clip: ClipConfig) -> Piece:
    height, width = clip.picture
    return Piece(cut, window[:, cut.y : cut.y + height, cut.x : cut.x + width])


def _windows(video: Video, frames: Iterator[np.ndarray], clip: ClipConfig) -> Iterator[Piece]:
    held: deque[np.ndarray] = deque(maxlen=clip.frames)
    count, given, size = 0, 0, clip.size
    for count, pixels in enumerate(frames, start=1):
        held.append(pixels)
        first = count - clip.frames
        if first < 0 or first % clip.stride:
            continue
        window, size = np.stack(held), pixels.shape[:2]
        for cut in window_cuts(first, clip.frames, size, clip):
            given += 1
            yield _piece(cut, window, clip)
    if 0 < count < clip.frames and clip.short == "pad":
        window, size = _padded(np.stack(held), clip).pixels, held[0].shape[:2]
        for cut in window_cuts(0, count, size, clip):
            given += 1
            yield _piece(cut, window, clip)
    if not given:
        rate = f" at {clip.fps:g} fps" if clip.fps else ""
        height, width = clip.picture
        seen = f"{count} frames" if count < clip.frames else f"a region of {size[0]}×{size[1]}"
        raise VideoError(
            f"{video.video}: is too {'short' if count < clip.frames else 'small'}: a clip needs "
            f"{clip.frames} frames{rate} of {height}×{width} pixels. Received {seen}. Use a longer "
            "or larger video."
        )
