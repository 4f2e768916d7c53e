"""Several labels of one clip as one whole number: bit k is set where label k applies.

An integer a clip is what splits, caches, pipelines and losses know already. Columns of the registry
of labels that hold several values are read so; 0 is "looked at, none of them".
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lus_keras.core.labels import MULTILABEL as COLUMNS
from lus_keras.core.labels import pack as pack

NONE_OF_THEM = "none of them"


def unpack(masks: ArrayLike, count: int) -> NDArray[np.int64]:
    """`(n, k)` int64, 1 where a label applies, of masks as `pack` gives them."""
    return np.asarray(masks, np.int64).reshape(-1, 1) >> np.arange(count) & 1


def shows(labels: ArrayLike, number: int, column: str) -> NDArray[np.bool_]:
    """Which clips are of a class, or show a label.

    Args:
        labels: `(n,)` integers, of a column of `COLUMNS` packed, of any other classes.
        column: Column of the manifest they come from.

    Returns:
        `(n,)` bool.
    """
    values = np.asarray(labels, np.int64)
    return (values >> number & 1).astype(bool) if column in COLUMNS else values == number


def class_counts(labels: ArrayLike, names: Sequence[str], column: str) -> dict[str, int]:
    """Clips of each class, or with each label; those of several labels count with each.

    Returns:
        Counts by name; where clips may have several labels, also `NONE_OF_THEM`.
    """
    counts = {name: int(shows(labels, k, column).sum()) for k, name in enumerate(names)}
    if column in COLUMNS:
        counts[NONE_OF_THEM] = int((np.asarray(labels) == 0).sum())
    return counts


def rarest_first(groups: ArrayLike, masks: ArrayLike) -> NDArray[np.int64]:
    """Classes to stratify by: the rarest label that a group shows, so that none is lost to chance.

    A stratum for each combination of labels would mostly hold one patient. Here there is one a
    label, numbered from the commonest (1) to the rarest, and 0 for groups without any. A stratum of
    a single group cannot be on both sides and joins the largest one.

    Args:
        groups: `(n,)` text, patient of every clip, or id of the clip where clips are divided.
        masks: `(n,)` integers, as `pack` gives them.

    Returns:
        `(n,)` int64, the same for all clips of a group.
    """
    names, members = np.unique(np.asarray(groups, str), return_inverse=True)
    shown = np.zeros(len(names), np.int64)
    np.bitwise_or.at(shown, members, np.asarray(masks, np.int64))
    count = int(shown.max(initial=0)).bit_length()
    bits = unpack(shown, count)
    order = np.argsort(-bits.sum(axis=0), kind="stable")
    strata = (bits[:, order] * np.arange(1, count + 1)).max(axis=1, initial=0)
    sizes = np.bincount(strata, minlength=count + 1)
    strata[sizes[strata] == 1] = int(sizes.argmax())
    return strata[members]


def wrong_answers(truth: ArrayLike, probabilities: ArrayLike) -> NDArray[np.float64]:
    """`(n, k)` probability of each wrong answer, 1/2 … 1, 0 where it is right.

    The answer is yes where a probability is above 1/2.
    """
    chances = np.asarray(probabilities, np.float64)
    said = chances > 0.5
    return np.where(
        said == np.asarray(truth).astype(bool), 0.0, np.where(said, chances, 1 - chances)
    )
