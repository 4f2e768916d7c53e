"""Parameters of pathological findings: white areas, consolidations, effusion, lung point."""

from dataclasses import dataclass

from lus_keras.simulation.parameters import chance, uniform


@dataclass(frozen=True)
class WhiteAreaParameters:
    """One white area: traps too dense to be distinguished."""

    width_mm: float = uniform(5, 12, "mm", "lateral size (SD)")
    gain_db: float = uniform(-12, -5, "dB", "power at the pleura")
    slope_db_cm: float = uniform(0, 1.2, "dB/cm", "decay with depth")


@dataclass(frozen=True)
class BlobParameters:
    """One small consolidation under the pleura."""

    place: float = uniform(0, 1, "span", "position along the lung that can come into view")
    half_width_mm: float = uniform(4, 11, "mm", "half the size along the pleura")
    depth_mm: float = uniform(4.5, 12, "mm", "greatest depth below the pleura")


@dataclass(frozen=True)
class DefectParameters:
    """One indentation of the pleural line, at a trap."""

    width_mm: float = uniform(0.8, 2.0, "mm", "lateral size (SD)")
    dent_mm: float = uniform(0.4, 1.6, "mm", "shift of the line toward the lung")
    loss_db: float = uniform(3, 8, "dB", "darkening of the line")


@dataclass(frozen=True)
class EffusionParameters:
    """One pleural effusion."""

    thickness: float = uniform(0, 1, "1", "interpleural distance within its possible range")
    swing: float = uniform(0.3, 0.9, "1", "relative change of the distance per breath")
    tilt: float = uniform(-0.35, 0.35, "1", "relative change of the distance, center to edge")
    collapsed_mm: float = uniform(8, 35, "mm", "thickness of collapsed lung")
    collapsed_db: float = uniform(-15, -7, "dB", "echogenicity of collapsed lung")
    surface_db: float = uniform(-8, 0, "dB", "brightness of the lung's surface")
    fluid_db: float = uniform(-62, -45, "dB", "echoes in the fluid")


@dataclass(frozen=True)
class HepatisationParameters:
    """One large consolidation."""

    place: float = uniform(-0.4, 0.4, "half width", "position of its center on the probe")
    half_width: float = uniform(0.8, 1.7, "half width", "half its size along the pleura")
    depth: float = uniform(0.35, 0.65, "lung depth", "greatest depth below the pleura")
    echo_db: float = uniform(-19, -12, "dB", "echogenicity of the airless lung")
    border_db: float = uniform(-9, -2, "dB", "brightness of the border with aerated lung")


@dataclass(frozen=True)
class LungPointParameters:
    """The edge of a lung partly collapsed by air in the pleural space."""

    place: float = uniform(-0.4, 0.4, "half width", "usual position of the edge on the probe")
    slides_right: float = chance(0.5, "the lung slides to the right of its edge")
