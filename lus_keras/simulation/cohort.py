"""Plans of simulated cohorts: patients, zones and findings."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lus_keras.core.errors import ConfigError
from lus_keras.simulation import tasks
from lus_keras.simulation.allocation import (
    allocate_classes,
    allocate_lengths,
    draw_classes,
    draw_lengths,
    draw_patient_classes,
    videos_per_patient,
)
from lus_keras.simulation.parameters import Key, random_stream

ZONES = 12
PROBES = ("convex", "linear")
# Of videos whose classes are counted; one in ten B-lines cannot be seen.
MOST_REDRAWS = 20


@dataclass(frozen=True)
class VideoPlan:
    """Everything that determines one simulated video; small, picklable, comparable.

    Attributes:
        patient_id: Id such as `sim-p003`.
        exam_id: Id such as `sim-p003-e2`.
        video_id: Id such as `sim-p003-e2-z07`.
        zone: Zone, `1` … `12`.
        drawn: Class whose causes are simulated; the label is measured afterwards.
        patient: Number of the patient in the cohort, from 0.
        index: Number of the video of its patient, from 0.
        difficulty: Weakness of B-lines and frequency of lookalikes; 0 is easy, 1 the default.
        probe: `convex` or `linear`.
        height: Rows of the frames stored by the scanner.
        width: Columns of the frames stored by the scanner.
        redraws: Largest number of new draws until the measured class is the one drawn.
        spread: Width of the parameter ranges of patients and scanners, as a multiple of the usual.
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
    difficulty: float = 1.0
    duration_s: float = 4.0
    fps: float = 30.0
    probe: str = "convex"
    height: int = 480
    width: int = 640
    redraws: int = 0
    spread: float = 1.0

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
        """Identity of the video's random streams; independent of the class drawn."""
        return (self.seed, self.patient, 1 + self.index)


@dataclass(frozen=True)
class _Formats:
    """How scanners record, by patient; lengths by patient and video."""

    duration_s: list[list[float]]
    fps: list[float]
    size: list[tuple[int, int]]


def _draw_formats(
    cohort: tasks.CohortSize, classes: list[np.ndarray], seed: int, task: str, by_class: bool
) -> _Formats:
    """Draws recording formats from a stream of their own, blind to the classes unless `by_class`.

    Values are dealt out evenly and shuffled, so that cohorts of one size hold equally many clips.
    """
    rng = random_stream((seed,), f"cohort.{task}.formats")
    counts = np.array([len(chosen) for chosen in classes])
    order = rng.permutation(int(counts.sum()))
    if cohort.class_lengths_s:
        positive = np.concatenate(classes).astype(bool)
        duration_s = allocate_lengths(cohort.class_lengths_s, positive, order, by_class)
    else:
        shortest, longest = np.broadcast_to(cohort.duration_s, 2)
        duration_s = np.linspace(shortest, longest, len(order))[order]
    of_patient = np.split(duration_s, np.cumsum(counts)[:-1])
    numbers = np.arange(len(counts))
    return _Formats(
        duration_s=[[float(d) for d in lengths] for lengths in of_patient],
        fps=[cohort.fps[i] for i in rng.permutation(numbers % len(cohort.fps))],
        size=[cohort.sizes[i] for i in rng.permutation(numbers % len(cohort.sizes))],
    )


def plan_cohort(
    task: str,
    *,
    patients: int | None = None,
    videos: int | None = None,
    seed: int = 0,
    difficulty: float = 1.0,
    duration_s: float | None = None,
    fps: float | None = None,
    probe: str | None = None,
    lengths_by_class: bool = False,
    lung_point_share: float = 0.0,
    spread: float = 1.0,
) -> list[VideoPlan]:
    """Plans a cohort without rendering it. Sizes that are not given are the paper's.

    Args:
        task: Name of a task, such as `bline`.
        videos: Number of videos, at least one per patient.
        seed: Seed of the cohort.
        difficulty: Weakness of findings and strength of lookalikes, 0 … 3; 0 is easy.
        duration_s: Duration of every video in seconds; if not given, as in the paper's data.
        fps: Frames per second; likewise.
        probe: `convex` or `linear`; the task's if not given.
        lengths_by_class: Lung sliding only: whether videos of each class have that class's
            durations in the paper. The duration then reveals the class.
        lung_point_share: Lung sliding only: share, 0 … 1, of the videos without sliding that show
            a lung point instead. They have no label.
        spread: Width of the ranges of `PatientParameters`, 1 … 3 times the usual (other sites).

    Raises:
        ConfigError: A name is unknown or a number is out of range.
    """
    module = tasks.get(task)
    published = module.COHORT
    given = {"patients": patients, "videos": videos, "probe": probe, "duration_s": duration_s}
    cohort = _sized(published, {**given, "fps": None if fps is None else (fps,)})
    _check_sizes(cohort, seed, difficulty, spread)
    _check_sliding_options(published, lengths_by_class, lung_point_share)
    rng = random_stream((seed,), f"cohort.{task}")
    counts = _draw_counts(published, cohort.patients, cohort.videos, rng)
    classes = _draw_classes_of(published, counts, rng)
    formats = _draw_formats(cohort, classes, seed, task, lengths_by_class)
    shared = {"task": task, "seed": seed, "difficulty": difficulty, "probe": cohort.probe}
    shared["spread"] = spread
    plans = [
        _video_plan(patient, index, zone, module.CLASSES[int(drawn)], formats, shared)
        for patient, chosen in enumerate(classes)
        for index, (zone, drawn) in enumerate(zip(_zones(len(chosen), rng), chosen, strict=True))
    ]
    if lung_point_share:
        plans = _with_lung_points(plans, lung_point_share)
    usual = duration_s is None and fps is None
    if published.frames_of_classes and usual and _of_paper_size(cohort, published):
        wanted = dict(zip(module.CLASSES, published.frames_of_classes, strict=True))
        plans = _with_frames_of_classes(plans, wanted)
    return _with_lengths(plans, cohort.lengths, published.fps[0], rng) if cohort.lengths else plans


def _with_lengths(
    plans: list[VideoPlan],
    lengths: tuple[tuple[int, int], ...],
    fps: float,
    rng: np.random.Generator,
) -> list[VideoPlan]:
    seconds = (draw_lengths(lengths, len(plans), rng) / fps).tolist()
    return [replace(plan, duration_s=s) for plan, s in zip(plans, seconds, strict=True)]


def _sized(published: tasks.CohortSize, given: dict[str, Any]) -> tasks.CohortSize:
    cohort = replace(published, **{k: value for k, value in given.items() if value is not None})
    if given["duration_s"] is not None:
        cohort = replace(cohort, class_lengths_s=(), lengths=())
    return cohort


def _of_paper_size(cohort: tasks.CohortSize, published: tasks.CohortSize) -> bool:
    return (cohort.patients, cohort.videos) == (published.patients, published.videos)


def _draw_counts(
    published: tasks.CohortSize, patients: int, videos: int, rng: np.random.Generator
) -> np.ndarray:
    """Videos of each patient, `(patients,)`; of a cohort of the paper's size those of the paper."""
    size = replace(published, patients=patients, videos=videos)
    if published.videos_of_patients and _of_paper_size(size, published):
        return rng.permutation(published.videos_of_patients)
    return videos_per_patient(patients, videos, rng)


def _with_lung_points(plans: list[VideoPlan], share: float) -> list[VideoPlan]:
    """Gives a share of the videos without sliding a lung point; all else stays as it is."""

    def drawn(plan: VideoPlan) -> str:
        chosen = random_stream(plan.key, "lung_point.chosen").random() < share
        return "lung_point" if chosen and plan.drawn == "no_sliding" else plan.drawn

    return [replace(plan, drawn=drawn(plan)) for plan in plans]


def _with_frames_of_classes(plans: list[VideoPlan], wanted: dict[str, int]) -> list[VideoPlan]:
    """Cuts the last video of each class short, so that its frames are as many as wanted.

    Labels are measured: videos are redrawn until they show their class, or the counts would differ.
    """
    last = {plan.drawn: number for number, plan in enumerate(plans)}
    frames = Counter[str]()
    for plan in plans:
        frames[plan.drawn] += plan.frames
    kept = {last[name]: plans[last[name]].frames - frames[name] + wanted[name] for name in wanted}
    return [
        replace(plan, duration_s=kept.get(number, plan.frames) / plan.fps, redraws=MOST_REDRAWS)
        for number, plan in enumerate(plans)
    ]


def _draw_classes_of(
    cohort: tasks.CohortSize, counts: np.ndarray, rng: np.random.Generator
) -> list[np.ndarray]:
    if cohort.shares:
        return allocate_classes(counts, cohort.shares, rng)
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


def _check_sizes(cohort: tasks.CohortSize, seed: int, difficulty: float, spread: float) -> None:
    patients, videos = cohort.patients, cohort.videos
    duration_s, fps = np.min(cohort.duration_s), cohort.fps[0]
    rules = (
        (patients >= 1, f"`patients` must be at least 1. Received: patients={patients}."),
        (
            videos >= patients,
            f"`videos` must be at least `patients`, one each. "
            f"Received: videos={videos}, patients={patients}.",
        ),
        (seed >= 0, f"`seed` must not be negative. Received: seed={seed}."),
        (
            0 <= difficulty <= 3,
            f"`difficulty` must be between 0 and 3. Received: difficulty={difficulty}.",
        ),
        (1 <= spread <= 3, f"`spread` must be between 1 and 3. Received: spread={spread}."),
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


def _check_sliding_options(
    cohort: tasks.CohortSize, lengths_by_class: bool, lung_point_share: float
) -> None:
    problems = []
    if not 0 <= lung_point_share <= 1:
        problems.append(
            "`lung_point_share` must be between 0 and 1. "
            f"Received: lung_point_share={lung_point_share}."
        )
    if (lengths_by_class or lung_point_share) and not cohort.class_lengths_s:
        problems.append("`lengths_by_class` and `lung_point_share` apply only to the task sliding.")
    if problems:
        raise ConfigError.from_problems(problems)
