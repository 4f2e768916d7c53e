"""Clips on disk: what training reads, without a word of Keras, so that it can go to any process."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import ArrayLike

from lus_keras.core.config import ClipConfig
from lus_keras.data.augment import flip_horizontally
from lus_keras.data.cache import FrameStore
from lus_keras.data.clips import ClipIndex


@dataclass(frozen=True)
class ClipSource:
    """Where clips are read from: memory maps of frames and an index into them.

    Attributes:
        stores: The decoded frames; videos are counted over all of them.
        clip: How gray levels become a network's input.
    """

    stores: tuple[FrameStore, ...]
    index: ClipIndex
    clip: ClipConfig

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """`(t, h, w, c)` of a clip as it is stored."""
        channels = max(store.channels for store in self.stores)
        return (self.index.frames, *self.index.size, channels)

    def read(self, rows: ArrayLike, mirrored: ArrayLike | None = None) -> np.ndarray:
        """Copies clips out of the memory maps.

        Args:
            rows: `(b,)` rows of the index.
            mirrored: `(b,)` which of them to flip left to right; None is none.

        Returns:
            `(b, t, h, w, c)` uint8, 0 … 255; what a clip lacks is 0, or its last frame.
        """
        rows = np.asarray(rows, np.int64)
        flips = np.zeros(len(rows), bool) if mirrored is None else np.asarray(mirrored, bool)
        views = [store.views() for store in self.stores]
        ends = list(accumulate(len(store.videos) for store in self.stores))
        height, width = self.index.size
        clips = np.zeros((len(rows), *self.shape), np.uint8)
        for clip, row, flip in zip(clips, rows, flips, strict=True):
            number = int(self.index.video[row])
            store = bisect_right(ends, number)
            frames = views[store](number - (ends[store - 1] if store else 0))
            first, length = self.index.first[row], self.index.length[row]
            y, x = self.index.corner[row]
            shown = frames[first : first + length, y : y + height, x : x + width]
            clip[:length] = flip_horizontally(shown) if flip else shown
            if self.clip.padding == "last":
                clip[length:] = clip[length - 1]
        return clips
