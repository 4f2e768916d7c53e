"""Plans of simulated cohorts: who is scanned, where, and with what drawn into the lung."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lus_keras.errors import ConfigError
from lus_keras.simulate import tasks
from lus_keras.simulate.dealing import deal_classes, draw_lengths
from lus_keras.simulate.parameters import Key, random_stream

ZONES = 12
PROBES = ("convex", "linear")
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
        probe: `convex` or `linear`.
        height: Rows of the frames as the scanner stores them.
        width: Columns of the frames as the scanner stores them.
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
    probe: str = "convex"
    height: int = 480
    width: int = 640

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


def draw_patient_classes(
    counts: np.ndarray, share: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Chooses the patients that have the finding in all their videos.

    Args:
        counts: `(patients,)` int, videos of each patient.
        share: Share of patients with the finding.
        rng: Random stream.

    Returns:
        One constant `(n,)` bool array a patient; both values occur from two patients on.
    """
    patients = len(counts)
    positives = int(np.clip(round(share * patients), 1, max(patients - 1, 1)))
    chosen = rng.permutation(np.arange(patients) < positives)
    return [np.full(n, value) for n, value in zip(counts, chosen, strict=True)]


@dataclass(frozen=True)
class _Formats:
    """How scanners record, by patient; lengths by patient and video."""

    duration_s: list[list[float]]
    fps: list[float]
    size: list[tuple[int, int]]


def _draw_formats(cohort: tasks.CohortSize, counts: np.ndarray, seed: int, task: str) -> _Formats:
    """Draws recording formats from a stream of their own, blind to the classes.

    Values are dealt out evenly and shuffled, so that cohorts of one size hold equally many clips.
    """
    rng = random_stream((seed,), f"cohort.{task}.formats")
    shortest, longest = np.broadcast_to(cohort.duration_s, 2)
    duration_s = rng.permutation(np.linspace(shortest, longest, int(counts.sum())))
    of_patient = np.split(duration_s, np.cumsum(counts)[:-1])
    order = np.arange(len(counts))
    return _Formats(
        duration_s=[[float(d) for d in lengths] for lengths in of_patient],
        fps=[cohort.fps[i] for i in rng.permutation(order % len(cohort.fps))],
        size=[cohort.sizes[i] for i in rng.permutation(order % len(cohort.sizes))],
    )


def plan_cohort(
    task: str,
    *,
    patients: int | None = None,
    videos: int | None = None,
    seed: int = 0,
    hard: float = 1.0,
    duration_s: float | None = None,
    fps: float | None = None,
    probe: str | None = None,
) -> list[VideoPlan]:
    """Plans a cohort; nothing is rendered yet.

    Args:
        task: Name of a task, such as `bline`.
        patients: Number of patients; the paper's when not given.
        videos: Number of videos, at least one a patient; the paper's when not given.
        seed: Seed of the cohort, not negative.
        hard: Strength of lookalikes and weakness of findings; 0 is easy.
        duration_s: Length of every video in seconds; the paper's when not given.
        fps: Frames per second; the paper's when not given.
        probe: `convex` or `linear`; the paper's when not given.

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
    defaults = replace(
        defaults,
        duration_s=defaults.duration_s if duration_s is None else duration_s,
        fps=defaults.fps if fps is None else (fps,),
        probe=defaults.probe if probe is None else probe,
    )
    _check_sizes(patients, videos, seed, hard, defaults)
    rng = random_stream((seed,), f"cohort.{task}")
    counts = videos_per_patient(patients, videos, rng)
    classes = _draw_classes_of(module.COHORT, counts, rng)
    formats = _draw_formats(defaults, counts, seed, task)
    shared = {"task": task, "seed": seed, "hard": hard, "probe": defaults.probe}
    plans = [
        _video_plan(patient, index, zone, module.CLASSES[int(drawn)], formats, shared)
        for patient, chosen in enumerate(classes)
        for index, (zone, drawn) in enumerate(zip(_zones(len(chosen), rng), chosen, strict=True))
    ]
    if not lengths:
        return plans
    durations_s = draw_lengths(lengths, len(plans), rng) / module.COHORT.fps[0]
    return [
        replace(plan, duration_s=float(seconds))
        for plan, seconds in zip(plans, durations_s, strict=True)
    ]


def _draw_classes_of(
    cohort: tasks.CohortSize, counts: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    if cohort.shares:
        return deal_classes(counts, cohort.shares, rng)
    if cohort.positive_patients is None:
        return draw_classes(counts, rng)
    return draw_patient_classes(counts, cohort.positive_patients / cohort.patients, rng)


def _zones(count: int, rng: np.random.Generator) -> list[int]:
    """Draws zones 1 … 12 that repeat only once all have been used."""
    rounds = -(-count // ZONES)
    return [1 + int(z) for _ in range(rounds) for z in rng.permutation(ZONES)][:count]


def _video_plan(
    patient: int, index: int, zone: int, drawn: str, formats: _Formats, shared: dict
) -> VideoPlan:
    patient_id = f"sim-p{patient:03d}"
    height, width = formats.size[patient]
    exam_id = f"{patient_id}-e{index + 1}"
    return VideoPlan(
        patient_id=patient_id,
        exam_id=exam_id,
        video_id=f"{exam_id}-z{zone:02d}",
        zone=str(zone),
        drawn=drawn,
        patient=patient,
        index=index,
        duration_s=formats.duration_s[patient][index],
        fps=formats.fps[patient],
        height=height,
        width=width,
        **shared,
    )


def _check_sizes(
    patients: int, videos: int, seed: int, hard: float, cohort: tasks.CohortSize
) -> None:
    duration_s, fps = np.min(cohort.duration_s), cohort.fps[0]
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
        (
            cohort.probe in PROBES,
            f"`probe` must be one of {PROBES}. Received: probe={cohort.probe!r}.",
        ),
    )
    problems = [message for kept, message in rules if not kept]
    if problems:
        raise ConfigError.from_problems(problems)
