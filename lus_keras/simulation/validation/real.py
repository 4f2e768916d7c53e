"""Simulated versus real videos: similarity of appearance, and transfer of a trained model.

Both checks need COVID-BLUES and are skipped without it. Labels of real videos are used only for
evaluation, never for tuning.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from lus_keras.core.errors import DataError
from lus_keras.data import datasets
from lus_keras.data.manifest import Video
from lus_keras.data.video import iter_frames
from lus_keras.evaluation.metrics import Clusters, paired_difference, roc_auc_statistic
from lus_keras.simulation import plan_cohort, simulate_video
from lus_keras.simulation.validation import appearance
from lus_keras.simulation.validation.bline import SIDE, STEP, feature_cohort, frame_features, pooled
from lus_keras.simulation.validation.check import Finding, Settings, check
from lus_keras.simulation.validation.learning import auc, logistic, out_of_fold, shown
from lus_keras.simulation.validation.view import cut, view_box

NAME = "covid-blues"
MARKS = {"grey_levels": 6.0, "psd_db": 3.0, "mean_image": 9.0}
FRAMES = 4
PATIENTS = 40


@dataclass(frozen=True)
class RealVideos:
    """Data kept from the real videos, one entry per video.

    Attributes:
        frames: `(4, 350, 350)` uint8, spread over the video.
        features: `(t, 18)`, as for simulated videos.
        b_lines: 0 or 1.
    """

    frames: list[np.ndarray]
    features: list[np.ndarray]
    b_lines: np.ndarray
    patients: np.ndarray


@functools.lru_cache(maxsize=1)
def real_videos(root: str | None) -> RealVideos:
    """Decodes the labeled videos once.

    Raises:
        DataError: The data are missing.
    """
    videos = [v for v in datasets.load(NAME, root=root).videos if v.b_lines is not None]
    frames, features = [], []
    for video in videos:
        pictures = np.stack(list(_pictures(video)))
        at = np.linspace(0, len(pictures) - 1, FRAMES).astype(int)
        frames.append(pictures[at])
        small = [cv2.resize(p, (SIDE, SIDE), interpolation=cv2.INTER_AREA) for p in pictures]
        features.append(frame_features(np.stack(small[::STEP])))
    names = sorted({video.patient_id for video in videos})
    return RealVideos(
        frames=frames,
        features=features,
        b_lines=np.array([video.b_lines for video in videos]),
        patients=np.array([names.index(video.patient_id) for video in videos]),
    )


def _pictures(video: Video) -> Iterator[np.ndarray]:
    side = (appearance.SIDE, appearance.SIDE)
    for _, picture in iter_frames(video.video):
        yield cv2.resize(picture, side, interpolation=cv2.INTER_AREA)


@check(10, "realism (COVID-BLUES)", "≤ 6, ≤ 3 dB, ≤ 9")
def check_realism(settings: Settings) -> Finding:
    """Distances between simulated (B-lines, severity) and real videos."""
    try:
        real = real_videos(settings.root)
    except DataError as error:
        return Finding(str(error), None)
    frames = []
    patients = settings.patients(PATIENTS)
    for task in ("bline", "severity"):
        plans = plan_cohort(
            task, patients=patients, videos=2 * patients, seed=settings.seed, duration_s=1.0
        )
        for plan in plans:
            video = simulate_video(plan, height=480, width=640)
            frames += [*cut(video.frames[[0, -1]], view_box(plan, 480, 640), appearance.SIDE)]
    found = appearance.distances(
        appearance.measure(np.stack(frames)), appearance.measure(np.concatenate(real.frames))
    )
    return Finding(
        f"gray levels {found['grey_levels']:.1f}, radial PSD {found['psd_db']:.1f} dB, mean image "
        f"{found['mean_image']:.1f}; {len(frames)} frames against {len(real.frames)} videos of "
        f"{len(np.unique(real.patients))} patients",
        bool(all(found[name] <= mark for name, mark in MARKS.items())),
        found,
    )


@check(
    11,
    "B-lines: simulated to real (COVID-BLUES)",
    "AUC ≥ .62, low end > .55, interval of the difference to within-real includes 0",
)
def check_transfer(settings: Settings) -> Finding:
    """Model trained on simulated videos and tested on real ones, versus one trained on real ones.

    The latter is tested on unseen patients.
    """
    try:
        real = real_videos(settings.root)
    except DataError as error:
        return Finding(str(error), None)
    patients = settings.patients(160)
    simulated = feature_cohort(patients, settings.seed, fps=25.0, as_public=True)
    labels = np.array([int(truth.any()) for truth in simulated.truth])
    x_sim, x_real = (
        _standardized(np.array([pooled(f) for f in features]))
        for features in (simulated.features, real.features)
    )
    scores = logistic().fit(x_sim, labels).decision_function(x_real)
    within = out_of_fold(logistic, x_real, real.b_lines, real.patients)
    found = auc(real.b_lines, scores, real.patients)
    clusters = Clusters.of(real.patients, np.zeros(len(scores), int))
    difference = paired_difference(
        roc_auc_statistic(real.b_lines, scores, clusters),
        roc_auc_statistic(real.b_lines, within, clusters),
        clusters,
    )
    return Finding(
        f"sim → real {shown(found)}; within real "
        f"{auc(real.b_lines, within, real.patients).value:.3f}; difference "
        f"{difference.value:+.3f} [{difference.ci_low:+.3f} to {difference.ci_high:+.3f}]; "
        f"{len(scores)} videos",
        bool(
            found.value >= 0.62
            and found.ci_low > 0.55
            and difference.ci_low <= 0 <= difference.ci_high
        ),
        {"auc": found.value, "ci_low": found.ci_low, "difference": difference.value},
    )


def _standardized(features: np.ndarray) -> np.ndarray:
    return (features - features.mean(0)) / (features.std(0) + 1e-9)
