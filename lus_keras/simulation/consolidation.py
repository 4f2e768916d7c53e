"""Airless lung below the pleura: dark or liver-like, with a bright, shredded border."""

from dataclasses import dataclass

import cv2
import numpy as np

from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.texture import from_db, smooth_field, smooth_profile, soft_step, speckle

# Below this thickness no airless lung remains between the shreds.
MIN_THICKNESS_MM = 0.8
BORDER_MM = 0.8
# Correlation (SD, mm) and relative depth of fine and broad shreds; those of deeper consolidations
# are no longer than those of one 12 mm deep.
SHREDS, MAX_SHREDDED_MM = ((0.8, 0.14), (3.0, 0.18)), 12.0
BORDER_RIPPLE_DB = 3.0
# The border of hepatized lung has a smoother shape but a more variable brightness.
DEEP_SHREDS = ((1.2, 0.07), (6.0, 0.22))
DEEP_RIPPLE_DB, DEEP_RIPPLE_MM, RIPPLE_MM = 6.0, 4.0, 1.5
# Air-filled bronchi: threshold of a random field in SD, and their axial and lateral size (SD, mm).
BRONCHUS_THRESHOLD = 1.8
BRONCHUS_MM = (0.6, 1.6)
BRONCHUS_DB = -3.0


@dataclass(frozen=True)
class Consolidation:
    """The consolidations of one video, which move with the lung.

    Attributes:
        position_mm: `(k,)` center along the lung.
        half_width_mm: `(k,)` half of the extent along the pleura.
        depth_mm: `(k,)` greatest depth below the pleura.
        echo_db: Echogenicity of the airless lung.
        border_db: Brightness of the border with aerated lung.
        has_bronchograms: Whether there are air bronchograms.
    """

    position_mm: np.ndarray
    half_width_mm: np.ndarray
    depth_mm: np.ndarray
    echo_db: float
    border_db: float
    has_bronchograms: bool = False

    def thickness_mm(self, acquisition: Acquisition, lung_mm: np.ndarray) -> np.ndarray:
        """`(n,)` thickness of the airless layer in mm along the lung; 0 where it is aerated."""
        offset = (lung_mm[None] - self.position_mm[:, None]) / self.half_width_mm[:, None]
        smooth = self.depth_mm[:, None] * np.clip(1 - offset**2, 0, 1) ** 0.6
        shred = np.zeros(lung_mm.size)
        shreds = DEEP_SHREDS if self.has_bronchograms else SHREDS
        for i, (correlation_mm, share) in enumerate(shreds):
            rng = acquisition.rng(f"consolidation.shred{i}")
            shred += share * smooth_profile(rng, lung_mm, correlation_mm)
        deepest = smooth.max(0, initial=0)
        thickness = deepest + np.minimum(deepest, MAX_SHREDDED_MM) * np.clip(shred, -0.8, 1)
        return np.where(thickness >= MIN_THICKNESS_MM, thickness, 0.0)

    def mask(self, acquisition: Acquisition, lung_mm: np.ndarray) -> np.ndarray:
        """Mask of airless lung, `(rows, n)` float32 in 0 … 1."""
        thickness = self.thickness_mm(acquisition, lung_mm)[None]
        below = acquisition.row_depth_mm - acquisition.pleura_mm
        edge = 0.3 + 0.5 * acquisition.row_mm
        inside = soft_step((thickness - below) / edge) * soft_step(below / edge)
        return np.where(thickness > 0, inside, 0).astype(np.float32)

    def _bronchograms(self, acquisition: Acquisition, lung_mm: np.ndarray) -> np.ndarray:
        """Echo power of air in the bronchi, before the mask, `(rows, n)` float32."""
        axial, lateral = BRONCHUS_MM
        field = smooth_field(
            acquisition.rng("consolidation.bronchi"),
            (acquisition.rows, lung_mm.size),
            max(axial / acquisition.row_mm, 0.6),
            max(lateral / acquisition.beam_mm, 0.6),
        )
        return from_db(BRONCHUS_DB) * soft_step((field - BRONCHUS_THRESHOLD) / 0.1)

    def border(self, acquisition: Acquisition, lung_mm: np.ndarray) -> np.ndarray:
        """Echo power of the border before speckle, `(rows, n)` float32."""
        thickness = self.thickness_mm(acquisition, lung_mm)[None]
        below = acquisition.row_depth_mm - acquisition.pleura_mm
        width = BORDER_MM + 0.4 * acquisition.row_mm
        line = np.exp(-0.5 * ((below - thickness) / width) ** 2) * (thickness > 0)
        ripple_db, ripple_mm = (
            (DEEP_RIPPLE_DB, DEEP_RIPPLE_MM)
            if self.has_bronchograms
            else (BORDER_RIPPLE_DB, RIPPLE_MM)
        )
        rng = acquisition.rng("consolidation.border")
        level = self.border_db + ripple_db * smooth_profile(rng, lung_mm, ripple_mm)
        return (from_db(level) * line).astype(np.float32)

    def paint(self, acquisition: Acquisition, lung_mm: np.ndarray, lung: np.ndarray) -> np.ndarray:
        """Replaces aerated lung with airless lung.

        Args:
            lung_mm: `(n,)` positions along the lung, of the columns of `lung`.
            lung: `(rows, n)` echo power of aerated lung.

        Returns:
            `(rows, n)` float32 echo power.
        """
        mask = self.mask(acquisition, lung_mm)
        shape, blur = lung.shape, acquisition.blur
        grain = speckle(acquisition.rng("consolidation.speckle"), shape, *blur)
        echo = np.full(shape, from_db(self.echo_db), np.float32)
        if self.has_bronchograms:
            echo += self._bronchograms(acquisition, lung_mm)
        solid = cv2.multiply(mask, echo * grain)
        return lung * (1 - mask) + solid + self.border(acquisition, lung_mm) * (0.3 + 0.7 * grain)
