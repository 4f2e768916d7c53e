"""Parameters of patients and videos for a linear probe that differ from those of a convex probe.

The tables have their own names and therefore their own random streams: a patient drawn for both
probes is two different patients.
"""

from dataclasses import dataclass

import numpy as np

from lus_keras.simulation.parameters import (
    PatientParameters,
    VideoParameters,
    chance,
    normal,
    uniform,
)
from lus_keras.simulation.probes import LinearProbe


@dataclass(frozen=True)
class LinearPatientParameters(PatientParameters):
    """Body of a patient and a high-frequency scanner; radius and opening angle are not used."""

    frequency_mhz: float = uniform(7, 12, "MHz", "center frequency of the probe")
    depth_mm: float = uniform(38, 62, "mm", "usual depth setting")
    pleura_offset_mm: float = normal(0, 2, "mm", "pleural depth beyond what the BMI explains")
    slide_mm: float = uniform(3, 12, "mm", "pleural excursion per breath")
    streak_db: float = uniform(6.4, 12.8, "dB", "contrast of fascia and fibers")
    # Persistence blurs motion: if it were strong, a single frame would reveal lung sliding.
    persistence: float = uniform(0, 0.2, "1", "weight of the previous frame")
    probe_width_mm: float = uniform(36, 50, "mm", "width of the probe")
    lateral_psf_9mhz_mm: float = uniform(0.35, 0.7, "mm at 9 MHz", "lateral blur (SD)")

    @property
    def pleura_depth_mm(self) -> float:
        """Depth of the pleural line, mm, growing by 0.45 mm per unit of BMI."""
        return float(np.clip(9 + 0.45 * (self.bmi - 18) + self.pleura_offset_mm, 7, 24))

    @property
    def mirror_mm(self) -> float:
        """Axial size of an A-line (SD), mm."""
        return 0.3

    @property
    def probe(self) -> LinearProbe:  # type: ignore[override]
        """The probe; its blur is inversely proportional to frequency."""
        psf_mm = self.lateral_psf_9mhz_mm * 9 / self.frequency_mhz
        return LinearProbe(self.probe_width_mm / 2, psf_mm)


@dataclass(frozen=True)
class LinearVideoParameters(VideoParameters):
    """One acquisition with a linear probe."""

    pleura_tilt: float = uniform(-0.13, 0.13, "1", "relative change of depth, center to edge")
    pleura_curvature: float = uniform(-0.1, 1.0, "1", "0 follows the probe, 1 is bowed")
    pleura_thickness_mm: float = uniform(0.14, 0.3, "mm", "thickness of the line (SD)")
    rib_edge_mm: float = uniform(1.5, 5, "mm", "softness of the shadow edge")
    streak_length_mm: float = uniform(4, 13, "mm", "lateral correlation of the fascia")
    streak_thickness_mm: float = uniform(0.15, 0.4, "mm", "axial correlation of the fascia")
    haze_slope_db_cm: float = uniform(2, 7, "dB/cm", "decay of the haze")
    along_ribs: float = chance(0.3, "intercostal view: the probe lies between two ribs")

    @property
    def shows_ribs(self) -> bool:
        """Whether ribs cross the view."""
        return not self.along_ribs
