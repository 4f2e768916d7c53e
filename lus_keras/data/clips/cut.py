"""Positions of clips in a video: windows in time, tiles in space, whole videos, single frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lus_keras.core.config import ClipConfig


@dataclass(frozen=True)
class Cut:
    """One clip: `length` real frames, the rest padding; `suffix` makes its id unique."""

    first: int
    length: int
    y: int
    x: int
    suffix: str


def windows(count: int, frames: int, stride: int) -> range:
    """First frames of all whole windows; an incomplete one at the end is dropped.

    120 frames in windows of 30 with stride 24 start at 0, 24, 48, 72 (96 would end at 126).
    """
    return range(0, count - frames + 1, stride)


def spaced_frames(count: int, number: int) -> list[int]:
    """Frames spread over a video: the middles of `number` equal parts, or all it has if fewer.

    Of 12 frames 3 are 2, 6 and 10.
    """
    return sorted({int((part + 0.5) * count / number) for part in range(number)} if count else ())


def tiles(
    size: tuple[int, int], tile: tuple[int, int], step: tuple[int, int], rows: int | None = None
) -> Iterator[tuple[int, int]]:
    """Upper left corners of all whole tiles of a picture, row by row from its upper left corner.

    Args:
        size: `(height, width)` of the picture in pixels.
        tile: `(height, width)` of a tile.
        step: Pixels from one tile to the next, down and across.
        rows: Only the first so many rows of tiles; None is all.

    Yields:
        `(y, x)`.
    """
    for y in windows(size[0], tile[0], step[0])[:rows]:
        for x in windows(size[1], tile[1], step[1]):
            yield y, x


def cut_video(count: int, size: tuple[int, int], clip: ClipConfig) -> Iterator[Cut]:
    """Cuts one video.

    Args:
        count: Number of frames of the video.
        size: `(height, width)` of its frames in pixels.

    Yields:
        The clips in temporal order, and row by row within a window.
    """
    if clip.unit == "video":
        yield Cut(0, min(count, clip.frames), 0, 0, "")
    elif clip.unit == "frame":
        for frame in spaced_frames(count, clip.per_video):
            yield Cut(frame, 1, 0, 0, f"@{frame:04d}")
    else:
        starts: Sequence[int] = windows(count, clip.frames, clip.stride)
        if not starts and count and clip.short == "pad":
            starts = (0,)
        for first in starts:
            yield from window_cuts(first, min(count, clip.frames), size, clip)


def window_cuts(first: int, length: int, size: tuple[int, int], clip: ClipConfig) -> Iterator[Cut]:
    """Clips of one window with `length` real frames: the window itself, or its tiles by row."""
    if clip.unit != "tile" or clip.tile is None:
        yield Cut(first, length, 0, 0, f"@{first:04d}")
        return
    for y, x in tiles(size, clip.tile, clip.tile_step or clip.tile, clip.tile_rows):
        yield Cut(first, length, y, x, f"@{first:04d}+{y:03d}+{x:03d}")
