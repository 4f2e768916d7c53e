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
    """Indices of the first frames of all complete windows; an incomplete last one is dropped.

    Example: in 120 frames, windows of 30 frames with a stride of 24 start at 0, 24, 48 and 72; a
    window that starts at 96 would end after frame 126.

    Args:
        count: Number of frames of the video.
        frames: Number of frames of a window.
        stride: Number of frames between the starts of successive windows.
    """
    return range(0, count - frames + 1, stride)


def spaced_frames(count: int, number: int) -> list[int]:
    """Indices of evenly spaced frames: the middles of `number` equal parts of the video.

    A video with fewer frames than `number` yields each frame once. Example: 3 of 12 frames are 2,
    6 and 10.

    Args:
        count: Number of frames of the video.
        number: Number of frames to select.
    """
    return sorted({int((part + 0.5) * count / number) for part in range(number)} if count else ())


def tiles(
    size: tuple[int, int], tile: tuple[int, int], step: tuple[int, int], rows: int | None = None
) -> Iterator[tuple[int, int]]:
    """Upper left corners of all complete tiles of an image, row by row from the top left.

    Args:
        size: `(height, width)` of the image in pixels.
        tile: `(height, width)` of a tile in pixels.
        step: Distance in pixels between adjacent tiles, `(vertical, horizontal)`.
        rows: Number of rows of tiles, from the top; None is all.

    Yields:
        `(y, x)` of a tile's upper left corner in pixels.
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
