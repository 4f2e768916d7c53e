"""Fluid between chest wall and lung, and the collapsed lung margin that floats in it."""

from dataclasses import dataclass

import numpy as np

from lus_keras.simulation.anatomy import pleural_line
from lus_keras.simulation.finding_parameters import EffusionParameters
from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.texture import from_db, smooth_profile, soft_step, speckle

MIN_DISTANCE_MM = 12.0
MAX_DEPTH_SHARE = 0.55  # of the lung's depth, at mid-breath
SHAPE_MM, SHAPE_SHARE = 14.0, 0.15
# Unevenness of the lung's surface, which slides with the lung.
WAVE_MM, WAVE_SHARE = 5.0, 0.05
SURFACE_MM, EDGE_MM, DEEP_EDGE_MM = 0.8, 0.5, 2.0
# Fluid behind the parietal pleura reflects less than air, so that A-lines almost vanish.
PARIETAL_LOSS_DB, REVERBERATION_SHARE = 6.0, 0.02
# The same applies to the clutter from multiple reflections between lung and wall.
CLUTTER_LOSS = 0.97
# Aerated lung below the collapsed margin.
DEEP_DB, DEEP_SLOPE_DB_CM = -20.0, 2.0


@dataclass(frozen=True)
class Effusion:
    """The effusion of one video on its grid.

    Attributes:
        drawn: Levels, swing and thickness of the collapsed margin.
        mean_distance_mm: `(beams,)` interpleural distance at mid-breath.
        wave: `(1, n)` factors near 1 for the unevenness of the surface along the lung.
        grain: `(rows, n)` speckle along the lung, mean 1.
        parietal: `(rows, beams)` echo power of the parietal pleura.
    """

    acquisition: Acquisition
    drawn: EffusionParameters
    mean_distance_mm: np.ndarray
    wave: np.ndarray
    grain: np.ndarray
    parietal: np.ndarray

    def distance_mm(self, breathing: float) -> np.ndarray:
        """`(beams,)` interpleural distance in mm, which decreases in inspiration (sinusoid sign).

        Args:
            breathing: Phase of breathing, 0 at end-expiration, 1 at end-inspiration.
        """
        return self.mean_distance_mm * (1 + self.drawn.swing * (0.5 - breathing))

    def _depths_mm(self, breathing: float, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Depth in mm below the chest wall, `(rows, 1)`, and below the surface of the lung."""
        below = self.acquisition.row_depth_mm - np.float32(self.acquisition.pleura_mm)
        surface = (self.distance_mm(breathing)[None] * wave).astype(np.float32)
        return below, below - surface

    def fluid(self, breathing: float, wave: np.ndarray | float = 1.0) -> np.ndarray:
        """Mask of the fluid, `(rows, beams)` float32 in 0 … 1."""
        below, under = self._depths_mm(breathing, np.asarray(wave))
        return soft_step(below / EDGE_MM) * soft_step(-under / EDGE_MM)

    def clutter_left(self, breathing: float) -> np.ndarray:
        """Share of the wall's clutter that remains, `(rows, beams)` float32, 0 … 1."""
        return 1 - np.float32(CLUTTER_LOSS) * self.fluid(breathing)

    def power(self, breathing: float, wave: np.ndarray, grain: np.ndarray) -> np.ndarray:
        """Echo power of everything below the chest wall.

        Args:
            breathing: Phase of breathing, 0 … 1.
            wave: `(1, beams)` columns of the attribute currently under the beams.
            grain: `(rows, beams)` columns of the attribute currently under the beams.

        Returns:
            `(rows, beams)` float32.
        """
        drawn = self.drawn
        _, under = self._depths_mm(breathing, wave)
        beyond = under - np.float32(drawn.collapsed_mm)
        collapsed = soft_step(under / EDGE_MM) * soft_step(-beyond / DEEP_EDGE_MM)
        surface = np.exp(-0.5 * (under / (SURFACE_MM + 0.4 * self.acquisition.row_mm)) ** 2)
        deep_db = DEEP_DB - DEEP_SLOPE_DB_CM * np.maximum(beyond, 0) / 10
        lung = from_db(drawn.collapsed_db) * collapsed + from_db(drawn.surface_db) * surface
        lung += from_db(deep_db) * soft_step(beyond / DEEP_EDGE_MM)
        fluid = from_db(drawn.fluid_db) * self.fluid(breathing, wave)
        return self.parietal + fluid + lung * grain


def build_effusion(
    acquisition: Acquisition,
    drawn: EffusionParameters,
    lung_mm: np.ndarray,
    wall_speckle: np.ndarray,
) -> Effusion:
    """Builds an effusion at least `MIN_DISTANCE_MM` thick in the center, if the depth allows it.

    Args:
        lung_mm: `(n,)` positions along the lung.
        wall_speckle: `(rows, beams)` speckle of structures that do not slide.
    """
    most = MAX_DEPTH_SHARE * (acquisition.depth_mm - acquisition.pleura_mm)
    # The minimum must also hold at end-inspiration.
    least = min(MIN_DISTANCE_MM / (1 - drawn.swing / 2), most)
    uneven = smooth_profile(acquisition.rng("effusion.shape"), acquisition.lateral_mm, SHAPE_MM)
    shape = 1 + SHAPE_SHARE * uneven
    shape += drawn.tilt * acquisition.lateral_mm / acquisition.half_width_mm
    wave = smooth_profile(acquisition.rng("effusion.wave"), lung_mm, WAVE_MM)
    size = (acquisition.rows, lung_mm.size)
    level = from_db(acquisition.video.pleura_db - PARIETAL_LOSS_DB)
    parietal = level * pleural_line(acquisition) * (0.5 + 0.5 * wall_speckle)
    return Effusion(
        acquisition=acquisition,
        drawn=drawn,
        mean_distance_mm=(least + drawn.thickness * (most - least)) * np.clip(shape, 0.4, 1.6),
        wave=(1 + WAVE_SHARE * np.clip(wave, -2, 2))[None].astype(np.float32),
        grain=speckle(acquisition.rng("effusion.speckle"), size, *acquisition.blur),
        parietal=parietal.astype(np.float32),
    )
