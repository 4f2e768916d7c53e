"""The part of a simulated display that public videos show: an undistorted square in the middle."""

import cv2
import numpy as np

from lus_keras.data.manifest import Box
from lus_keras.simulation.cohort import VideoPlan
from lus_keras.simulation.geometry import Acquisition, scan_map
from lus_keras.simulation.render import grid_for

# COVID-BLUES: squares from just above the middle of the probe down to the end of the sector.
SIDE_OF_DEPTH, ABOVE = 1.04, 0.024


def view_box(plan: VideoPlan, height: int, width: int) -> Box:
    """`(x, y, w, h)` of the square that COVID-BLUES would show; of a linear probe, the middle."""
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
    """Cuts a box out of frames `(t, h, w)` uint8 and resizes it to `(t, side, side)`."""
    x, y, w, h = box
    how = cv2.INTER_AREA if h >= side else cv2.INTER_LINEAR
    return np.stack(
        [cv2.resize(f[y : y + h, x : x + w], (side, side), interpolation=how) for f in frames]
    )
