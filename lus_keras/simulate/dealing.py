"""Shares of several classes and lengths of videos, dealt out so that a cohort looks as its paper's.

Lengths are drawn apart from classes: how long a video is must not tell what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Concentration of a patient's own mixture of classes; the smaller, the more alike the videos of
# one patient are.
MIXTURE_STRENGTH = 3.0


def quotas(total: int, shares: Sequence[float]) -> np.ndarray:
    """Splits a number by shares, largest remainders first.

    Args:
        total: What to split.
        shares: k relative frequencies.

    Returns:
        `(k,)` int64 with sum `total`; each at least 1 if `total` allows it.
    """
    exact = np.asarray(shares, float) / np.sum(shares) * total
    count = np.floor(exact).astype(np.int64)
    for k in np.argsort(count - exact, kind="stable")[: total - int(count.sum())]:
        count[k] += 1
    if total >= len(count):
        for k in np.flatnonzero(count == 0):
            count[count.argmax()] -= 1
            count[k] = 1
    return count


def deal_classes(
    counts: np.ndarray, shares: Sequence[float], rng: np.random.Generator
) -> list[np.ndarray]:
    """Deals a deck of classes to videos, each patient preferring some of them.

    Args:
        counts: `(patients,)` int, videos of each patient.
        shares: k relative frequencies of the classes in the cohort.
        rng: Random stream.

    Returns:
        One `(n,)` int64 array of class numbers a patient; over all, exactly `quotas`.
    """
    prior = np.asarray(shares, float) / np.sum(shares)
    mixtures = rng.dirichlet(MIXTURE_STRENGTH * prior, len(counts)) + 1e-6
    owners = np.repeat(np.arange(len(counts)), counts)
    left, dealt = quotas(len(owners), shares), np.zeros(len(owners), np.int64)
    for video in rng.permutation(len(owners)):
        # The deck thins as it is dealt, hence the mixture relative to the cohort's.
        weight = mixtures[owners[video]] / prior * left
        dealt[video] = rng.choice(len(prior), p=weight / weight.sum())
        left[dealt[video]] -= 1
    return [dealt[owners == patient] for patient in range(len(counts))]


def draw_lengths(
    lengths: Sequence[tuple[int, int]], count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws numbers of frames from a histogram.

    Args:
        lengths: Pairs (frames, videos).
        count: How many to draw.
        rng: Random stream.

    Returns:
        `(count,)` int64; the histogram itself, shuffled, when `count` is its sum.
    """
    frames, videos = np.array(lengths).T
    pool = np.repeat(frames, videos)
    return rng.permutation(pool) if count == len(pool) else rng.choice(pool, count)
