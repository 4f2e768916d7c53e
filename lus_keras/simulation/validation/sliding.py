"""Sliding: no information in one frame, enough over time, and the bias of a split by window."""

import dataclasses
import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lus_keras.simulation import plan_cohort, simulate_video
from lus_keras.simulation.cohort import VideoPlan
from lus_keras.simulation.tasks.sliding import CLASSES
from lus_keras.simulation.validation.check import Finding, Settings, check
from lus_keras.simulation.validation.learning import (
    auc,
    centered_log_odds,
    forest,
    logistic,
    out_of_fold,
    shown,
)
from lus_keras.simulation.validation.view import cut

PATIENTS = 520
# The standard error of the AUC of uninformative scores is .025 at the full size.
NULL_SE = 0.025
TILE, FRAMES, WINDOWS = 90, 15, 8
# Rows of the tile: the line, and three layers below it.
STRIPS = ((0, 18), (18, 30), (30, 60), (60, 90))
DOSES_MM = (4.0, 7.0, 11.0, np.inf)
NETWORK_SIDE, NETWORK_FOLDS = 45, 3


@dataclass(frozen=True)
class Tiles:
    """One clip of 2 s per patient, cropped at the pleura.

    Attributes:
        clips: `(n, 15, 90, 90)` uint8, frames spread over 2 s.
        sliding: `(n,)` int64, 0 or 1.
        path_mm: `(n,)` length of the path of the lung.
    """

    clips: np.ndarray
    sliding: np.ndarray
    path_mm: np.ndarray


@functools.lru_cache(maxsize=1)
def tiles(patients: int, seed: int) -> Tiles:
    """Renders videos at the size of the scanner and crops them."""
    return _rendered(_plans(patients, seed))


def twins(pairs: int, seed: int) -> Tiles:
    """Pairs of videos that differ only in sliding: absent at 2i, present at 2i + 1."""
    return _rendered(
        dataclasses.replace(plan, drawn=drawn) for plan in _plans(pairs, seed) for drawn in CLASSES
    )


def _plans(patients: int, seed: int) -> list[VideoPlan]:
    return plan_cohort(
        "sliding", patients=patients, videos=patients, seed=seed, duration_s=2.0, fps=30
    )


def _rendered(plans: Iterable[VideoPlan]) -> Tiles:
    clips, sliding, path_mm = [], [], []
    for plan in plans:
        video = simulate_video(plan, height=480, width=640)
        x, y, w, _ = video.roi
        left = min(max(x + w // 2 - TILE // 2, 0), 640 - TILE)
        top = min(y, 480 - TILE)
        tile = video.frames[:: 60 // FRAMES, top : top + TILE, left : left + TILE]
        # A view would keep the whole video in memory: 10 GB for 520 videos.
        clips.append(tile.copy())
        sliding.append(int(video.truth.sliding))
        path_mm.append(video.truth.path_mm)
    return Tiles(np.stack(clips), np.array(sliding, np.int64), np.array(path_mm))


def texture(image: np.ndarray) -> list[float]:
    """Mean, SD and gradients of the strips of one tile `(90, 90)`, sixteen numbers."""
    strips = (image[a:b].astype(float) for a, b in STRIPS)
    return [
        value
        for q in strips
        for value in (
            *(q.mean(), q.std()),
            *(np.abs(np.diff(q, axis=axis)).mean() for axis in (0, 1)),
        )
    ]


def change(clip: np.ndarray) -> list[float]:
    """Change over 1, 2, 4 and 8 frames of the strips of a clip `(t, 90, 90)`, sixteen numbers."""
    clip = clip.astype(float)
    return [
        np.abs(clip[lag:, a:b] - clip[:-lag, a:b]).mean() / (clip[:, a:b].std((1, 2)).mean() + 1)
        for a, b in STRIPS
        for lag in (1, 2, 4, 8)
    ]


@check(3, "sliding: one frame carries no information", "AUC .5 ± .05 (LR, RF)")
def check_single_frame(settings: Settings) -> Finding:
    """AUC of the texture of one frame, by logistic regression and a random forest."""
    found = tiles(settings.patients(PATIENTS), settings.seed)
    features = np.array([texture(clip[FRAMES // 2]) for clip in found.clips])
    groups = np.arange(len(features))
    values = {
        name: auc(found.sliding, out_of_fold(make, features, found.sliding, groups), groups).value
        for name, make in (("logistic", logistic), ("forest", forest))
    }
    se = NULL_SE * np.sqrt(PATIENTS / len(groups))
    return Finding(
        f"LR {values['logistic']:.3f}, RF {values['forest']:.3f}, n = {len(groups)} patients",
        bool(all(abs(value - 0.5) <= 2 * se for value in values.values())),
        values,
    )


@check(
    4,
    "sliding: motion carries information",
    "3D CNN ≥ .75, low end > one frame's high end; one repeated: interval includes .5",
)
def check_network(settings: Settings) -> Finding:
    """AUC of a small 3D network on unseen pairs, also with one frame, and with one frame repeated.

    Pairs are used because single frames differ between patients in many ways; among 520 patients,
    some differences are associated with the class by chance.
    """
    if settings.train_and_score is None:
        return Finding("no network was given", None)
    found = twins(settings.patients(PATIENTS) // 2, settings.seed)
    clips = np.stack([cut(clip, (0, 0, TILE, TILE), NETWORK_SIDE) for clip in found.clips])
    pairs = np.arange(len(clips)) // 2
    middle = clips[:, FRAMES // 2 : FRAMES // 2 + 1]
    inputs = {"clip": clips, "repeated": np.repeat(middle, FRAMES, axis=1), "one": middle}
    clip, repeated, one = (
        auc(found.sliding, _network_scores(x, found.sliding, pairs, settings), pairs)
        for x in inputs.values()
    )
    return Finding(
        f"15 frames {shown(clip)}, one frame {shown(one)}, one repeated {shown(repeated)}, "
        f"n = {pairs[-1] + 1} pairs, each unseen in one of {NETWORK_FOLDS} folds",
        bool(
            clip.value >= 0.75
            and clip.ci_low > one.ci_high
            and repeated.ci_low <= 0.5 <= repeated.ci_high
        ),
        {"clip": clip.value, "repeated": repeated.value, "one": one.value},
    )


def _network_scores(
    clips: np.ndarray, labels: np.ndarray, pairs: np.ndarray, settings: Settings
) -> np.ndarray:
    """Log odds of sliding `(n,)`, each by a network trained without the pair."""
    assert settings.train_and_score is not None
    folds = np.random.default_rng(settings.seed).permutation(pairs[-1] + 1) % NETWORK_FOLDS
    scores = np.empty(len(clips))
    for fold in range(NETWORK_FOLDS):
        test = folds[pairs] == fold
        p = settings.train_and_score(clips[~test], labels[~test], clips[test], seed=settings.seed)
        scores[test] = centered_log_odds(p[:, 1], float(labels[~test].mean()))
    return scores


@check(5, "sliding: dose-response", "non-decreasing, range ≥ .10")
def check_dose(settings: Settings) -> Finding:
    """AUC of change over time by amplitude of sliding, versus all videos without sliding."""
    found = tiles(settings.patients(PATIENTS), settings.seed)
    features = np.array([change(clip) for clip in found.clips])
    groups = np.arange(len(features))
    scores = out_of_fold(logistic, features, found.sliding, groups)
    aucs, counts = [], []
    for low, high in itertools.pairwise(DOSES_MM):
        inside = (found.path_mm >= low) & (found.path_mm < high) & (found.sliding == 1)
        chosen = inside | (found.sliding == 0)
        aucs.append(auc(found.sliding[chosen], scores[chosen], groups[chosen]).value)
        counts.append(int(inside.sum()))
    whole = auc(found.sliding, scores, groups)
    return Finding(
        f"4-7 mm {aucs[0]:.3f} (n = {counts[0]}), 7-11 mm {aucs[1]:.3f} ({counts[1]}), "
        f"> 11 mm {aucs[2]:.3f} ({counts[2]}); all {shown(whole)}",
        bool(aucs[0] <= aucs[1] <= aucs[2] and aucs[2] - aucs[0] >= 0.10),
        {"4-7": aucs[0], "7-11": aucs[1], "11-": aucs[2], "all": whole.value},
    )


@check(6, "sliding: leakage by splitting windows", "window ≥ .95, patient ≤ .60")
def check_split_trap(settings: Settings) -> Finding:
    """AUC of the texture of one frame with a split by window and with a split by patient."""
    found = tiles(settings.patients(PATIENTS), settings.seed)
    at = np.linspace(0, FRAMES - 1, WINDOWS).astype(int)
    features = np.array([texture(clip[t]) for clip in found.clips for t in at])
    labels, patients = (
        np.repeat(column, WINDOWS) for column in (found.sliding, np.arange(len(found.sliding)))
    )
    windows = np.random.default_rng(settings.seed).permutation(len(labels))
    by_window, by_patient = (
        auc(labels, out_of_fold(forest, features, labels, groups), patients)
        for groups in (windows, patients)
    )
    return Finding(
        f"split by window {shown(by_window)}, by patient {shown(by_patient)}",
        bool(by_window.value >= 0.95 and by_patient.value <= 0.60),
        {"by_window": by_window.value, "by_patient": by_patient.value},
    )
