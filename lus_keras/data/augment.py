"""Augmentation: deterministic transforms of clips, and which clips they are applied to."""

import numpy as np

AUGMENTATIONS = ("none", "flip")


def flip_horizontally(clips: np.ndarray) -> np.ndarray:
    """Mirrors `(…, h, w, c)` left to right, as probe and lung are symmetric enough."""
    return clips[..., ::-1, :]


def training_set(rows: np.ndarray, augment: str) -> tuple[np.ndarray, np.ndarray]:
    """Training clips with the augmented copies appended (Kerdegari 2021, Sec. 3.2).

    Args:
        rows: `(n,)` int64 rows of the clip index.
        augment: "flip" appends one mirrored copy of every clip, "none" nothing.

    Returns:
        Rows `(m,)` int64 and flags `(m,)` bool "mirror this one"; m is n or 2n.

    Raises:
        ValueError: `augment` is neither.
    """
    if augment not in AUGMENTATIONS:
        raise ValueError(f"`augment` must be one of {AUGMENTATIONS}. Received: {augment!r}.")
    rows = np.asarray(rows, np.int64)
    plain = np.zeros(len(rows), bool)
    if augment == "none":
        return rows, plain
    return np.concatenate([rows, rows]), np.concatenate([plain, ~plain])
