"""The visible pleural line: its sliding, and its position in the image."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lus_keras.data.manifest import Box
from lus_keras.simulation.anatomy import acoustic_window, rib_centers, rib_top_mm
from lus_keras.simulation.cohort import VideoPlan
from lus_keras.simulation.geometry import Acquisition, ScanMap, scan_map
from lus_keras.simulation.scene import Scene
from lus_keras.simulation.truth import TRUTH_BEAMS, TRUTH_ROWS, runs

# Number of lateral positions at which the acoustic window and the pleura are evaluated.
PLACES = 401
# Intercostal spaces end where half of the power is lost; the outer edge is poorly coupled.
MIN_WINDOW = 0.5
MAX_PLACE = 0.95
# The region begins above the line and extends into the reverberations below it.
ABOVE_MM = 1.5
REGION_DEPTH = 0.55
# An observer marks one intercostal space, not the whole view in probe positions along the ribs.
MAX_WIDTH_MM = 26.0
# Half the thickness of the marked pleural line.
LINE_MM = 0.6
# Narrow spaces are widened to this width, in pixels of a display with 480 rows.
MIN_WIDTH_PIXELS = 120


@dataclass(frozen=True)
class SlidingTruth:
    """Motion of the lung in one video.

    Attributes:
        sliding: Whether the lung moves with breathing; None if it does so in part of the view only.
        lung_mm: `(t,)` float64, position of the lung along the pleura.
        fps: Frames per second.
        lung_point: `(t,)` float64, position at which sliding begins, from -1 (left edge of the
            view) to 1 (right edge); NaN while out of view, None in a video without a lung point.
    """

    sliding: bool | None
    lung_mm: np.ndarray
    fps: float
    lung_point: np.ndarray | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the values in `rows`; `lung_point` only if there is one."""
        names = ("frame", "time_s", "lung_mm", "path_mm")
        return names if self.lung_point is None else (*names, "lung_point")

    @property
    def path_mm(self) -> float:
        """Length of the lung's path over the video, mm, including the lung pulse."""
        return float(np.abs(np.diff(self.lung_mm)).sum())

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Values of `columns`, one row per frame; the path is cumulative from the first frame."""
        path = np.concatenate([[0.0], np.abs(np.diff(self.lung_mm)).cumsum()])
        for t, (place, length) in enumerate(zip(self.lung_mm, path, strict=True)):
            cells = t, f"{t / self.fps:.6f}", f"{place:.4f}", f"{length:.4f}"
            if self.lung_point is None:
                yield cells
            else:
                shown = self.lung_point[t]
                yield (*cells, "" if np.isnan(shown) else f"{shown:.3f}")


def measure_sliding(scene: Scene) -> SlidingTruth:
    """Sliding of the lung from the motion of a scene; the same on every grid."""
    plan = scene.acquisition.plan
    if scene.lung_point is None:
        return SlidingTruth(plan.drawn == "sliding", scene.motion.lung_mm, plan.fps)
    on_probe = scene.lung_point.edge_mm + scene.motion.wall_mm
    place = on_probe / scene.acquisition.half_width_mm
    shown = np.where(np.abs(place) <= 1, place, np.nan)
    return SlidingTruth(None, scene.motion.lung_mm, plan.fps, shown)


def widest_window(acquisition: Acquisition) -> tuple[float, float]:
    """Ends of the widest intercostal space in view, -1 … 1; the middle half if all is shaded."""
    places = np.linspace(-MAX_PLACE, MAX_PLACE, PLACES)
    clear = acoustic_window(acquisition, places * acquisition.half_width_mm) > MIN_WINDOW
    spaces = runs(clear)
    if not spaces:
        return -0.5, 0.5
    first, end = max(spaces, key=lambda space: space[1] - space[0])
    return float(places[first]), float(places[end - 1])


def _limited(low: float, high: float, least: float, most: float) -> tuple[float, float]:
    """Widens or narrows an interval about its center."""
    center, half = (low + high) / 2, np.clip(high - low, least, most) / 2
    return center - half, center + half


def _inside(low: float, high: float, first: int, size: int) -> tuple[int, int]:
    """Start and length in whole pixels of an interval moved into `first … first + size`."""
    length = min(round(high - low), size)
    return int(np.clip(round(low), first, first + size - length)), length


def pleural_region(acquisition: Acquisition, scan: ScanMap) -> Box:
    """Region `(x, y, w, h)` in pixels with the pleura of the widest intercostal space.

    It extends from just above the pleural line into the reverberations below it.
    """
    left, right = widest_window(acquisition)
    half_mm = MAX_WIDTH_MM / 2 / acquisition.half_width_mm
    left, right = _limited(left, right, 0, 2 * half_mm)
    lateral = np.linspace(left, right, PLACES) * acquisition.probe.half
    depth = acquisition.pleura_mm * acquisition.relative_pleura(lateral)
    columns, top = scan.pixels(*acquisition.probe.point(lateral, depth - ABOVE_MM))
    _, bottom = scan.pixels(
        *acquisition.probe.point(lateral, depth + REGION_DEPTH * acquisition.depth_mm)
    )
    least = MIN_WIDTH_PIXELS * scan.coordinates[0].shape[0] / 480
    x_span = _limited(float(columns.min()), float(columns.max()), least, np.inf)
    x, w = _inside(*x_span, scan.roi[0], scan.roi[2])
    low, high = float(top.min()), min(float(bottom.min()), scan.roi[1] + scan.roi[3])
    y, h = _inside(low, high, scan.roi[1], scan.roi[3])
    return x, y, w, h


def visible_anatomy(plan: VideoPlan, height: int, width: int) -> dict[str, np.ndarray]:
    """Masks of ribs, lung and pleura in the whole frame, at the mean position of the probe.

    Returns:
        `(height, width)` bool by name: `ribs` (from their surface to the depth of the pleura),
        `lung` (below the pleura, between the rib shadows) and `pleura` (the line between the
        shadows).
    """
    acquisition = Acquisition.of(plan, 2 * TRUTH_BEAMS, 2 * TRUTH_ROWS)
    scan = scan_map(acquisition, height, width, "screen")
    depth, lateral = acquisition.row_depth_mm, acquisition.lateral_mm
    clear = acoustic_window(acquisition, lateral) > MIN_WINDOW
    below = depth - acquisition.pleura_mm
    half_rib = acquisition.patient.rib_width_mm / 2
    ribs = np.zeros(acquisition.shape, bool)
    for center in rib_centers(acquisition):
        distance = np.abs(lateral - center)
        ribs |= (
            (distance <= half_rib)
            & (depth >= rib_top_mm(acquisition, distance))
            & (below < -LINE_MM)
        )
    masks = {
        "ribs": ribs,
        "lung": clear & (below > LINE_MM),
        "pleura": clear & (np.abs(below) <= LINE_MM),
    }
    return {name: scan.apply(np.uint8(255) * mask) > 128 for name, mask in masks.items()}


def pleural_rows(plan: VideoPlan, height: int, width: int) -> np.ndarray:
    """Row of the pleural line in each image column, without motion; NaN outside the sector.

    Returns:
        `(width,)` float64.
    """
    acquisition = Acquisition.of(plan, TRUTH_BEAMS, TRUTH_ROWS)
    scan = scan_map(acquisition, height, width, "screen")
    lateral = np.linspace(-1, 1, PLACES) * acquisition.probe.half
    depth = acquisition.pleura_mm * acquisition.relative_pleura(lateral)
    columns, rows = scan.pixels(*acquisition.probe.point(lateral, depth))
    return np.interp(np.arange(width), columns, rows, left=np.nan, right=np.nan)
