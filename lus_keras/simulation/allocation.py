"""Videos, classes and lengths, dealt out so that a cohort looks as its paper's.

Lengths are drawn apart from classes: how long a video is must not tell what it shows.
"""

from collections.abc import Sequence

import numpy as np

# Concentration of a patient's own mixture of classes; the smaller, the more alike the videos of
# one patient are.
MIXTURE_STRENGTH = 3.0
# a + b of the symmetric beta prior; 2 gives videos of one patient a label correlation of 1/3.
PRIOR_STRENGTH = 2.0


def videos_per_patient(patients: int, videos: int, rng: np.random.Generator) -> np.ndarray:
    """Shares videos out: one each, the rest at random; `(patients,)` int64, sum `videos`."""
    return 1 + rng.multinomial(videos - patients, np.full(patients, 1 / patients))


def positive_shares(patients: int, rng: np.random.Generator) -> np.ndarray:
    """Draws each patient's prior of the finding, 0 … 1, in pairs of p and 1 - p."""
    half = rng.beta(PRIOR_STRENGTH / 2, PRIOR_STRENGTH / 2, (patients + 1) // 2)
    return rng.permutation(np.concatenate([half, 1 - half])[:patients])


def draw_classes(counts: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Chooses videos with the finding, `(n,)` bool a patient; both occur from two videos on."""
    shares = positive_shares(len(counts), rng)
    chosen = [rng.random(n) < share for n, share in zip(counts, shares, strict=True)]
    everything = np.concatenate(chosen)
    if everything.all() or not everything.any():
        chosen[-1][-1] = not chosen[-1][-1]
    return chosen


def draw_patient_classes(
    counts: np.ndarray, share: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Chooses patients with the finding in all videos, `(n,)` bool each; both occur from two on."""
    patients = len(counts)
    positives = int(np.clip(round(share * patients), 1, max(patients - 1, 1)))
    chosen = rng.permutation(np.arange(patients) < positives)
    return [np.full(n, value) for n, value in zip(counts, chosen, strict=True)]


def quotas(total: int, shares: Sequence[float]) -> np.ndarray:
    """Splits a number by shares, largest remainders first; each part at least 1 if possible."""
    exact = np.asarray(shares, float) / np.sum(shares) * total
    count = np.floor(exact).astype(np.int64)
    for k in np.argsort(count - exact, kind="stable")[: total - int(count.sum())]:
        count[k] += 1
    if total >= len(count):
        for k in np.flatnonzero(count == 0):
            count[count.argmax()] -= 1
            count[k] = 1
    return count


def allocate_classes(
    counts: np.ndarray, shares: Sequence[float], rng: np.random.Generator
) -> list[np.ndarray]:
    """Deals a deck of k classes to videos, each patient preferring some of them.

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
    """Draws numbers of frames from a histogram; shuffles it if `count` is its sum."""
    frames, videos = np.array(lengths).T
    pool = np.repeat(frames, videos)
    return rng.permutation(pool) if count == len(pool) else rng.choice(pool, count)


def skewed_lengths(shortest_s: float, longest_s: float, skew: float, count: int) -> np.ndarray:
    """Rising lengths from shortest to longest; skew 1 spreads evenly, more makes most short."""
    return shortest_s + (longest_s - shortest_s) * np.linspace(0, 1, count) ** skew


def allocate_lengths(
    class_lengths_s: Sequence[tuple[float, float, float]],
    positive: np.ndarray,
    order: np.ndarray,
    by_class: bool,
) -> np.ndarray:
    """Deals lengths of two classes to videos.

    Args:
        class_lengths_s: Shortest, longest and skew of videos without and with the finding.
        positive: `(n,)` bool, which videos have it.
        order: `(n,)` int64, a permutation.
        by_class: Whether each class gets its own lengths; otherwise all go into one deck, so that
            a video's length tells nothing.

    Returns:
        `(n,)` float64, seconds; the same lengths in either case.
    """
    count = len(positive)
    decks = [
        skewed_lengths(*limits, int((positive == value).sum()))
        for value, limits in zip((False, True), class_lengths_s, strict=True)
    ]
    if not by_class:
        return np.concatenate(decks)[order]
    lengths_s = np.empty(count)
    for value, deck in zip((False, True), decks, strict=True):
        own = np.flatnonzero(positive == value)
        lengths_s[own[np.argsort(order[own])]] = deck
    return lengths_s
