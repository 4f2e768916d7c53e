"""Clips on disk: what training reads, without a word of Keras, so that it can go to any process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lus_keras.augment import flip_horizontally
from lus_keras.cache import FrameStore
from lus_keras.clips import ClipIndex


@dataclass(frozen=True)
class ClipSource:
    """Where clips are read from: a memory map of frames and an index into it.

    Attributes:
        store: The decoded frames.
        index: The clips.
        scaling: How grey levels become inputs, one of `pipeline.SCALINGS`.
    """

    store: FrameStore
    index: ClipIndex
    scaling: str = "unit"

    def read(self, rows: ArrayLike, mirrored: ArrayLike | None = None) -> np.ndarray:
        """Copies clips out of the memory map.

        Args:
            rows: `(b,)` rows of the index.
            mirrored: `(b,)` which of them to flip left to right; None is none.

        Returns:
            `(b, t, h, w, c)` uint8, 0 … 255.
        """
        frames, length = self.store.frames(), self.index.frames
        starts = self.index.start[np.asarray(rows, np.int64)]
        flips = np.zeros(len(starts), bool) if mirrored is None else np.asarray(mirrored, bool)
        clips = np.empty((len(starts), length, *self.store.shape[1:]), np.uint8)
        for clip, first, flip in zip(clips, starts, flips, strict=True):
            shown = frames[first : first + length]
            clip[...] = flip_horizontally(shown) if flip else shown
        return clips
