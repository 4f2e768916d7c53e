"""Whole videos as the cache reads them, for tests that compare all of their frames."""

import numpy as np

from lus_keras.data.video import iter_resampled
from lus_keras.data.video.formats import MAX_FRAMES


def read_resampled(path, **how):
    """`(t, h, w)` or `(t, h, w, 3)` uint8, by the options of `iter_resampled`."""
    return np.stack(list(iter_resampled(path, most=MAX_FRAMES, **how)))
