"""Allocation of videos, classes and lengths, so that a cohort resembles that of its paper.

Lengths are drawn independently of classes: the length of a video must not reveal its class.
"""

from collections.abc import Sequence

import numpy as np

# Concentration of a patient's own mixture of classes; smaller values make the videos of one patient
# more alike.
MIXTURE_STRENGTH = 3.0
# a + b of the symmetric beta prior; 2 gives videos of one patient a label correlation of 1/3.
PRIOR_STRENGTH = 2.0


def videos_per_patient(patients: int, videos: int, rng: np.random.Generator) -> np.ndarray:
    """Number of videos per patient, `(patients,)` int64: one each, the rest at random."""
    return 1 + rng.multinomial(videos - patients, np.full(patients, 1 / patients))


def positive_shares(patients: int, rng: np.random.Generator) -> np.ndarray:
    """Draws each patient's probability of the finding, 0 … 1, in pairs of p and 1 - p."""
    half = rng.beta(PRIOR_STRENGTH / 2, PRIOR_STRENGTH / 2, (patients + 1) // 2)
    return rng.permutation(np.concatenate([half, 1 - half])[:patients])


def draw_classes(counts: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Chooses videos with the finding, `(n,)` bool per patient.

    Both classes occur if there are two or more videos.
    """
    shares = positive_shares(len(counts), rng)
    chosen = [rng.random(n) < share for n, share in zip(counts, shares, strict=True)]
    everything = np.concatenate(chosen)
    if everything.all() or not everything.any():
        chosen[-1][-1] = not chosen[-1][-1]
    return chosen


def draw_patient_classes(
    counts: np.ndarray, share: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Chooses patients with the finding in all videos, `(n,)` bool per patient.

    Both classes occur if there are two or more patients.
    """
    patients = len(counts)
    positives = int(np.clip(round(share * patients), 1, max(patients - 1, 1)))
    chosen = rng.permutation(np.arange(patients) < positives)
    return [np.full(n, value) for n, value in zip(counts, chosen, strict=True)]


def quotas(total: int, shares: Sequence[float]) -> np.ndarray:
    """Splits a number by shares (largest remainder method); each part is at least 1 if possible."""
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
    """Allocates k classes to videos, with a preference of each patient for some classes.

    Returns:
        One `(n,)` int64 array of class indices per patient; the totals are exactly `quotas`.
    """
    prior = np.asarray(shares, float) / np.sum(shares)
    mixtures = rng.dirichlet(MIXTURE_STRENGTH * prior, len(counts)) + 1e-6
    owners = np.repeat(np.arange(len(counts)), counts)
    left, dealt = quotas(len(owners), shares), np.zeros(len(owners), np.int64)
    for video in rng.permutation(len(owners)):
        # The remaining classes become fewer, hence the mixture relative to that of the cohort.
        weight = mixtures[owners[video]] / prior * left
        dealt[video] = rng.choice(len(prior), p=weight / weight.sum())
        left[dealt[video]] -= 1
    return [dealt[owners == patient] for patient in range(len(counts))]


def draw_lengths(
    lengths: Sequence[tuple[int, int]], count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws numbers of frames from a histogram; a permutation of it if `count` is its sum."""
    frames, videos = np.array(lengths).T
    pool = np.repeat(frames, videos)
    return rng.permutation(pool) if count == len(pool) else rng.choice(pool, count)


def skewed_lengths(shortest_s: float, longest_s: float, skew: float, count: int) -> np.ndarray:
    """Ascending lengths in s; skew 1 is uniform, larger values favor short lengths."""
    return shortest_s + (longest_s - shortest_s) * np.linspace(0, 1, count) ** skew


def allocate_lengths(
    class_lengths_s: Sequence[tuple[float, float, float]],
    positive: np.ndarray,
    order: np.ndarray,
    by_class: bool,
) -> np.ndarray:
    """Allocates the lengths of two classes to videos.

    Args:
        class_lengths_s: Shortest length, longest length and skew of videos without and with the
            finding.
        positive: `(n,)` bool, videos with the finding.
        order: `(n,)` int64, a permutation.
        by_class: Whether each class receives its own lengths; otherwise all are pooled, so that the
            length of a video does not reveal its class.

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
