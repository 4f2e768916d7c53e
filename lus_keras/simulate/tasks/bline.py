"""B-lines that come and go with breathing, and lookalikes in videos of both classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from lus_keras.simulate.anatomy import transmission
from lus_keras.simulate.artefacts import Pathology, VerticalArtefacts, elevational_visibility
from lus_keras.simulate.geometry import Acquisition, sector_region
from lus_keras.simulate.lookalikes import draw_z_lines, flicker, span_mm
from lus_keras.simulate.motion import Motion
from lus_keras.simulate.motion import draw_motion as draw_motion
from lus_keras.simulate.parameters import TrapParameters, draw_many
from lus_keras.simulate.tasks import CohortSize
from lus_keras.simulate.truth import Truth, measure_b_lines

COHORT = CohortSize(patients=60, videos=298, duration_s=4.0, fps=(30.0,))
CLASSES = ("no_b_lines", "b_lines")
# Aerated lung mirrors more; the ranges overlap, so A-lines alone do not give the class away.
A_LINE_DB = {"no_b_lines": (0.0, 8.0), "b_lines": (-6.0, 5.0)}
MAX_TRAPS = 2
HARD_LOSS_DB = 4.0
PERSISTENT_SLICE_MM = 5.0

measure = measure_b_lines
region = sector_region


def labels(truth: Truth) -> dict[str, Any]:
    """Manifest columns of a video: `b_lines` and `segments`, both as measured."""
    return {"b_lines": int(truth.b_line_frames.any()), "segments": truth.segments}


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
    low, high = span_mm(acquisition, motion)
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
        visibility=visibility * flicker(acquisition, motion, "traps", count),
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
    artefacts = _traps(acquisition, motion).joined(draw_z_lines(acquisition, motion))
    return Pathology(artefacts, a_line_db)
