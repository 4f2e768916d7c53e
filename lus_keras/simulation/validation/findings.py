"""Severity scores and signs: realized as drawn, plausible appearance, separable by a network."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lus_keras.simulation import measure_truth, plan_cohort, simulate_video, tasks
from lus_keras.simulation.cohort import VideoPlan
from lus_keras.simulation.render import BeamSpace
from lus_keras.simulation.scene import Scene, build_scene
from lus_keras.simulation.severity import visible_pleura
from lus_keras.simulation.truth import TRUTH_BEAMS, TRUTH_ROWS
from lus_keras.simulation.validation.check import Finding, Settings, check
from lus_keras.simulation.validation.learning import auc, shown
from lus_keras.simulation.video import manifest_row

MIN_REALIZED = 0.90
MIN_BELOW_WALL_DB = 15.0
MAX_CORRELATION = -0.8
NETWORK_FRAMES, NETWORK_SIDE = 6, 64


@check(
    9,
    "severity: visible findings match the drawn score",
    "≥ 90 %, none by > 1, white fraction rises",
)
def check_severity(settings: Settings) -> Finding:
    """Agreement of drawn and realized scores in the paper's cohort, and extent of white lung."""
    options: dict[str, Any] = {"seed": settings.seed, "duration_s": 2.0, "fps": 10}
    if settings.size < 1:
        patients = settings.patients(11)
        options |= {"patients": patients, "videos": 246 * patients // 11}
    plans = plan_cohort("severity", **options)
    truths = [measure_truth(plan) for plan in plans]
    drawn = np.array([int(plan.drawn[-1]) for plan in plans])
    realized = np.array([truth.score for truth in truths])
    white = np.array([np.quantile(truth.white_fraction, 0.9) for truth in truths])
    medians = [float(np.median(white[drawn == score])) for score in range(4)]
    agreement, worst = float(np.mean(drawn == realized)), int(np.abs(drawn - realized).max())
    return Finding(
        f"{agreement:.1%} of {len(plans)} as drawn, none differs by more than {worst}; white "
        f"fraction {', '.join(f'{value:.2f}' for value in medians)}",
        bool(agreement >= MIN_REALIZED and worst <= 1 and np.all(np.diff(medians) > 0)),
        {
            "agreement": agreement,
            "worst": worst,
            **{f"white_{k}": v for k, v in enumerate(medians)},
        },
    )


def plans_of(sign: str, **options: Any) -> list[VideoPlan]:
    """Plans of a cohort of signs for which the given sign is drawn."""
    return [plan for plan in plan_cohort("signs", **options) if plan.drawn == sign]


def wall_over_fluid_db(scene: Scene) -> float:
    """Level of the brightest tenth of the wall relative to that of the fluid, dB.

    NaN if no fluid is visible.
    """
    acquisition, seen = scene.acquisition, visible_pleura(scene)[:, 0]
    assert scene.effusion is not None
    noise = scene.noise[0, :, : acquisition.beams]
    power = 10 * np.log10(BeamSpace(scene).power(0) + noise)
    depth = acquisition.row_depth_mm
    fluid = scene.effusion.fluid(scene.motion.breathing[0]) > 0.99
    fluid &= seen & (depth > acquisition.pleura_mm + 3)
    wall = seen & (depth < acquisition.pleura_mm - 1)
    if not fluid.any():
        return float("nan")
    return float(np.quantile(power[wall], 0.9) - np.quantile(power[fluid], 0.9))


def a_line_period_error(scene: Scene) -> float:
    """Distance of the autocorrelation peak from the depth of the pleura.

    A-lines repeat at the depth of the pleura. The profile is the detrended mean level returned from
    below unshaded pleura; a parabola locates the peak between rows.

    Returns:
        Rows ≥ 0 of the grid of the scene; NaN if the image is less than 2.4 pleural depths deep.
    """
    acquisition = scene.acquisition
    period = acquisition.pleura_mm / acquisition.row_mm
    last = min(int(acquisition.depth_mm / acquisition.row_mm), acquisition.rows)
    first = int(0.6 * period)
    if last < 2.4 * period:
        return float("nan")
    clear = visible_pleura(scene)[:, 0]
    level = 10 * np.log10(BeamSpace(scene).power(0)[first:last, clear]).mean(1)
    rows = np.arange(len(level))
    level = level - np.polyval(np.polyfit(rows, level, 3), rows)
    lags = np.arange(int(0.6 * period), int(1.5 * period) + 1)
    similar = np.array([np.corrcoef(level[lag:], level[:-lag])[0, 1] for lag in lags])
    peak = int(np.argmax(similar))
    if not 0 < peak < len(lags) - 1:
        return float(abs(lags[peak] - period))
    before, at, after = similar[peak - 1 : peak + 2]
    return float(abs(lags[peak] + (before - after) / (2 * (before - 2 * at + after)) - period))


@check(12, "signs: expected appearance", "fluid and A-lines in ≥ 90 %, every r < -.8")
def check_signs(settings: Settings) -> Finding:
    """Fluid is dark, pleurae approach in inspiration, A-lines repeat at the pleural depth."""
    patients, seed = settings.patients(60), settings.seed
    size = {"patients": patients, "videos": 4 * patients, "seed": seed}
    effusions, breathing, mirrors = (
        plans_of("effusion", **size),
        plans_of("effusion", **size, duration_s=5.0, fps=8),
        plans_of("a_lines", **size),
    )
    below = _measured(wall_over_fluid_db, effusions)
    errors = _measured(a_line_period_error, mirrors)
    r = [
        np.corrcoef(
            measure_truth(plan).interpleural_mm,
            build_scene(plan, TRUTH_BEAMS, TRUTH_ROWS).motion.breathing,
        )
        for plan in breathing
    ]
    highest = max(float(matrix[0, 1]) for matrix in r)
    dark, periodic = float(np.mean(below >= MIN_BELOW_WALL_DB)), float(np.mean(errors <= 1))
    return Finding(
        f"fluid ≥ 15 dB under the wall in {dark:.0%} of {len(below)} (median "
        f"{np.median(below):.0f} dB); A-line period within a row in {periodic:.0%} of "
        f"{len(errors)}; highest r of distance and breathing {highest:.2f}",
        bool(dark >= MIN_REALIZED and periodic >= MIN_REALIZED and highest < MAX_CORRELATION),
        {"dark": dark, "periodic": periodic, "highest_r": highest},
    )


def _measured(measure: Callable[[Scene], float], plans: list[VideoPlan]) -> np.ndarray:
    values = np.array([measure(build_scene(plan, TRUTH_BEAMS, TRUTH_ROWS)) for plan in plans])
    return values[~np.isnan(values)]


def _separability(task: str, label: str, settings: Settings, **size: Any) -> Finding:
    """AUC of each class versus the rest on unseen patients, by a small network on six frames."""
    if settings.train_and_score is None:
        return Finding("no network was given", None)
    plans = plan_cohort(task, seed=settings.seed, **size)
    module = tasks.get(task)
    clips, labels = [], []
    for plan in plans:
        video = simulate_video(plan, height=NETWORK_SIDE, width=NETWORK_SIDE, crop="sector")
        at = np.linspace(0, len(video.frames) - 1, NETWORK_FRAMES).astype(int)
        clips.append(video.frames[at])
        labels.append(getattr(manifest_row(plan, video.truth), label))
    names = list(range(4)) if label == "severity" else list(module.CLASSES)
    x, y = np.stack(clips), np.array([names.index(value) for value in labels])
    patients = np.array([plan.patient for plan in plans])
    test = patients % 10 >= 7
    scores = settings.train_and_score(x[~test], y[~test], x[test], seed=settings.seed)
    found = [
        auc((y[test] == k).astype(int), scores[:, k], patients[test]) for k in range(len(names))
    ]
    accuracy = float(np.mean(scores.argmax(1) == y[test]))
    majority = float(np.bincount(y[test]).max() / test.sum())
    lines = ", ".join(f"{name} {shown(f)}" for name, f in zip(module.CLASSES, found, strict=True))
    return Finding(
        f"{lines}; accuracy {accuracy:.2f}, majority {majority:.2f}, {int(test.sum())} videos of "
        f"{len(np.unique(patients[test]))} unseen patients",
        bool(all(f.ci_low > 0.5 for f in found)),
        {name: f.value for name, f in zip(module.CLASSES, found, strict=True)},
    )


@check(14, "severity: distinguished by a network", "low end > .5 for each score")
def check_severity_network(settings: Settings) -> Finding:
    """Each score versus the rest, on unseen patients."""
    patients = settings.patients(120)
    size = {"patients": patients, "videos": 6 * patients, "duration_s": 2.0, "fps": 5}
    return _separability("severity", "severity", settings, **size)


@check(15, "signs: distinguished by a network", "low end > .5 for each sign")
def check_signs_network(settings: Settings) -> Finding:
    """Each sign versus the rest, on unseen patients."""
    patients = settings.patients(180)
    size = {"patients": patients, "videos": 4 * patients, "duration_s": 1.5}
    return _separability("signs", "sign", settings, **size)
