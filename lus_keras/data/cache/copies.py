"""Near copies of one video under two patients, found in the frames used for training."""

from collections.abc import Iterator

import numpy as np

from lus_keras.data.cache import FrameStore
from lus_keras.data.identity import near_copies, warning_of_copies
from lus_keras.data.video import first_fingerprint


def copies_warning(store: FrameStore) -> str:
    """Warning about videos of different patients with similar first frames.

    Simulated videos are excluded because they are rendered, not copied.

    Returns:
        One sentence with a count and examples; empty if there is no such pair.
    """
    view = store.views()
    fingerprints = {
        number: first_fingerprint(_gray(view(number)))
        for number, video in enumerate(store.videos)
        if video.video and store.counts[number]
    }
    pairs = list(near_copies(fingerprints, [video.patient_id for video in store.videos]))
    names = [f"{video.video_id!r} (patient {video.patient_id!r})" for video in store.videos]
    return warning_of_copies(pairs, names)


def _gray(frames: np.ndarray) -> Iterator[np.ndarray]:
    """Frames `(t, h, w, c)` uint8 as gray frames `(h, w)` uint8, one at a time."""
    for frame in frames:
        yield frame[..., 0] if frame.shape[-1] == 1 else frame.mean(axis=-1).astype(np.uint8)
