"""Speed, determinism, and whether anything other than the lung reveals the label."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import chi2_contingency

from lus_keras.simulation import VideoPlan, plan_cohort, simulate_video, tasks
from lus_keras.simulation.display import overlay
from lus_keras.simulation.export import container_of
from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.validation.check import Finding, Settings, check
from lus_keras.simulation.video import measure_speed

MIN_FPS_SCREEN, MIN_FPS_SMALL = 150, 1500
MIN_P = 0.01


@check(1, "speed, one core", "≥ 150 fps 640×480, ≥ 1,500 fps 64×64")
def check_speed(settings: Settings) -> Finding:
    """Frames per second of CPU time on one core."""
    screen = measure_speed(videos=6, seed=settings.seed)
    small = measure_speed(height=64, width=64, crop="sector", videos=12, seed=settings.seed)
    return Finding(
        f"{screen:.0f} fps at 640×480, {small:.0f} fps at 64×64",
        bool(screen >= MIN_FPS_SCREEN and small >= MIN_FPS_SMALL),
        {"fps_640x480": screen, "fps_64x64": small},
    )


@check(2, "determinism", "exact")
def check_determinism(settings: Settings) -> Finding:
    """Equal plans give identical pixels; other patients, videos or seeds differ, in every task."""
    equal, least = True, np.inf
    for task in tasks.names():
        plan = plan_cohort(task, patients=2, videos=4, seed=settings.seed, duration_s=0.5)[0]
        first = _small(plan)
        equal &= bool(np.array_equal(first, _small(plan)))
        others = (
            dataclasses.replace(plan, patient=99),
            dataclasses.replace(plan, index=99),
            dataclasses.replace(plan, seed=settings.seed + 99),
        )
        for other in map(_small, others):
            least = min(least, float(np.abs(first.astype(float) - other).mean()))
    return Finding(
        f"bit-equal: {'yes' if equal else 'NO'}; others differ by ≥ {least:.1f} gray levels",
        bool(equal and least > 1),
        {"bit_equal": float(equal), "least_difference": least},
    )


def _small(plan: VideoPlan) -> np.ndarray:
    return simulate_video(plan, height=64, width=64, crop="sector").frames


Trait = Callable[[VideoPlan], int]
TRAITS: dict[str, Trait] = {
    "container": lambda plan: int(container_of(plan)[0] == ".avi"),
    "annotations": lambda plan: int(Acquisition.of(plan, 96, 128).patient.has_annotations > 0),
    "zone": lambda plan: int(plan.zone),
    "rate": lambda plan: round(plan.fps),
    "size": lambda plan: plan.width,
    "length": lambda plan: plan.frames // round(2 * plan.fps),
}


def independence(labels: Sequence[object], values: Sequence[int]) -> float:
    """P value of a χ² test of independence of labels and values; 1 if the value is constant.

    Rare values are pooled with their neighbors into at most four groups.
    """
    limits = np.unique(np.quantile(values, [0.25, 0.5, 0.75]))
    groups = np.searchsorted(limits, values, side="left")
    names, of_label = np.unique(np.asarray(labels, str), return_inverse=True)
    table = np.zeros((len(names), len(limits) + 1))
    np.add.at(table, (of_label, groups), 1)
    table = table[:, table.sum(0) > 0]
    return 1.0 if min(table.shape) < 2 else float(chi2_contingency(table, correction=False).pvalue)


def same_files(plan: VideoPlan) -> bool:
    """Whether size, length, names, container and burned-in text are equal for every class."""
    others = [dataclasses.replace(plan, drawn=drawn) for drawn in tasks.get(plan.task).CLASSES]
    texts = [overlay(Acquisition.of(p, 96, 128), 240, 320) for p in others]
    keys = {(p.video_id, p.frames, p.fps, p.height, p.width, container_of(p)) for p in others}
    return len(keys) == 1 and all(np.array_equal(texts[0], text) for text in texts[1:])


@check(13, "only the lung predicts the label", "every p > .01")
def check_metadata(settings: Settings) -> Finding:
    """Only the lung predicts the label.

    Uses one video per patient, so that associations of scanners and findings within patients are no
    evidence.
    """
    p_values, same = {}, True
    for task in tasks.names():
        count = settings.patients(480)
        plans = plan_cohort(task, patients=count, videos=count, seed=settings.seed)
        same &= all(same_files(plan) for plan in plans[:20])
        labels = [plan.drawn for plan in plans]
        for name, trait in TRAITS.items():
            p_values[f"{task}.{name}"] = independence(labels, [trait(plan) for plan in plans])
    least = min(p_values, key=lambda name: p_values[name])
    return Finding(
        f"smallest p of {len(p_values)}: {p_values[least]:.3f} ({least}); files of all classes "
        f"identical: {'yes' if same else 'NO'}",
        bool(same and p_values[least] > MIN_P),
        p_values,
    )
