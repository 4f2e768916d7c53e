"""Four realized signs, from the shares of the sector that are fluid and airless lung."""

from dataclasses import dataclass

import numpy as np

from lus_keras.core.labels import SIGNS
from lus_keras.simulation.scene import Scene
from lus_keras.simulation.severity import consolidation_mm, visible_pleura
from lus_keras.simulation.truth import Truth, measure_b_lines

# A sign counts if it fills this share of the sector in this share of the frames.
MIN_AREA, MIN_FRAMES = 0.05, 0.5
# Areas as large as these are hidden only in deep rib shadows; incidence is irrelevant.
MIN_WINDOW = 0.1


@dataclass(frozen=True)
class SignTruth(Truth):
    """Visible findings in a video that shows one of four signs.

    Attributes:
        fluid_area: `(t,)` float64 in 0 … 1, share of the sector that is visible fluid.
        solid_area: `(t,)` float64 in 0 … 1, share that is visible airless lung.
        interpleural_mm: `(t,)` float64, mean interpleural distance; 0 without effusion.
        consolidation_mm: `(t,)` float64, greatest visible depth of airless lung.
    """

    fluid_area: np.ndarray
    solid_area: np.ndarray
    interpleural_mm: np.ndarray
    consolidation_mm: np.ndarray

    @property
    def sign(self) -> str:
        """Realized sign: the larger of fluid and airless lung, else B-lines, else A-lines."""
        fluid, solid = map(_counts, (self.fluid_area, self.solid_area))
        if fluid and self.fluid_area.mean() >= self.solid_area.mean():
            return "effusion"
        if solid:
            return "consolidation"
        return "b_lines" if self.b_line_frames.any() else "a_lines"

    @property
    def signs(self) -> tuple[str, ...]:
        """All realized signs; A-lines only in the absence of others, as they are not measured."""
        measured = {
            "effusion": _counts(self.fluid_area),
            "consolidation": _counts(self.solid_area),
            "b_lines": self.b_line_frames.any(),
        }
        return tuple(sign for sign in SIGNS if sign == self.sign or measured.get(sign))


def _counts(area: np.ndarray) -> bool:
    """Whether an area `(t,)`, a share of the sector, is large enough for long enough."""
    return bool(np.mean(area >= MIN_AREA) >= MIN_FRAMES)


def sector_area(scene: Scene) -> np.ndarray:
    """Share of the displayed sector covered by each element of beam space.

    Returns:
        `(rows, beams)` with sum 1; 0 below the sector.
    """
    acquisition = scene.acquisition
    angle = np.linspace(-acquisition.half_angle, acquisition.half_angle, acquisition.beams)
    relative = acquisition.relative_pleura(angle)[None]
    depth = acquisition.row_depth_mm * relative
    area = relative * (acquisition.patient.probe_radius_mm + depth)
    shown = np.where(depth <= acquisition.depth_mm, area, 0.0)
    return shown / shown.sum()


def _solid_area(scene: Scene, area: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Share of the sector that is visible airless lung, `(t,)` float64."""
    if scene.solid is None:
        return np.zeros(visible.shape[1])
    offsets = np.arange(scene.acquisition.beams)
    first = np.rint(scene.lung_column).astype(int)
    return np.array(
        [
            (scene.solid[:, f + offsets] * area)[:, v].sum()
            for f, v in zip(first, visible.T, strict=True)
        ]
    )


def _fluid(scene: Scene, area: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the sector that is visible fluid, and interpleural distance in mm, both `(t,)`."""
    effusion, breathing = scene.effusion, scene.motion.breathing
    if effusion is None:
        return np.zeros(breathing.size), np.zeros(breathing.size)
    share = [
        (effusion.fluid(b) * area)[:, v].sum() for b, v in zip(breathing, visible.T, strict=True)
    ]
    distance = [effusion.distance_mm(b).mean() for b in breathing]
    return np.array(share), np.array(distance)


def measure_signs(scene: Scene) -> SignTruth:
    """Visible findings in all frames, with the realized sign."""
    area = sector_area(scene)
    visible = visible_pleura(scene, min_window=MIN_WINDOW, min_passed=0.0)
    fluid_area, interpleural_mm = _fluid(scene, area, visible)
    return SignTruth(
        **vars(measure_b_lines(scene)),
        fluid_area=fluid_area,
        solid_area=_solid_area(scene, area, visible),
        interpleural_mm=interpleural_mm,
        consolidation_mm=consolidation_mm(scene),
    )
