"""Lung sliding: the lung moves with breathing, or rests but for the heart beat.

Everything else moves in both classes: probe, chest wall, gain. One frame says nothing of the class:
all that the class changes is the place of the lung at a time, and a lung looks alike at any place.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from lus_keras.simulate.artefacts import Pathology
from lus_keras.simulate.geometry import Acquisition
from lus_keras.simulate.motion import Motion
from lus_keras.simulate.motion import draw_motion as draw_any_motion
from lus_keras.simulate.pleura import SlidingTruth, measure_sliding, pleural_region
from lus_keras.simulate.tasks import CohortSize
from lus_keras.simulate.traps import z_lines

# 2 s clips without overlap: 163 in 48 videos.
COHORT = CohortSize(
    patients=48,
    videos=48,
    duration_s=(4.2, 11.25),
    fps=(30.0, 54.0),
    sizes=((480, 640), (480, 854)),
    probe="linear",
    positive_patients=28,
)
CLASSES = ("no_sliding", "sliding")
A_LINE_DB = (-6.0, 8.0)
# Beyond what can come into view, so that the borders of the lung's texture are never seen.
MARGIN_MM = 5.0

measure = measure_sliding
region = pleural_region


def labels(truth: SlidingTruth) -> dict[str, Any]:
    """Manifest columns of a video: `sliding`."""
    return {"sliding": int(truth.sliding)}


def draw_motion(acquisition: Acquisition) -> Motion:
    """Draws the paths of one video; the lung follows the breathing only if the plan says so."""
    motion = draw_any_motion(acquisition, slides=acquisition.plan.drawn == "sliding")
    low, high = motion.lung_range_mm
    return dataclasses.replace(motion, lung_range_mm=(low - MARGIN_MM, high + MARGIN_MM))


def draw_pathology(acquisition: Acquisition, motion: Motion) -> Pathology:
    """Draws A-lines and Z-lines, the same in either class."""
    low, high = motion.lung_range_mm
    ratio = acquisition.video.slip_ratio
    slip_range = ratio * (low + MARGIN_MM), ratio * (high - MARGIN_MM)
    weakest, strongest = A_LINE_DB
    a_line_db = weakest + (strongest - weakest) * acquisition.video.a_line_rank
    return Pathology(z_lines(acquisition, motion, slip_range), a_line_db)
