"""Vertical artifacts drawn by the tasks: traps at visible positions, lookalikes anywhere."""

import numpy as np

from lus_keras.simulation.anatomy import transmission
from lus_keras.simulation.artefacts import VerticalArtifacts, elevational_visibility
from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.motion import Motion
from lus_keras.simulation.parameters import TrapParameters, ZLineParameters, draw_many
from lus_keras.simulation.texture import from_db, ornstein_uhlenbeck

DIFFICULTY_LOSS_DB = 4.0
PERSISTENT_SLICE_MM = 5.0
Z_LINE_SLICE_MM = 2.0
# Width of the distribution of `ZLineParameters.elevation_mm`.
ELEVATION_SPAN_MM = 6.0
FLICKER_DB, FLICKER_S = 1.5, 0.2


def span_mm(acquisition: Acquisition, motion: Motion) -> tuple[float, float]:
    """Range of positions along the lung that can come into view, mm."""
    half, (low, high) = acquisition.half_width_mm, motion.lung_range_mm
    return -half - high, half - low


def clear_places(acquisition: Acquisition) -> np.ndarray:
    """Positions on the probe without rib shadow and away from the edges, `(n,)` float64 mm."""
    places = np.linspace(-0.8, 0.8, 161) * acquisition.half_width_mm
    passes = transmission(acquisition, places)
    return places[passes >= 0.5 * passes.max()]


def flicker(acquisition: Acquisition, motion: Motion, name: str, count: int) -> np.ndarray:
    """Random power factors of `count` artifacts over time, `(count, t)` float32."""
    rng, fps = acquisition.rng(f"{name}.flicker"), acquisition.plan.fps
    frames = motion.lung_mm.size
    paths = [ornstein_uhlenbeck(rng, frames, fps, FLICKER_S) for _ in range(count)]
    return from_db(FLICKER_DB * np.reshape(paths, (count, frames)))


def _show_first_trap(
    acquisition: Acquisition, motion: Motion, position_mm: np.ndarray, elevation_mm: np.ndarray
) -> None:
    """Moves the first trap, in place, to a position where it is visible at one random moment."""
    rng = acquisition.rng("traps.first")
    moment, choice, offset = rng.integers(motion.lung_mm.size), rng.random(), rng.uniform(-1.0, 1.0)
    clear = clear_places(acquisition)
    position_mm[0] = clear[int(choice * clear.size)] - motion.lung_mm[moment]
    elevation_mm[0] = offset - motion.slip_mm[moment]


def narrow_traps(acquisition: Acquisition, motion: Motion, count: int) -> VerticalArtifacts:
    """Draws causes of separate B-lines, weaker at higher difficulty; the first one is in view."""
    trap = draw_many(TrapParameters, acquisition.plan.key, count)
    low, high = span_mm(acquisition, motion)
    position, elevation = low + (high - low) * trap["place"], trap["elevation_mm"]
    if count:
        _show_first_trap(acquisition, motion, position, elevation)
    slices = np.where(trap["is_persistent"] > 0, PERSISTENT_SLICE_MM, trap["slice_mm"])
    visibility = elevational_visibility(elevation, slices, motion.slip_mm)
    return VerticalArtifacts(
        kind=("b_line",) * count,
        position_mm=position,
        width_mm=trap["width_mm"],
        gain_db=trap["gain_db"] - DIFFICULTY_LOSS_DB * acquisition.plan.difficulty,
        slope_db_cm=trap["slope_db_cm"],
        reach_mm=np.full(count, np.inf),
        visibility=visibility * flicker(acquisition, motion, "traps", count),
    )


def z_lines(
    acquisition: Acquisition, motion: Motion, slip_range_mm: tuple[float, float] = (0.0, 0.0)
) -> VerticalArtifacts:
    """Draws Z-lines, independent of the class of the video.

    Args:
        slip_range_mm: Elevational range over which lines are spread, in addition to their own
            distribution. If the class determines how far the lung slips, this must be the range of
            both classes; otherwise the number of lines in a frame would reveal the class.

    Returns:
        Any number of Z-lines; the number visible in a frame is about the same for any range.
    """
    low_slip, high_slip = slip_range_mm
    wider = 1 + (high_slip - low_slip) / ELEVATION_SPAN_MM
    rate = (1 + 2 * acquisition.plan.difficulty) * wider
    count = int(acquisition.rng("z_lines.count").poisson(rate))
    line = draw_many(ZLineParameters, acquisition.plan.key, count)
    low, high = span_mm(acquisition, motion)
    elevation = line["elevation_mm"] * wider - (low_slip + high_slip) / 2
    slices = np.full(count, Z_LINE_SLICE_MM)
    visibility = elevational_visibility(elevation, slices, motion.slip_mm)
    return VerticalArtifacts(
        kind=("z_line",) * count,
        position_mm=low + (high - low) * line["place"],
        width_mm=line["width_mm"],
        gain_db=line["gain_db"],
        slope_db_cm=line["slope_db_cm"],
        reach_mm=line["reach"] * (acquisition.depth_mm - acquisition.pleura_mm),
        visibility=visibility * flicker(acquisition, motion, "z_lines", count),
    )
