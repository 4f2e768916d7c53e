"""Z-lines: vertical artefacts in videos of every class, which end before the bottom."""

from __future__ import annotations

import numpy as np

from lus_keras.simulate.artefacts import VerticalArtefacts, elevational_visibility
from lus_keras.simulate.geometry import Acquisition
from lus_keras.simulate.motion import Motion
from lus_keras.simulate.parameters import ZLineParameters, draw_many
from lus_keras.simulate.texture import from_db, ornstein_uhlenbeck

Z_LINE_SLICE_MM = 2.0
# Width of the distribution of `ZLineParameters.elevation_mm`.
ELEVATION_SPAN_MM = 6.0
FLICKER_DB, FLICKER_S = 1.5, 0.2


def span_mm(acquisition: Acquisition, motion: Motion) -> tuple[float, float]:
    """Part of the lung that can come into view, mm."""
    half, (low, high) = acquisition.half_width_mm, motion.lung_range_mm
    return -half - high, half - low


def flicker(acquisition: Acquisition, motion: Motion, name: str, count: int) -> np.ndarray:
    """Brightness changes of `count` artefacts, power, `(count, t)` float32."""
    rng, fps = acquisition.rng(f"{name}.flicker"), acquisition.plan.fps
    frames = motion.lung_mm.size
    paths = [ornstein_uhlenbeck(rng, frames, fps, FLICKER_S) for _ in range(count)]
    return from_db(FLICKER_DB * np.reshape(paths, (count, frames)))


def draw_z_lines(
    acquisition: Acquisition, motion: Motion, slip_range_mm: tuple[float, float] = (0.0, 0.0)
) -> VerticalArtefacts:
    """Draws Z-lines, whatever the class of the video.

    Args:
        acquisition: The video.
        motion: Its paths.
        slip_range_mm: Places across the image plane over which lines are spread, beyond their
            own distribution. Where the class decides how far the lung slips, this is the range
            of both classes, or the number of lines in a frame would tell them apart.

    Returns:
        Any number of Z-lines; in a frame about as many are seen whatever the range.
    """
    low_slip, high_slip = slip_range_mm
    wider = 1 + (high_slip - low_slip) / ELEVATION_SPAN_MM
    rate = (1 + 2 * acquisition.plan.hard) * wider
    count = int(acquisition.rng("z_lines.count").poisson(rate))
    line = draw_many(ZLineParameters, acquisition.plan.key, count)
    low, high = span_mm(acquisition, motion)
    elevation = line["elevation_mm"] * wider - (low_slip + high_slip) / 2
    slices = np.full(count, Z_LINE_SLICE_MM)
    visibility = elevational_visibility(elevation, slices, motion.slip_mm)
    return VerticalArtefacts(
        kind=("z_line",) * count,
        position_mm=low + (high - low) * line["place"],
        width_mm=line["width_mm"],
        gain_db=line["gain_db"],
        slope_db_cm=line["slope_db_cm"],
        reach_mm=line["reach"] * (acquisition.depth_mm - acquisition.pleura_mm),
        visibility=visibility * flicker(acquisition, motion, "z_lines", count),
    )
