"""B-lines that come and go with breathing, and lookalikes in videos of both classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lus_keras.simulate.anatomy import transmission
from lus_keras.simulate.artefacts import Pathology, VerticalArtefacts, elevational_visibility
from lus_keras.simulate.geometry import Acquisition
from lus_keras.simulate.motion import Motion
from lus_keras.simulate.parameters import TrapParameters, ZLineParameters, draw_many
from lus_keras.simulate.tasks import CohortSize
from lus_keras.simulate.texture import from_db, ornstein_uhlenbeck
from lus_keras.simulate.truth import Truth, measure_b_lines

COHORT = CohortSize(patients=60, videos=298, duration_s=4.0, fps=30.0)
CLASSES = ("no_b_lines", "b_lines")
# Aerated lung mirrors more; the ranges overlap, so A-lines alone do not give the class away.
A_LINE_DB = {"no_b_lines": (0.0, 8.0), "b_lines": (-6.0, 5.0)}
MAX_TRAPS = 2
HARD_LOSS_DB = 4.0
PERSISTENT_SLICE_MM = 5.0
Z_LINE_SLICE_MM = 2.0
FLICKER_DB, FLICKER_S = 1.5, 0.2

measure = measure_b_lines


def labels(truth: Truth) -> dict[str, Any]:
    """Manifest columns of a video: `b_lines` and `segments`, both as measured."""
    return {"b_lines": int(truth.b_line_frames.any()), "segments": truth.segments}


def _span_mm(acquisition: Acquisition, motion: Motion) -> tuple[float, float]:
    """Part of the lung that can come into view, mm."""
    half, (low, high) = acquisition.half_width_mm, motion.lung_range_mm
    return -half - high, half - low


def _flicker(acquisition: Acquisition, motion: Motion, name: str, count: int) -> np.ndarray:
    """Brightness changes of `count` artefacts, power, `(count, t)` float32."""
    rng, fps = acquisition.rng(f"{name}.flicker"), acquisition.plan.fps
    frames = motion.lung_mm.size
    paths = [ornstein_uhlenbeck(rng, frames, fps, FLICKER_S) for _ in range(count)]
    return from_db(FLICKER_DB * np.reshape(paths, (count, frames)))


def _show_first_trap(
    acquisition: Acquisition, motion: Motion, position_mm: np.ndarray, elevation_mm: np.ndarray
) -> None:
    """Moves the first trap, in place, to where it can be seen at one random moment."""
    rng = acquisition.rng("traps.first")
    moment, choice, offset = rng.integers(motion.lung_mm.size), rng.random(), rng.uniform(-1.0, 1.0)
    places = np.linspace(-0.8, 0.8, 161) * acquisition.half_width_mm
    passes = transmission(acquisition, places)
    clear = places[passes >= 0.5 * passes.max()]
    position_mm[0] = clear[int(choice * clear.size)] - motion.lung_mm[moment]
    elevation_mm[0] = offset - motion.slip_mm[moment]


def _traps(acquisition: Acquisition, motion: Motion) -> VerticalArtefacts:
    """Draws the causes of B-lines."""
    drawn = acquisition.plan.drawn == "b_lines"
    count = int(acquisition.rng("traps.count").integers(1, MAX_TRAPS + 1)) if drawn else 0
    trap = draw_many(TrapParameters, acquisition.plan.key, count)
    low, high = _span_mm(acquisition, motion)
    position, elevation = low + (high - low) * trap["place"], trap["elevation_mm"]
    if count:
        _show_first_trap(acquisition, motion, position, elevation)
    slices = np.where(trap["is_persistent"] > 0, PERSISTENT_SLICE_MM, trap["slice_mm"])
    visibility = elevational_visibility(elevation, slices, motion.slip_mm)
    return VerticalArtefacts(
        kind=("b_line",) * count,
        position_mm=position,
        width_mm=trap["width_mm"],
        gain_db=trap["gain_db"] - HARD_LOSS_DB * acquisition.plan.hard,
        slope_db_cm=trap["slope_db_cm"],
        reach_mm=np.full(count, np.inf),
        visibility=visibility * _flicker(acquisition, motion, "traps", count),
    )


def _z_lines(acquisition: Acquisition, motion: Motion) -> VerticalArtefacts:
    """Draws Z-lines, whatever the class of the video."""
    rate = 1 + 2 * acquisition.plan.hard
    count = int(acquisition.rng("z_lines.count").poisson(rate))
    line = draw_many(ZLineParameters, acquisition.plan.key, count)
    low, high = _span_mm(acquisition, motion)
    slices = np.full(count, Z_LINE_SLICE_MM)
    visibility = elevational_visibility(line["elevation_mm"], slices, motion.slip_mm)
    return VerticalArtefacts(
        kind=("z_line",) * count,
        position_mm=low + (high - low) * line["place"],
        width_mm=line["width_mm"],
        gain_db=line["gain_db"],
        slope_db_cm=line["slope_db_cm"],
        reach_mm=line["reach"] * (acquisition.depth_mm - acquisition.pleura_mm),
        visibility=visibility * _flicker(acquisition, motion, "z_lines", count),
    )


def draw_pathology(acquisition: Acquisition, motion: Motion) -> Pathology:
    """Draws what the lung of one video shows.

    Args:
        acquisition: The video.
        motion: Its paths.

    Returns:
        B-lines only if the plan says so, Z-lines in any case, and the strength of the A-lines.
    """
    low, high = A_LINE_DB[acquisition.plan.drawn]
    a_line_db = low + (high - low) * acquisition.video.a_line_rank
    artefacts = _traps(acquisition, motion).joined(_z_lines(acquisition, motion))
    return Pathology(artefacts, a_line_db)
