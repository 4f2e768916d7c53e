"""Plans of simulated cohorts: who is scanned, where, and with what drawn into the lung."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lus_keras.errors import ConfigError
from lus_keras.simulate import tasks
from lus_keras.simulate.dealing import deal_classes, draw_lengths
from lus_keras.simulate.parameters import Key, random_stream

ZONES = 12
# a + b of the symmetric beta prior; 2 gives videos of one patient a label correlation of 1/3.
PRIOR_STRENGTH = 2.0


@dataclass(frozen=True)
class VideoPlan:
    """All that determines one simulated video; small, picklable, comparable.

    Attributes:
        task: Name of the task the video is made for.
        patient_id: Such as `sim-p003`.
        exam_id: Such as `sim-p003-e2`.
        video_id: Such as `sim-p003-e2-z07`.
        zone: `1` … `12`.
        drawn: Class whose causes are drawn; the label is what is then measured.
        seed: Seed of the cohort, not negative.
        patient: Number of the patient in the cohort, from 0.
        index: Number of the video within its patient, from 0.
        hard: How weak B-lines and how frequent lookalikes are; 0 is easy, 1 the default.
        duration_s: Length in seconds.
        fps: Frames per second.
    """

    task: str
    patient_id: str
    exam_id: str
    video_id: str
    zone: str
    drawn: str
    seed: int
    patient: int
    index: int
    hard: float = 1.0
    duration_s: float = 4.0
    fps: float = 30.0

    @property
    def frames(self) -> int:
        """Number of frames, at least 1."""
        return max(1, round(self.duration_s * self.fps))

    @property
    def patient_key(self) -> Key:
        """Identity of the patient's random streams."""
        return (self.seed, self.patient)

    @property
    def key(self) -> Key:
        """Identity of the video's random streams; it does not contain what is drawn."""
        return (self.seed, self.patient, 1 + self.index)


def videos_per_patient(patients: int, videos: int, rng: np.random.Generator) -> np.ndarray:
    """Shares videos out: one each, the rest at random.

    Args:
        patients: Number of patients, at least 1.
        videos: Number of videos, at least `patients`.
        rng: Random stream.

    Returns:
        `(patients,)` int64, each at least 1, with sum `videos`.
    """
    return 1 + rng.multinomial(videos - patients, np.full(patients, 1 / patients))


def positive_shares(patients: int, rng: np.random.Generator) -> np.ndarray:
    """Draws each patient's prior of showing the finding, in mirrored pairs.

    Args:
        patients: Number of patients.
        rng: Random stream.

    Returns:
        `(patients,)` float64 in 0 … 1; p and 1 - p come in pairs, so an even cohort has mean 1/2.
    """
    half = rng.beta(PRIOR_STRENGTH / 2, PRIOR_STRENGTH / 2, (patients + 1) // 2)
    return rng.permutation(np.concatenate([half, 1 - half])[:patients])


def draw_classes(counts: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Chooses the videos of each patient that are drawn with the finding.

    Args:
        counts: `(patients,)` int, videos of each patient.
        rng: Random stream.

    Returns:
        One `(n,)` bool array a patient; both values occur when there are two videos or more.
    """
    shares = positive_shares(len(counts), rng)
    chosen = [rng.random(n) < share for n, share in zip(counts, shares, strict=True)]
    everything = np.concatenate(chosen)
    if everything.all() or not everything.any():
        chosen[-1][-1] = not chosen[-1][-1]
    return chosen


def plan_cohort(
    task: str,
    *,
    patients: int | None = None,
    videos: int | None = None,
    seed: int = 0,
    hard: float = 1.0,
    duration_s: float | None = None,
    fps: float | None = None,
) -> list[VideoPlan]:
    """Plans a cohort; nothing is rendered yet.

    Args:
        task: Name of a task, such as `bline`.
        patients: Number of patients; the paper's when not given.
        videos: Number of videos, at least one a patient; the paper's when not given.
        seed: Seed of the cohort, not negative.
        hard: Strength of lookalikes and weakness of findings; 0 is easy.
        duration_s: Length of every video in seconds; as in the paper when not given.
        fps: Frames per second.

    Returns:
        Plans ordered by patient and video.

    Raises:
        ConfigError: A name is unknown or a number is out of range.
    """
    module = tasks.get(task)
    defaults = module.COHORT
    patients = defaults.patients if patients is None else patients
    videos = defaults.videos if videos is None else videos
    lengths = defaults.lengths if duration_s is None else ()
    duration_s = defaults.duration_s if duration_s is None else duration_s
    fps = defaults.fps if fps is None else fps
    _check_sizes(patients, videos, seed, hard, duration_s, fps)
    rng = random_stream((seed,), f"cohort.{task}")
    counts = videos_per_patient(patients, videos, rng)
    shares = defaults.shares
    classes = deal_classes(counts, shares, rng) if shares else draw_classes(counts, rng)
    shared = {"task": task, "seed": seed, "hard": hard, "duration_s": duration_s, "fps": fps}
    plans = [
        _video_plan(patient, index, zone, module.CLASSES[int(drawn)], shared)
        for patient, chosen in enumerate(classes)
        for index, (zone, drawn) in enumerate(zip(_zones(len(chosen), rng), chosen, strict=True))
    ]
    if not lengths:
        return plans
    durations_s = draw_lengths(lengths, len(plans), rng) / defaults.fps
    return [
        replace(plan, duration_s=float(seconds))
        for plan, seconds in zip(plans, durations_s, strict=True)
    ]


def _zones(count: int, rng: np.random.Generator) -> list[int]:
    """Draws zones 1 … 12 that repeat only once all have been used."""
    rounds = -(-count // ZONES)
    return [1 + int(z) for _ in range(rounds) for z in rng.permutation(ZONES)][:count]


def _video_plan(patient: int, index: int, zone: int, drawn: str, shared: dict) -> VideoPlan:
    patient_id = f"sim-p{patient:03d}"
    exam_id = f"{patient_id}-e{index + 1}"
    return VideoPlan(
        patient_id=patient_id,
        exam_id=exam_id,
        video_id=f"{exam_id}-z{zone:02d}",
        zone=str(zone),
        drawn=drawn,
        patient=patient,
        index=index,
        **shared,
    )


def _check_sizes(
    patients: int, videos: int, seed: int, hard: float, duration_s: float, fps: float
) -> None:
    rules = (
        (patients >= 1, f"`patients` must be at least 1. Received: patients={patients}."),
        (
            videos >= patients,
            f"`videos` must be at least `patients`, one each. "
            f"Received: videos={videos}, patients={patients}.",
        ),
        (seed >= 0, f"`seed` must not be negative. Received: seed={seed}."),
        (0 <= hard <= 4, f"`hard` must be between 0 and 4. Received: hard={hard}."),
        (duration_s > 0, f"`duration_s` must be positive. Received: duration_s={duration_s}."),
        (fps > 0, f"`fps` must be positive. Received: fps={fps}."),
    )
    problems = [message for kept, message in rules if not kept]
    if problems:
        raise ConfigError.from_problems(problems)
