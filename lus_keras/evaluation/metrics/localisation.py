"""Temporal localization: frame weights compared with annotated frames.

All arrays are `(n, t)`: n clips of t frames. `truth` is 1 (annotated), 0 (not) or -1 (unknown); a
clip with any unknown frame scores NaN. Scores are `(n,)` float64 in 0 … 1, one per clip. The paper
states neither the threshold nor the clips it uses; both are arguments and printed with the table.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def minmax(attention: ArrayLike) -> Floats:
    """Rescales each clip's weights `(n, t)` to 0 … 1, float64; constant weights become 0."""
    attention = np.asarray(attention, np.float64)
    low = attention.min(axis=1, keepdims=True)
    spread = attention.max(axis=1, keepdims=True) - low
    return np.divide(attention - low, spread, out=np.zeros_like(attention), where=spread > 0)


def temporal_iou(attention: ArrayLike, truth: ArrayLike, threshold: float = 0.5) -> Floats:
    """Overlap |P ∩ G| / |P ∪ G| of P = {t: min-max attention ≥ threshold} and G = {t: truth = 1}.

    Args:
        attention: `(n, t)` weights of any scale.
        truth: `(n, t)` integers 1, 0 or -1.
        threshold: Threshold of the rescaled weights, in (0, 1].

    Returns:
        `(n,)` float64 in 0 … 1; NaN for unknown truth or if P and G are both empty.

    Raises:
        ValueError: The shapes differ or `threshold` is outside (0, 1].
    """
    attention, truth = _same_shape(attention, truth)
    if not 0 < threshold <= 1:
        raise ValueError(f"`threshold` must lie in (0, 1]. Received: threshold={threshold}.")
    predicted, annotated = minmax(attention) >= threshold, truth == 1
    union = (predicted | annotated).sum(1)
    iou = np.full(len(truth), np.nan)
    return np.divide(
        (predicted & annotated).sum(1), union, out=iou, where=(union > 0) & known(truth)
    )


def representative_frame_hit(attention: ArrayLike, truth: ArrayLike) -> Floats:
    """Whether the frame with the highest weight (the first of equals) is annotated.

    Returns:
        `(n,)` float64, 1 or 0; NaN for unknown truth.

    Raises:
        ValueError: The shapes differ.
    """
    attention, truth = _same_shape(attention, truth)
    frame = attention.argmax(1)
    return np.where(known(truth), truth[np.arange(len(truth)), frame] == 1, np.nan)


def random_frame_hit(truth: ArrayLike) -> Floats:
    """Probability that a random frame is annotated, |G| / t (exact, without sampling).

    Returns:
        `(n,)` float64 in 0 … 1; NaN for unknown truth.
    """
    truth = np.asarray(truth)
    return np.where(known(truth), (truth == 1).mean(1), np.nan)


def random_frame_localised(truth: ArrayLike, alphas: Sequence[float]) -> Floats:
    """Probability that one random frame reaches each α, `(n, a)`; NaN for unknown truth.

    The IoU of a single frame inside G is 1 / |G|, that of any other frame 0.
    """
    truth = np.asarray(truth)
    annotated = (truth == 1).sum(1)
    reached = 1 / np.maximum(annotated, 1)[:, None] >= np.asarray(alphas)
    # A product: NaN stays NaN.
    return reached * random_frame_hit(truth)[:, None]


def all_frames_iou(truth: ArrayLike) -> Floats:
    """IoU of predicting every frame, |G| / t: `(n,)` float64 in 0 … 1; NaN for unknown truth."""
    return random_frame_hit(truth)


def population(truth: ArrayLike, predicted_positive: ArrayLike, which: str = "gt_pos") -> Mask:
    """Selects the clips in which localization is evaluated.

    Args:
        truth: `(n, t)` integers 1, 0 or -1.
        predicted_positive: `(n,)` booleans, whether the network predicts the clip positive.
        which: `gt_pos`, all clips with an annotated frame, or `tp`, those also predicted positive.

    Returns:
        `(n,)` booleans.

    Raises:
        ValueError: `which` is invalid.
    """
    truth = np.asarray(truth)
    positive = known(truth) & (truth == 1).any(1)
    if which == "gt_pos":
        return positive
    if which == "tp":
        return positive & np.asarray(predicted_positive, bool)
    raise ValueError(f"`which` must be 'gt_pos' or 'tp'. Received: which={which!r}.")


def known(truth: ArrayLike) -> Mask:
    """`(n,)` booleans: clips in which all frames are annotated as 1 or 0."""
    return np.all(np.asarray(truth) >= 0, axis=1)


def _same_shape(attention: ArrayLike, truth: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    attention, truth = np.asarray(attention, np.float64), np.asarray(truth, np.int64)
    if attention.ndim != 2 or attention.shape != truth.shape:
        raise ValueError(
            "`attention` and `truth` must both be (clips, frames). "
            f"Received: shapes {attention.shape} and {truth.shape}."
        )
    return attention, truth
