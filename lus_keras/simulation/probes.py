"""The two probes: the relation of lateral position and depth to space.

Both have the same interface. A beam has a *lateral coordinate* in the unit of the probe, radians
for a convex and mm for a linear probe, and a depth in mm from the surface of the probe.
"""

from dataclasses import dataclass

import cv2
import numpy as np

Extent = tuple[float, float, float, float]


@dataclass(frozen=True)
class ConvexProbe:
    """Beams that fan out from a curved surface; half opening angle and lateral SD in radians."""

    radius_mm: float
    half: float
    psf: float

    def arc_mm(self, depth_mm: float | np.ndarray) -> float | np.ndarray:
        """Length in mm of one unit of the lateral coordinate at a depth."""
        return self.radius_mm + depth_mm

    def bow(self, lateral: np.ndarray, pleura_mm: float) -> np.ndarray:
        """Relative increase in depth toward the edges of a pleura that is straight in space.

        Args:
            lateral: `(n,)` lateral coordinates.
            pleura_mm: Depth of the pleura at the central beam.

        Returns:
            `(n,)` float64 ≥ 0, in units of `pleura_mm`.
        """
        apex_mm = self.radius_mm + pleura_mm
        return (apex_mm / np.cos(lateral) - apex_mm) / pleura_mm

    def extent(self, depth_mm: float) -> Extent:
        """Bounding box of the sector in mm from the apex: left, top, width, height."""
        outer = self.radius_mm + depth_mm
        right = outer * np.sin(self.half)
        top = self.radius_mm * np.cos(self.half)
        return -right, top, 2 * right, outer - top

    def coordinates(self, x_mm: np.ndarray, y_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lateral coordinate and depth of a grid of points.

        Args:
            x_mm: `(w,)` float32, horizontal positions in the coordinates of `extent`.
            y_mm: `(h,)` float32, vertical positions.

        Returns:
            Two `(h, w)` float32 arrays, in radians and mm.
        """
        radius, angle = cv2.cartToPolar(*np.meshgrid(y_mm, x_mm, indexing="ij"))
        angle = np.where(angle > np.pi, angle - np.float32(2 * np.pi), angle)
        return angle, radius - self.radius_mm

    def point(self, lateral: np.ndarray, depth_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Horizontal and vertical position, mm, as in `extent`; inverse of `coordinates`."""
        radius = self.radius_mm + depth_mm
        return radius * np.sin(lateral), radius * np.cos(lateral)


@dataclass(frozen=True)
class LinearProbe:
    """Parallel beams from a flat surface; half width and lateral point spread (SD) in mm."""

    half: float
    psf: float

    # Relative increase in depth at the edges of a pleura with maximum curvature.
    BOW = 0.075

    def arc_mm(self, depth_mm: float | np.ndarray) -> float | np.ndarray:
        """Length in mm of one unit of the lateral coordinate: 1 at any depth."""
        return np.ones_like(depth_mm) if isinstance(depth_mm, np.ndarray) else 1.0

    def bow(self, lateral: np.ndarray, pleura_mm: float) -> np.ndarray:
        """Relative increase in depth toward the edges of the round chest, `(n,)` float64 ≥ 0."""
        return self.BOW * (lateral / self.half) ** 2

    def extent(self, depth_mm: float) -> Extent:
        """Field of view in mm from the center of the probe: left, top, width, height."""
        return -self.half, 0.0, 2 * self.half, depth_mm

    def coordinates(self, x_mm: np.ndarray, y_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Lateral coordinate and depth, both mm, `(h, w)` float32, of a grid of points."""
        depth, lateral = np.meshgrid(y_mm, x_mm, indexing="ij")
        return lateral, depth

    def point(self, lateral: np.ndarray, depth_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Horizontal and vertical position, mm, as in `extent`: the arguments themselves."""
        return lateral, depth_mm


Probe = ConvexProbe | LinearProbe
