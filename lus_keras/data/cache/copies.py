"""Near copies of one video under two patients, found by the pictures that are trained on."""

from collections.abc import Iterator

import numpy as np

from lus_keras.data.cache import FrameStore
from lus_keras.data.identity import near_copies, warning_of_copies
from lus_keras.data.video import first_fingerprint


def copies_warning(store: FrameStore) -> str:
    """One sentence on videos of two patients that begin alike, with a count and examples.

    Simulated videos are left out: they are rendered, not copied.

    Returns:
        The warning, or nothing where there is no such pair.
    """
    view = store.views()
    fingerprints = {
        number: first_fingerprint(_grey(view(number)))
        for number, video in enumerate(store.videos)
        if video.video and store.counts[number]
    }
    pairs = list(near_copies(fingerprints, [video.patient_id for video in store.videos]))
    names = [f"{video.video_id!r} (patient {video.patient_id!r})" for video in store.videos]
    return warning_of_copies(pairs, names)


def _grey(frames: np.ndarray) -> Iterator[np.ndarray]:
    """Frames `(h, w)` uint8, one at a time."""
    for frame in frames:
        yield frame[..., 0] if frame.shape[-1] == 1 else frame.mean(axis=-1).astype(np.uint8)
