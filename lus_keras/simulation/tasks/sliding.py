"""Lung sliding: the lung moves with breathing, or only with the heartbeat.

Everything else varies in both classes: probe, chest wall, gain. A single frame contains no
information about the class, which changes only the position of the lung over time; the lung looks
alike at any position.

Videos with a lung point, where sliding is absent in part of the view, belong to neither class. They
are planned only on request and have no label.
"""

import dataclasses
from typing import Any

from lus_keras.simulation.acoustic_traps import z_lines
from lus_keras.simulation.artefacts import Pathology
from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.lung_point import draw_lung_point
from lus_keras.simulation.motion import Motion
from lus_keras.simulation.motion import draw_motion as draw_any_motion
from lus_keras.simulation.pleura import SlidingTruth, measure_sliding, pleural_region
from lus_keras.simulation.tasks import CohortSize

# The paper's videos last 2 to 11 s without and 3 to 18 s with sliding and give 48 and 115 clips of
# 2 s. By default lengths are allocated independently of the class; the total is always 163 clips.
COHORT = CohortSize(
    patients=48,
    videos=48,
    duration_s=(2.0, 18.4),
    fps=(30.0, 54.0),
    sizes=((480, 640), (480, 854)),
    probe="linear",
    positive_patients=28,
    class_lengths_s=((2.0, 11.0, 1.505), (3.0, 18.4, 1.505)),
)
CLASSES = ("no_sliding", "sliding")
LUNG_POINT = "lung_point"
A_LINE_DB = (-6.0, 8.0)
# Margin beyond the visible range, so that the borders of the lung's texture are never visible.
MARGIN_MM = 5.0

measure = measure_sliding
region = pleural_region


def labels(truth: SlidingTruth) -> dict[str, Any]:
    """Manifest columns of a video: `sliding`, empty if there is a lung point."""
    return {"sliding": None if truth.sliding is None else int(truth.sliding)}


def draw_motion(acquisition: Acquisition) -> Motion:
    """Draws the motion of one video, with sliding of the lung unless the plan excludes it."""
    motion = draw_any_motion(acquisition, slides=acquisition.plan.drawn != "no_sliding")
    low, high = motion.lung_range_mm
    return dataclasses.replace(motion, lung_range_mm=(low - MARGIN_MM, high + MARGIN_MM))


def draw_pathology(acquisition: Acquisition, motion: Motion) -> Pathology:
    """Draws A-lines and Z-lines, which are the same in both classes, and a planned lung point."""
    low, high = motion.lung_range_mm
    ratio = acquisition.video.slip_ratio
    slip_range = ratio * (low + MARGIN_MM), ratio * (high - MARGIN_MM)
    weakest, strongest = A_LINE_DB
    a_line_db = weakest + (strongest - weakest) * acquisition.video.a_line_rank
    has_lung_point = acquisition.plan.drawn == LUNG_POINT
    return Pathology(
        z_lines(acquisition, motion, slip_range),
        a_line_db,
        lung_point=draw_lung_point(acquisition, motion) if has_lung_point else None,
    )
