"""B-lines: the frame-level truth varies as intended and is visible."""

from dataclasses import dataclass

import cv2
import numpy as np

from lus_keras.simulation import measure_truth, plan_cohort, simulate_video
from lus_keras.simulation.validation.check import Finding, Settings, check
from lus_keras.simulation.validation.learning import auc, logistic, out_of_fold, shown
from lus_keras.simulation.validation.view import cut, view_box

SIDE = 64
# Every third frame at 30 frames per second.
STEP = 3


@check(7, "B-lines: truth", "≥ 95 % positive, 60-95 % mixed, median .4-.75, none false")
def check_truth(settings: Settings) -> Finding:
    """Shares of positive and of mixed videos, and of positive frames, in the paper's cohort."""
    patients = settings.patients(60)
    plans = plan_cohort("bline", patients=patients, videos=298 * patients // 60, seed=settings.seed)
    shares = np.array([measure_truth(plan).b_line_frames.mean() for plan in plans])
    drawn = np.array([plan.drawn == "b_lines" for plan in plans])
    positive = shares[drawn & (shares > 0)]
    values = {
        "positive": len(positive) / drawn.sum(),
        "mixed": float(np.mean(positive < 1)),
        "median_share": float(np.median(positive)),
        "false_frames": float(shares[~drawn].sum()),
    }
    return Finding(
        f"{values['positive']:.1%} of {drawn.sum()} positive, {values['mixed']:.0%} mixed, "
        f"median share {values['median_share']:.2f}; without B-lines "
        f"{int(np.sum(shares[~drawn] > 0))} of {(~drawn).sum()} videos positive",
        bool(
            values["positive"] >= 0.95
            and 0.60 <= values["mixed"] <= 0.95
            and 0.40 <= values["median_share"] <= 0.75
            and values["false_frames"] == 0
        ),
        values,
    )


def frame_features(frames: np.ndarray) -> np.ndarray:
    """Features `(t, 18)` of frames `(t, 64, 64)`: vertical bands, A-line ripples, brightness."""
    gray = np.sqrt(frames.astype(np.float32))
    layers = [gray[:, a:b, 8:56].mean(1) for a, b in ((24, 34), (34, 44), (44, 56))]
    # Each row is detrended.
    bands = [layer - cv2.GaussianBlur(layer, (37, 1), 6) for layer in layers]
    through = np.minimum(np.minimum(bands[0], bands[1]), bands[2])
    profile = gray[:, :, 26:38].mean(2)
    ripple = profile[:, 18:57] - (profile[:, 16:55] + profile[:, 20:59]) / 2
    top_three = np.sort(through, axis=1)[:, -3:]
    columns = [
        *(band.max(1) for band in bands),
        *(band.std(1) for band in bands),
        *(layer.mean(1) for layer in layers),
        *top_three.T,
        (bands[0] * bands[2]).mean(1),
        (bands[1] * bands[2]).mean(1),
        *(ripple.max(1), ripple.std(1)),
        profile[:, :16].max(1),
        profile[:, :12].mean(1),
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def pooled(features: np.ndarray) -> np.ndarray:
    """Mean, maximum, 90th percentile and SD over the frames of a video, `(4 * d,)`."""
    return np.concatenate(
        [features.mean(0), features.max(0), np.quantile(features, 0.9, axis=0), features.std(0)]
    )


@dataclass(frozen=True)
class FeatureCohort:
    """Features `(t, 18)` and truth `(t,)` (frames that show B-lines) of each video of a cohort."""

    features: list[np.ndarray]
    truth: list[np.ndarray]
    patients: np.ndarray


def feature_cohort(
    patients: int, seed: int, fps: float = 30.0, as_public: bool = False
) -> FeatureCohort:
    """Features of five videos of 4 s per patient.

    Args:
        as_public: Whether frames are cropped like COVID-BLUES; otherwise the sector fills them.
    """
    plans = plan_cohort("bline", patients=patients, videos=5 * patients, seed=seed, fps=fps)
    features, truth = [], []
    for plan in plans:
        if as_public:
            video = simulate_video(plan, height=240, width=320)
            frames = cut(video.frames[::STEP], view_box(plan, 240, 320), SIDE)
        else:
            video = simulate_video(plan, height=SIDE, width=SIDE, crop="sector")
            frames = video.frames[::STEP]
        features.append(frame_features(frames))
        truth.append(video.truth.b_line_frames[::STEP])
    return FeatureCohort(features, truth, np.array([plan.patient for plan in plans]))


@check(
    8,
    "B-lines: truth is visible",
    "frame AUC ≥ .80, top frame ≥ chance + .10, pooled ≥ one frame + .04",
)
def check_visible(settings: Settings) -> Finding:
    """A frame model trained on video labels finds positive frames; many frames outperform one."""
    patients = settings.patients(160)
    cohort = feature_cohort(patients, settings.seed)
    labels = np.array([int(truth.any()) for truth in cohort.truth])
    counts = [len(truth) for truth in cohort.truth]
    rows, of_rows = np.concatenate(cohort.features), np.repeat(cohort.patients, counts)
    scores = out_of_fold(logistic, rows, np.repeat(labels, counts), of_rows)
    frames = auc(np.concatenate(cohort.truth).astype(int), scores, of_rows)
    hits, chance = [], []
    for truth, own in zip(cohort.truth, np.split(scores, np.cumsum(counts)[:-1]), strict=True):
        if truth.any():
            hits.append(bool(truth[own.argmax()]))
            chance.append(truth.mean())
    one, many = (
        auc(labels, out_of_fold(logistic, x, labels, cohort.patients), cohort.patients)
        for x in (
            np.array([f[len(f) // 2] for f in cohort.features]),
            np.array([pooled(f) for f in cohort.features]),
        )
    )
    top, by_chance = float(np.mean(hits)), float(np.mean(chance))
    return Finding(
        f"frame AUC {shown(frames)}; top frame {top:.2f} against {by_chance:.2f} by chance; "
        f"videos: one frame {one.value:.3f}, pooled {many.value:.3f}",
        bool(frames.value >= 0.80 and top >= by_chance + 0.10 and many.value - one.value >= 0.04),
        {
            "frame_auc": frames.value,
            "top_frame": top,
            "chance": by_chance,
            "one_frame": one.value,
            "pooled": many.value,
        },
    )
