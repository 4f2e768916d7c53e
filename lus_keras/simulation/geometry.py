"""Geometry: the sector, the grid of beams and rows, and scan conversion.

Frames are composed in a *pleura-flattened* beam space: columns are beams, rows are depth divided by
the relative depth of the pleura at that beam. The pleura, and with it every reverberation at a
multiple of its depth, is then on one row; tilt and curvature are part of the scan-conversion map.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from lus_keras.core.errors import ConfigError
from lus_keras.data.manifest import Box
from lus_keras.simulation.cohort import VideoPlan
from lus_keras.simulation.linear import LinearPatientParameters, LinearVideoParameters
from lus_keras.simulation.parameters import (
    PatientParameters,
    VideoParameters,
    draw_parameters,
    random_stream,
)
from lus_keras.simulation.probes import Extent, Probe
from lus_keras.simulation.texture import smooth_profile

CROPS = ("screen", "sector")
TABLES = {
    "convex": (PatientParameters, VideoParameters),
    "linear": (LinearPatientParameters, LinearVideoParameters),
}
WIGGLE_CORRELATION_MM = 13.0
# Number of positions at which the pleura is evaluated, independent of the number of beams.
LATTICE_PLACES = 257
# Share of the display available to the sector; the rest is for annotations.
SCREEN_SHARE = (0.92, 0.94)


@dataclass(frozen=True)
class Acquisition:
    """Identity, parameters and grid of one video, from which all of the anatomy is built."""

    plan: VideoPlan
    patient: PatientParameters
    video: VideoParameters
    beams: int
    rows: int

    @classmethod
    def of(cls, plan: VideoPlan, beams: int, rows: int) -> "Acquisition":
        """Draws the parameters of a planned video."""
        patient, video = TABLES[plan.probe]
        body = draw_parameters(patient, plan.patient_key, plan.spread)
        return cls(plan, body, draw_parameters(video, plan.key), beams, rows)

    def rng(self, name: str) -> np.random.Generator:
        """Opens one of the video's random streams."""
        return random_stream(self.plan.key, name)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and beams."""
        return self.rows, self.beams

    @cached_property
    def depth_mm(self) -> float:
        """Displayed depth, mm."""
        return self.patient.depth_mm * self.video.depth_scale

    @cached_property
    def pleura_mm(self) -> float:
        """Depth of the pleura at the central beam, mm."""
        depth = self.patient.pleura_depth_mm * self.video.pleura_scale
        return float(np.clip(depth, 7, 0.42 * self.depth_mm))

    @cached_property
    def probe(self) -> Probe:
        """The probe, which defines the lateral coordinate."""
        return self.patient.probe

    @property
    def half_angle(self) -> float:
        """Half opening angle of a convex probe, radians."""
        return self.probe.half

    @cached_property
    def half_width_mm(self) -> float:
        """Half the length of the visible pleura, mm along the pleura."""
        return float(self.probe.half * self.probe.arc_mm(self.pleura_mm))

    @cached_property
    def beam_mm(self) -> float:
        """Distance between neighboring beams at the pleura, mm."""
        return 2 * self.half_width_mm / (self.beams - 1)

    @cached_property
    def lattice(self) -> np.ndarray:
        """`(257,)` float64, lateral coordinates from edge to edge."""
        return np.linspace(-self.probe.half, self.probe.half, LATTICE_PLACES)

    @cached_property
    def row_mm(self) -> float:
        """Height of a row, mm; chosen so that rows reach the bottom of the whole sector."""
        highest = float(self.relative_pleura(self.lattice).min())
        return self.depth_mm / highest / (self.rows - 1)

    @cached_property
    def lateral_mm(self) -> np.ndarray:
        """`(beams,)` float64, positions of the beams along the pleura, mm, 0 in the center."""
        return np.linspace(-self.half_width_mm, self.half_width_mm, self.beams)

    @cached_property
    def row_depth_mm(self) -> np.ndarray:
        """`(rows, 1)` float32, flattened depth of the rows, mm."""
        return (np.arange(self.rows, dtype=np.float32) * np.float32(self.row_mm))[:, None]

    @cached_property
    def blur(self) -> tuple[float, float]:
        """Axial and lateral point spread (SD) in rows and beams, limited by the grid resolution."""
        axial = self.patient.axial_psf_mm / self.row_mm
        beam = 2 * self.probe.half / (self.beams - 1)
        return max(axial, 0.5), max(self.probe.psf / beam, 0.6)

    @cached_property
    def lateral_psf_mm(self) -> float:
        """Lateral point spread (SD) at the pleura, mm."""
        return float(self.probe.psf * self.probe.arc_mm(self.pleura_mm))

    def relative_pleura(self, lateral: np.ndarray) -> np.ndarray:
        """Depth of the pleura relative to the central beam, 0.5 … 1.9.

        Args:
            lateral: `(n,)` lateral coordinates in the unit of the probe.
        """
        place_mm = lateral * self.probe.arc_mm(self.pleura_mm)
        wiggle = smooth_profile(self.rng("pleura.wiggle"), place_mm, WIGGLE_CORRELATION_MM)
        relative = 1 + self.video.pleura_curvature * self.probe.bow(lateral, self.pleura_mm)
        relative += self.video.pleura_tilt * lateral / self.probe.half
        return np.clip(relative + self.video.pleura_wiggle * wiggle, 0.5, 1.9)

    def incidence_deg(self, lateral_mm: np.ndarray) -> np.ndarray:
        """Angle between beam and normal of the pleura, degrees, at `(n,)` positions in mm."""
        depth = self.pleura_mm * self.relative_pleura(self.lattice)
        slope = np.gradient(depth, self.lattice) / self.probe.arc_mm(depth)
        lattice_mm = self.lattice / self.probe.half * self.half_width_mm
        return np.rad2deg(np.arctan(np.interp(lateral_mm, lattice_mm, slope)))


@dataclass(frozen=True)
class ScanMap:
    """Precomputed map from beam space to the image.

    Attributes:
        coordinates: `(h, w, 2)` int16 and `(h, w)` uint16, fixed-point map of `cv2.remap`.
        roi: Bounding box `(x, y, w, h)` of the sector in pixels.
        extent: Field of view of the image, mm: left, top, width, height.
    """

    coordinates: tuple[np.ndarray, np.ndarray]
    roi: Box
    extent: Extent

    def apply(self, beam_image: np.ndarray) -> np.ndarray:
        """Maps `(rows, beams)` uint8 to `(h, w)` uint8, black outside the sector."""
        return cv2.remap(
            beam_image,
            *self.coordinates,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=0,
        )

    def pixels(self, x_mm: np.ndarray, y_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of positions `(n,)` in mm; 0 is the center of the first pixel."""
        height, width = self.coordinates[0].shape[:2]
        left, top, width_mm, height_mm = self.extent
        return (x_mm - left) / width_mm * width - 0.5, (y_mm - top) / height_mm * height - 0.5


def sector_region(acquisition: Acquisition, scan: ScanMap) -> Box:
    """The whole sector as region of interest, `(x, y, w, h)` in pixels."""
    return scan.roi


def _image_extent(extent: Extent, height: int, width: int) -> tuple[Extent, Box]:
    """Extent of a whole display around the sector, mm, and the sector's box in pixels."""
    left, top, sector_width, sector_height = extent
    mm_per_pixel = max(
        sector_width / (SCREEN_SHARE[0] * width), sector_height / (SCREEN_SHARE[1] * height)
    )
    x = left - (width * mm_per_pixel - sector_width) / 2
    y = top - 0.03 * height * mm_per_pixel
    corner = np.floor([(left - x) / mm_per_pixel, (top - y) / mm_per_pixel]).astype(int)
    size = np.ceil([sector_width / mm_per_pixel, sector_height / mm_per_pixel]).astype(int)
    box = (int(corner[0]), int(corner[1]), int(size[0]), int(size[1]))
    return (x, y, width * mm_per_pixel, height * mm_per_pixel), box


def scan_map(acquisition: Acquisition, height: int, width: int, crop: str) -> ScanMap:
    """Computes the scan-conversion map of one video.

    Args:
        acquisition: The video; its pleural profile is part of the map.
        height: Height of the image in pixels.
        width: Width of the image in pixels.
        crop: `screen` shows the sector undistorted inside a whole display; with `sector` the
            sector's bounding box fills the image.

    Raises:
        ConfigError: `crop` is unknown.
    """
    if crop not in CROPS:
        raise ConfigError(f"`crop` must be one of {CROPS}. Received: crop={crop!r}.")
    extent, box = acquisition.probe.extent(acquisition.depth_mm), (0, 0, width, height)
    if crop == "screen":
        extent, box = _image_extent(extent, height, width)
    x = extent[0] + (np.arange(width, dtype=np.float32) + 0.5) / width * extent[2]
    y = extent[1] + (np.arange(height, dtype=np.float32) + 0.5) / height * extent[3]
    lateral, depth = acquisition.probe.coordinates(x.astype("f4"), y.astype("f4"))
    column, row, inside = _beam_coordinates(acquisition, lateral, depth)
    column, row = (np.where(inside, c, -9).astype(np.float32) for c in (column, row))
    first, second = cv2.convertMaps(column, row, cv2.CV_16SC2)
    return ScanMap((first, second), box, extent)


def _beam_coordinates(
    acquisition: Acquisition, lateral: np.ndarray, depth_mm: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Beam column, row, and whether a point is inside the sector."""
    half, last = acquisition.probe.half, LATTICE_PLACES - 1
    column = (lateral + half) / (2 * half) * (acquisition.beams - 1)
    # The lattice is uniform: direct look-up is ten times faster than a search for every pixel.
    nearest = np.clip((lateral + half) / (2 * half) * last, 0, last)
    low = np.minimum(nearest.astype(np.int32), last - 1)
    profile = acquisition.relative_pleura(acquisition.lattice).astype(np.float32)
    relative = profile[low] + (nearest - low) * (profile[low + 1] - profile[low])
    inside = (np.abs(lateral) <= half) & (depth_mm >= 0) & (depth_mm <= acquisition.depth_mm)
    return column, depth_mm / relative / np.float32(acquisition.row_mm), inside
