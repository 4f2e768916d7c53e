"""The part of a simulated display shown by public videos: an undistorted central square."""

import cv2
import numpy as np

from lus_keras.data.manifest import Box
from lus_keras.simulation.cohort import VideoPlan
from lus_keras.simulation.geometry import Acquisition, scan_map
from lus_keras.simulation.render import grid_for

# COVID-BLUES: squares from just above the center of the probe down to the end of the sector.
SIDE_OF_DEPTH, ABOVE = 1.04, 0.024


def view_box(plan: VideoPlan, height: int, width: int) -> Box:
    """Square `(x, y, w, h)` in pixels that COVID-BLUES would show.

    For a linear probe, the largest centered square at the top of the image area.
    """
    acquisition = Acquisition.of(plan, *grid_for(height, width))
    x, y, w, h = scan_map(acquisition, height, width, "screen").roi
    side, top = min(w, h), y
    if plan.probe == "convex":
        _, top_mm, _, height_mm = acquisition.probe.extent(acquisition.depth_mm)
        scale = h / height_mm
        side = round(SIDE_OF_DEPTH * acquisition.depth_mm * scale)
        lowered_mm = acquisition.patient.probe_radius_mm - top_mm - ABOVE * acquisition.depth_mm
        top = y + round(lowered_mm * scale)
    side = min(side, height, width)
    left = int(np.clip(x + (w - side) // 2, 0, width - side))
    return left, int(np.clip(top, 0, height - side)), side, side


def cut(frames: np.ndarray, box: Box, side: int) -> np.ndarray:
    """Crops frames `(t, h, w)` uint8 to a box and resizes them to `(t, side, side)`."""
    x, y, w, h = box
    how = cv2.INTER_AREA if h >= side else cv2.INTER_LINEAR
    return np.stack(
        [cv2.resize(f[y : y + h, x : x + w], (side, side), interpolation=how) for f in frames]
    )
