"""Vertical artifacts, B-lines and their lookalikes, which move with the lung."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from lus_keras.simulation.consolidation import Consolidation
from lus_keras.simulation.finding_parameters import EffusionParameters
from lus_keras.simulation.pleural_defects import PleuralDefects
from lus_keras.simulation.texture import from_db, soft_step

if TYPE_CHECKING:
    from lus_keras.simulation.lung_point import LungPoint

# How strongly a B-line of unit visibility erases the A-lines it crosses.
ERASURE = 6.0
REACH_EDGE_MM = 1.5
NEGLIGIBLE = np.float32(1e-25)


@dataclass(frozen=True)
class VerticalArtifacts:
    """The vertical artifacts of one video, traps (B-lines) and Z-lines alike.

    Attributes:
        kind: k names, `b_line` or `z_line`.
        position_mm: `(k,)` position along the lung.
        width_mm: `(k,)` lateral size (SD).
        gain_db: `(k,)` power at the pleura.
        slope_db_cm: `(k,)` decay with depth.
        reach_mm: `(k,)` depth below the pleura at which the artifact ends; infinite for a B-line.
        visibility: `(k, t)` factor ≥ 0 from elevational position and flicker.
    """

    kind: tuple[str, ...]
    position_mm: np.ndarray
    width_mm: np.ndarray
    gain_db: np.ndarray
    slope_db_cm: np.ndarray
    reach_mm: np.ndarray
    visibility: np.ndarray

    @property
    def is_trap(self) -> np.ndarray:
        """`(k,)` bool, true for B-lines."""
        return np.array([kind == "b_line" for kind in self.kind], bool)

    def joined(self, other: VerticalArtifacts) -> VerticalArtifacts:
        """Returns these artifacts followed by `other`'s."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self)[1:])
        return VerticalArtifacts(self.kind + other.kind, *(np.concatenate(p) for p in pairs))

    def decay(self, depth_below_mm: np.ndarray) -> np.ndarray:
        """`(k, n)` power at `(n,)` depths in mm below the pleura, not cut off above it."""
        below = np.maximum(depth_below_mm, 0)[None]
        power = from_db(self.gain_db[:, None] - self.slope_db_cm[:, None] * below / 10)
        with np.errstate(invalid="ignore"):
            end = soft_step((self.reach_mm[:, None] - below) / REACH_EDGE_MM)
        return power * end

    def lateral(self, beam_mm: np.ndarray, lung_mm: np.ndarray, psf_mm: float) -> np.ndarray:
        """Power across the beams in every frame, including visibility.

        Args:
            beam_mm: `(n,)` lateral positions of the beams.
            lung_mm: `(t,)` path of the lung.
            psf_mm: Lateral point spread (SD), which widens the artifacts.

        Returns:
            `(t, k, n)` float32.
        """
        center = self.position_mm[None, :, None] + lung_mm[:, None, None]
        width = np.hypot(self.width_mm, psf_mm)[None, :, None]
        offset = ((beam_mm[None, None] - center) / width).astype(np.float32)
        power = np.exp(-0.5 * offset**2) * self.visibility.T[:, :, None].astype(np.float32)
        # Values this small are invisible, and arithmetic with denormal numbers is ten times slower.
        power[power < NEGLIGIBLE] = 0
        return power

    def erasure(self, lateral: np.ndarray) -> np.ndarray:
        """Share of A-line power left by B-lines with power `lateral` `(t, k, n)`: `(t, n)`."""
        return 1 / (1 + np.float32(ERASURE) * lateral[:, self.is_trap].sum(1))


@dataclass(frozen=True)
class Pathology:
    """Findings drawn into the lung by a task.

    Attributes:
        a_line_db: Strength of the A-lines relative to that of reverberation alone.
        defects: Positions where the pleural line is indented or broken.
        lung_point: Border between sliding lung and motionless air.
    """

    artifacts: VerticalArtifacts
    a_line_db: float
    defects: PleuralDefects | None = None
    consolidation: Consolidation | None = None
    effusion: EffusionParameters | None = None
    lung_point: LungPoint | None = None


def elevational_visibility(
    elevation_mm: np.ndarray, slice_mm: np.ndarray, slip_mm: np.ndarray
) -> np.ndarray:
    """Share of an artifact in the image plane while the lung moves across it.

    Args:
        elevation_mm: `(k,)` distance from the image plane at slip 0.
        slice_mm: `(k,)` elevational size (SD).
        slip_mm: `(t,)` motion across the plane.

    Returns:
        `(k, t)` float64 in 0 … 1.
    """
    offset = (elevation_mm[:, None] + slip_mm[None]) / slice_mm[:, None]
    return np.exp(-0.5 * offset**2)
