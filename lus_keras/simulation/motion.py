"""All motion during a video, in mm over time."""

from dataclasses import dataclass

import numpy as np

from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.texture import ornstein_uhlenbeck

DRIFT_MM = 0.15
PULSE_WIDTH = 0.07  # of a heart cycle


@dataclass(frozen=True)
class Motion:
    """Motion of one video.

    Attributes:
        breathing: `(t,)` phase of breathing, 0 at end-expiration, 1 at end-inspiration.
        lung_mm: `(t,)` displacement of the lung along the pleura.
        lung_range_mm: Lowest and highest position of the lung *if it slid*. It determines array
            sizes, which thus do not depend on whether the lung slides.
        wall_mm: `(t,)` lateral shift of everything under the probe.
        stretch: `(t,)` axial magnification, near 1.
        slip_mm: `(t,)` motion of the lung across the image plane.
    """

    breathing: np.ndarray
    lung_mm: np.ndarray
    lung_range_mm: tuple[float, float]
    wall_mm: np.ndarray
    stretch: np.ndarray
    slip_mm: np.ndarray


def breathing_curve(cycles: np.ndarray, inspiration: float) -> np.ndarray:
    """Asymmetric breathing: 0 at end-expiration, 1 at end-inspiration.

    Args:
        cycles: `(t,)` time in breaths.
        inspiration: Share of a breath that is inspiration, 0 … 1.
    """
    phase = cycles % 1
    rising = 0.5 - 0.5 * np.cos(np.pi * phase / inspiration)
    falling = 0.5 + 0.5 * np.cos(np.pi * (phase - inspiration) / (1 - inspiration))
    # The exponent makes end-expiration longer than end-inspiration, as in quiet breathing.
    return np.where(phase < inspiration, rising, falling) ** 1.3


def _pulse(acquisition: Acquisition, seconds: np.ndarray) -> np.ndarray:
    """Lung pulse: displacement of the lung by the heartbeat, `(t,)` mm."""
    video = acquisition.video
    beats = seconds * acquisition.patient.heart_rate_per_min / 60 + video.pulse_phase
    beat = np.exp(-0.5 * ((beats % 1 - 0.3) / PULSE_WIDTH) ** 2)
    return video.has_pulse * video.pulse_mm * beat


def draw_motion(acquisition: Acquisition, slides: bool = True) -> Motion:
    """Draws the motion of one video; without sliding, only the heartbeat moves the lung.

    All paths except `lung_mm` and `slip_mm` are the same with and without sliding.
    """
    plan, patient, video = acquisition.plan, acquisition.patient, acquisition.video
    seconds = np.arange(plan.frames) / plan.fps

    def noise(name: str, time_constant_s: float) -> np.ndarray:
        rng = acquisition.rng(f"motion.{name}")
        return ornstein_uhlenbeck(rng, plan.frames, plan.fps, time_constant_s)

    breaths = seconds * patient.breaths_per_min * video.breathing_rate_scale / 60
    breathing = breathing_curve(breaths + video.breathing_phase, patient.inspiration_fraction)
    at_rest = video.lung_start_mm + _pulse(acquisition, seconds)
    sliding = patient.slide_mm * video.slide_scale * breathing + DRIFT_MM * noise("drift", 0.8)
    possible = np.concatenate([at_rest, at_rest + sliding])
    lung = at_rest + sliding * slides
    sway = video.has_probe_sway * video.probe_sway_mm * noise("sway", 1.2)
    wall = video.has_wall_shift * video.wall_shift_mm * (breathing - 0.5)
    stretch = video.axial_breathing * (breathing - 0.5) + video.axial_jitter * noise("axial", 1.0)
    return Motion(
        breathing=breathing,
        lung_mm=lung,
        lung_range_mm=(float(possible.min()), float(possible.max())),
        wall_mm=sway + wall,
        stretch=1 + stretch,
        slip_mm=video.slip_ratio * lung + video.slip_jitter_mm * noise("slip", 1.0),
    )
