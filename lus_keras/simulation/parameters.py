"""All random parameters: name, distribution, unit and meaning.

A field of `PatientParameters` (body and scanner, shared by all videos of a patient) or of
`VideoParameters` (one acquisition) is drawn from its own random stream, named after the field.
Fields can therefore be added or reordered without changing any other value. Powers are in dB
relative to chest-wall muscle at 0 dB before gain; depth increases away from the probe.
"""

import zlib
from dataclasses import Field, dataclass, field, fields
from typing import Any, TypeVar

import numpy as np

from lus_keras.simulation.probes import ConvexProbe

# Increased whenever the pixels of a seed change, so that caches are rebuilt.
SIM_VERSION = "2"
# Part of every seed. It differs from the version: changing one artifact preserves all draws.
STREAM_FAMILY = 1

Key = tuple[int, ...]
Table = TypeVar("Table")


def random_stream(key: Key, name: str) -> np.random.Generator:
    """Random stream `name` of a patient or video, independent of the streams of other names.

    Equal arguments give equal numbers on every machine.
    """
    return np.random.default_rng([STREAM_FAMILY, *key, zlib.crc32(name.encode())])


@dataclass(frozen=True)
class Uniform:
    """Uniform distribution on [low, high)."""

    low: float
    high: float

    def draw(self, rng: np.random.Generator, size: int | None = None) -> Any:
        """Draws one float, or a `(size,)` float64 array."""
        return rng.uniform(self.low, self.high, size)

    def widened(self, spread: float) -> "Uniform":
        """A range `spread` times as wide about its center; a positive range stays positive."""
        center, half = (self.low + self.high) / 2, spread * (self.high - self.low) / 2
        low = center - half if self.low < 0 else max(center - half, self.low / spread)
        return Uniform(low, center + half)


@dataclass(frozen=True)
class Normal:
    """Normal distribution, with values outside [low, high] clipped to the nearer limit."""

    mean: float
    sd: float
    low: float = -np.inf
    high: float = np.inf

    def draw(self, rng: np.random.Generator, size: int | None = None) -> Any:
        """Draws one float, or a `(size,)` float64 array."""
        return np.clip(rng.normal(self.mean, self.sd, size), self.low, self.high)

    def widened(self, spread: float) -> "Normal":
        """A standard deviation `spread` times as large with the same limits."""
        return Normal(self.mean, spread * self.sd, self.low, self.high)


@dataclass(frozen=True)
class Chance:
    """1.0 with a given probability, else 0.0; such a parameter switches another one on."""

    probability: float

    def draw(self, rng: np.random.Generator, size: int | None = None) -> Any:
        """Draws one float, or a `(size,)` float64 array, of zeros and ones."""
        return np.multiply(1.0, rng.random(size) < self.probability)

    def widened(self, spread: float) -> "Chance":
        """Itself: a probability has no range."""
        return self


Distribution = Uniform | Normal | Chance


def _parameter(distribution: Distribution, unit: str, meaning: str) -> Any:
    return field(metadata={"distribution": distribution, "unit": unit, "meaning": meaning})


def uniform(low: float, high: float, unit: str, meaning: str) -> Any:
    """Declares a field with a uniform distribution on [low, high)."""
    return _parameter(Uniform(low, high), unit, meaning)


def normal(mean: float, sd: float, unit: str, meaning: str, **limits: float) -> Any:
    """Declares a field with a normal distribution, clipped to `low` and `high` if given."""
    return _parameter(Normal(mean, sd, **limits), unit, meaning)


def chance(probability: float, meaning: str) -> Any:
    """Declares a field that is 1.0 with the given probability, else 0.0."""
    return _parameter(Chance(probability), "0 or 1", meaning)


def distribution_of(parameter: Field[Any]) -> Distribution:
    """The distribution of a field of a parameter table."""
    return parameter.metadata["distribution"]


def draw_parameters(table: type[Table], key: Key, spread: float = 1.0) -> Table:
    """Draws every field of a parameter table.

    A value depends on `key`, the names of table and field, and `spread`: another name of a table
    gives other cohorts. The distance of a value from the center of its range is scaled by `spread`.
    """
    prefix = table.__name__
    return table(
        **{
            f.name: float(
                distribution_of(f).widened(spread).draw(random_stream(key, f"{prefix}.{f.name}"))
            )
            for f in fields(table)  # type: ignore[arg-type]
        }
    )


def draw_many(table: type[Any], key: Key, count: int) -> dict[str, np.ndarray]:
    """Draws `(count,)` values per field, for several objects.

    The first values do not depend on `count`.
    """
    prefix = table.__name__
    return {
        f.name: distribution_of(f).draw(random_stream(key, f"{prefix}.{f.name}"), count)
        for f in fields(table)
    }


@dataclass(frozen=True)
class PatientParameters:
    """Body of a patient and the scanner used for the patient."""

    bmi: float = normal(27, 5, "kg/m²", "body mass index", low=18, high=42)
    pleura_offset_mm: float = normal(0, 3, "mm", "pleural depth beyond what the BMI explains")
    rib_pitch_mm: float = uniform(26, 40, "mm", "distance between rib centers")
    rib_width_mm: float = uniform(9, 14, "mm", "width of a rib")
    fat_db: float = uniform(-24, -13, "dB", "echogenicity of fat")
    muscle_db: float = uniform(-22, -12, "dB", "echogenicity of muscle")
    streak_db: float = uniform(4, 8, "dB", "contrast of fascia and fibers")
    reverberation_db: float = uniform(-17, -9, "dB", "loss per round trip between pleura and probe")
    breaths_per_min: float = normal(20, 6, "1/min", "breathing rate", low=9, high=45)
    inspiration_fraction: float = uniform(0.35, 0.5, "cycle", "share of inspiration")
    heart_rate_per_min: float = uniform(55, 110, "1/min", "heart rate")
    slide_mm: float = uniform(3, 16, "mm", "pleural excursion per breath")
    frequency_mhz: float = uniform(3.5, 5.0, "MHz", "center frequency of the probe")
    probe_radius_mm: float = uniform(45, 60, "mm", "radius of the convex probe")
    half_angle_deg: float = uniform(30, 36, "°", "half opening angle of the sector")
    depth_mm: float = uniform(85, 150, "mm", "usual depth setting")
    axial_psf: float = uniform(0.55, 0.85, "wavelengths", "axial blur (SD)")
    lateral_psf_deg: float = uniform(0.5, 1.0, "° at 4.2 MHz", "lateral blur (SD)")
    dynamic_range_db: float = uniform(55, 66, "dB", "range shown between black and white")
    gain_db: float = normal(-2.5, 1.7, "dB", "usual gain", low=-6, high=3)
    gamma: float = uniform(1.1, 1.6, "1", "exponent of the gray map")
    white_level: float = uniform(150, 225, "gray levels", "brightest gray of the map")
    tgc_error_db_cm: float = normal(0, 0.4, "dB/cm", "error of time-gain compensation")
    noise_floor_db: float = uniform(-60, -48, "dB", "electronic noise")
    persistence: float = uniform(0, 0.45, "1", "weight of the previous frame")
    has_annotations: float = chance(0.6, "scanner shows a zone label and a depth scale")

    @property
    def pleura_depth_mm(self) -> float:
        """Depth of the pleural line, mm, growing by 0.55 mm per unit of BMI."""
        return float(np.clip(12 + 0.55 * (self.bmi - 18) + self.pleura_offset_mm, 9, 32))

    @property
    def axial_psf_mm(self) -> float:
        """Axial blur (SD), mm; the wavelength is 1.54 mm / frequency in MHz."""
        return self.axial_psf * 1.54 / self.frequency_mhz

    @property
    def mirror_mm(self) -> float:
        """Axial size of an A-line (SD), mm."""
        return 0.6

    @property
    def probe(self) -> ConvexProbe:
        """The probe; its blur is inversely proportional to frequency."""
        psf = float(np.deg2rad(self.lateral_psf_deg * 4.2 / self.frequency_mhz))
        return ConvexProbe(self.probe_radius_mm, float(np.deg2rad(self.half_angle_deg)), psf)


@dataclass(frozen=True)
class VideoParameters:
    """One acquisition: position of the probe, settings of the scanner, motion."""

    depth_scale: float = uniform(0.92, 1.08, "1", "depth setting / usual depth")
    pleura_scale: float = uniform(0.85, 1.15, "1", "pleural depth here / typical depth")
    pleura_tilt: float = uniform(-0.22, 0.22, "1", "relative change of depth, center to edge")
    pleura_curvature: float = uniform(-0.1, 1.0, "1", "0 follows the probe, 1 is straight")
    pleura_wiggle: float = uniform(0, 0.02, "1", "relative irregularity of depth (SD)")
    pleura_db: float = uniform(-1, 7, "dB", "brightness of the pleural line")
    pleura_thickness_mm: float = uniform(0.3, 0.6, "mm", "thickness of the line (SD)")
    specular_loss_db: float = uniform(5, 11, "dB", "loss at 10° incidence")
    rib_pitch_scale: float = uniform(0.9, 1.1, "1", "rib distance here / typical distance")
    rib_phase: float = uniform(0, 1, "pitch", "position of the ribs")
    rib_edge_mm: float = uniform(2, 7, "mm", "softness of the shadow edge")
    rib_shadow_db: float = uniform(14, 34, "dB", "attenuation in the shadow")
    rib_cap_db: float = uniform(-16, 2, "dB", "brightness of the rib surface")
    rib_height_mm: float = uniform(3, 8, "mm", "rib surface above the pleura")
    skin_db: float = uniform(-7, 0, "dB", "echogenicity of the first 2.5 mm")
    fat_fraction: float = uniform(0.3, 0.6, "pleural depth", "lower border of the fat")
    fascia_slope: float = uniform(-0.25, 0.25, "1", "slope of the fascia")
    streak_length_mm: float = uniform(2.5, 8.5, "mm", "lateral correlation of the fascia")
    streak_thickness_mm: float = uniform(0.35, 0.7, "mm", "axial correlation of the fascia")
    clutter_db: float = uniform(-40, -27, "dB", "static clutter at the probe")
    clutter_slope_db_cm: float = uniform(0.5, 2, "dB/cm", "decay of the clutter")
    haze_db: float = uniform(-20, -9, "dB", "lung haze at the pleura")
    haze_slope_db_cm: float = uniform(2, 9, "dB/cm", "decay of the haze")
    trap_texture: float = uniform(1.5, 2.5, "1", "lateral speckle size in vertical artifacts")
    a_line_rank: float = uniform(0, 1, "1", "A-line strength within the range of its class")
    breathing_rate_scale: float = uniform(0.9, 1.1, "1", "breathing rate now / usual rate")
    breathing_phase: float = uniform(0, 1, "cycle", "phase at the first frame")
    slide_scale: float = uniform(0.6, 1.3, "1", "excursion here / typical excursion")
    lung_start_mm: float = uniform(0, 2, "mm", "offset that decorrelates lung and beam grid")
    has_pulse: float = chance(0.6, "heartbeat moves the lung")
    pulse_mm: float = uniform(0.1, 0.8, "mm", "excursion of the lung pulse")
    pulse_phase: float = uniform(0, 1, "cycle", "cardiac phase at the first frame")
    has_probe_sway: float = chance(0.7, "hand moves the probe")
    probe_sway_mm: float = uniform(0, 0.9, "mm", "probe motion (SD)")
    has_wall_shift: float = chance(0.7, "chest wall moves with breathing")
    wall_shift_mm: float = uniform(-3.5, 3.5, "mm", "wall shift per breath")
    axial_breathing: float = uniform(0, 0.03, "1", "axial stretch per breath")
    axial_jitter: float = uniform(0, 0.01, "1", "axial stretch due to hand motion (SD)")
    slip_ratio: float = uniform(0.3, 1.0, "1", "out-of-plane share of the sliding")
    slip_jitter_mm: float = uniform(0, 0.8, "mm", "out-of-plane probe motion (SD)")
    gain_jitter_db: float = normal(0, 1.2, "dB", "gain here minus usual gain")
    tgc_jitter_db_cm: float = normal(0, 0.25, "dB/cm", "change of the TGC error")
    focus_fraction: float = uniform(0.3, 0.8, "depth", "depth of the focus")
    edge_loss_db: float = uniform(4, 20, "dB", "loss at the edge of the sector")
    edge_power: float = uniform(2, 4, "1", "exponent of that loss")
    noise_jitter_db: float = uniform(-3, 3, "dB", "noise here minus usual noise")
    noise_slope_db_cm: float = uniform(0, 0.8, "dB/cm", "growth of the noise with depth")
    contact_swing: float = uniform(0, 1, "1", "relative change of contact bands in time")
    grain_levels: float = uniform(0.5, 2.0, "gray levels", "noise of capture (SD)")

    @property
    def shows_ribs(self) -> bool:
        """Whether ribs cross the view."""
        return True


@dataclass(frozen=True)
class TrapParameters:
    """One acoustic trap, the cause of a B-line (before `difficulty` weakens it)."""

    place: float = uniform(0, 1, "span", "position along the lung that can come into view")
    width_mm: float = uniform(0.6, 2.2, "mm", "lateral size (SD)")
    gain_db: float = uniform(-18, -8, "dB", "power at the pleura")
    slope_db_cm: float = uniform(0, 1.2, "dB/cm", "decay with depth")
    elevation_mm: float = uniform(-6, 6, "mm", "distance from the image plane")
    slice_mm: float = uniform(0.6, 1.2, "mm", "elevational size (SD)")
    is_persistent: float = chance(0.1, "elevationally long, so always in the plane")


@dataclass(frozen=True)
class ZLineParameters:
    """One Z-line, the short lookalike of a B-line that leaves A-lines intact."""

    place: float = uniform(0, 1, "span", "position along the lung that can come into view")
    width_mm: float = uniform(0.7, 2.0, "mm", "lateral size (SD)")
    gain_db: float = uniform(-14, -6, "dB", "power at the pleura")
    slope_db_cm: float = uniform(8, 16, "dB/cm", "decay with depth")
    reach: float = uniform(0.12, 0.34, "lung depth", "depth at which it ends")
    elevation_mm: float = uniform(-3, 3, "mm", "distance from the image plane")


@dataclass(frozen=True)
class ContactParameters:
    """A dark band from poor contact, or a bright static streak; both are fixed to the probe."""

    place: float = uniform(-1, 1, "half width", "lateral position")
    loss_db: float = uniform(3, 14, "dB", "attenuation in a dark band")
    loss_width_mm: float = uniform(3, 9, "mm", "width of a dark band (SD)")
    streak_place: float = uniform(-0.9, 0.9, "half width", "lateral position of a streak")
    streak_rank: float = uniform(0, 1, "1", "brightness within the range set by `difficulty`")
    streak_width_mm: float = uniform(1, 3, "mm", "width of a bright streak (SD)")
