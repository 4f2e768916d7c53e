"""Chest wall, ribs, pleura, lung haze and reverberation in flattened beam space.

All maps are `(rows, beams)` float32 echo power; maps of the lung are wider because it slides under
the beams. The reference level and units are those of `parameters`.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.pleural_defects import PleuralDefects
from lus_keras.simulation.texture import from_db, smooth_field, smooth_profile, soft_step, speckle

SKIN_MM = 2.5
PLEURA_EDGE_MM = 0.25
CAP_MM = 0.7
# The loss saturates at 30°, where echoes come from roughness instead of specular reflection.
MAX_INCIDENCE_DEG = 30.0
# Share of the specular loss that also applies to diffuse echoes under the pleura.
DIFFUSE_SHARE = 0.25


@dataclass(frozen=True)
class ChestWall:
    """The chest wall and its parts needed for the reverberation.

    Attributes:
        power: `(rows, beams)` echo power of the wall with ribs, their shadows, and clutter.
        tissue: `(rows, beams)` echo power of the tissue without ribs.
        above: `(rows, 1)` smooth step, 1 above the pleura, 0 below.
        speckle: `(rows, beams)` speckle of the tissue, mean 1.
    """

    power: np.ndarray
    tissue: np.ndarray
    above: np.ndarray
    speckle: np.ndarray


def rib_centers(acquisition: Acquisition) -> np.ndarray:
    """Centers of the ribs that can shade the view, `(n,)` float64 mm; empty if none cross it."""
    if not acquisition.video.shows_ribs:
        return np.empty(0)
    pitch = acquisition.patient.rib_pitch_mm * acquisition.video.rib_pitch_scale
    centers = (np.arange(-6, 7) + acquisition.video.rib_phase) * pitch
    return centers[np.abs(centers) < acquisition.half_width_mm + 40]


def rib_top_mm(acquisition: Acquisition, distance_mm: np.ndarray) -> np.ndarray:
    """Flattened depth of a rib's surface in mm at `(n,)` distances from its center in mm."""
    bow = 2.5 * (2 * distance_mm / acquisition.patient.rib_width_mm) ** 2
    return acquisition.pleura_mm - acquisition.video.rib_height_mm + bow


def _shadow_profile(acquisition: Acquisition, distance_mm: np.ndarray) -> np.ndarray:
    """Shade of one rib, 0 … 1, at distances from its center in mm."""
    edge = distance_mm - acquisition.patient.rib_width_mm / 2
    return soft_step(-2 * edge / acquisition.video.rib_edge_mm)


def acoustic_window(acquisition: Acquisition, lateral_mm: np.ndarray) -> np.ndarray:
    """Share of power that passes between the ribs at `(n,)` positions in mm, 0 … 1."""
    distance = np.abs(lateral_mm[None] - rib_centers(acquisition)[:, None])
    shade = _shadow_profile(acquisition, distance).max(0, initial=0)
    return from_db(-acquisition.video.rib_shadow_db * shade)


def specular_loss_db(acquisition: Acquisition, lateral_mm: np.ndarray) -> np.ndarray:
    """Loss of the specular echo due to oblique incidence, dB ≤ 0, at `(n,)` positions in mm."""
    incidence = np.minimum(np.abs(acquisition.incidence_deg(lateral_mm)), MAX_INCIDENCE_DEG)
    return -acquisition.video.specular_loss_db * (incidence / 10) ** 2


def transmission(acquisition: Acquisition, lateral_mm: np.ndarray) -> np.ndarray:
    """Share of power returned from below the pleura at `(n,)` positions in mm, 0 … 1.

    Includes rib shadows and oblique incidence.
    """
    diffuse = from_db(DIFFUSE_SHARE * specular_loss_db(acquisition, lateral_mm))
    return acoustic_window(acquisition, lateral_mm) * diffuse


def _layers_db(acquisition: Acquisition) -> np.ndarray:
    """Echogenicity of skin, fat and muscle by depth, `(rows, 1)` float32 dB."""
    depth = acquisition.row_depth_mm
    patient, video = acquisition.patient, acquisition.video
    fat_end = acquisition.pleura_mm * video.fat_fraction
    deep = np.where(depth < fat_end, patient.fat_db, patient.muscle_db)
    layers = np.where(depth < SKIN_MM, video.skin_db, deep).astype(np.float32)
    return cv2.GaussianBlur(layers, (1, 5), 1)


def _fascia(acquisition: Acquisition) -> np.ndarray:
    """Oblique bright and dark streaks of unit standard deviation, `(rows, beams)` float32."""
    video = acquisition.video
    axial = max(video.streak_thickness_mm / acquisition.row_mm, 0.5)
    lateral = video.streak_length_mm / acquisition.beam_mm
    streaks = smooth_field(acquisition.rng("wall.fascia"), acquisition.shape, axial, lateral)
    shear = video.fascia_slope * acquisition.beam_mm / acquisition.row_mm
    tilt = np.array([[1, 0, 0], [shear, 1, -shear * acquisition.beams / 2]], np.float32)
    size = (acquisition.beams, acquisition.rows)
    return cv2.warpAffine(streaks, tilt, size, borderMode=cv2.BORDER_REFLECT)


def _ribs(acquisition: Acquisition) -> tuple[np.ndarray, np.ndarray]:
    """Echo power of the rib surfaces, and the shade 0 … 1 under them, both `(rows, beams)`."""
    video, depth, lateral = acquisition.video, acquisition.row_depth_mm, acquisition.lateral_mm
    half_rib = acquisition.patient.rib_width_mm / 2
    cap, shade = np.zeros(acquisition.shape, "f4"), np.zeros(acquisition.shape, "f4")
    roughness = smooth_profile(acquisition.rng("ribs.roughness"), lateral, 1.8)
    brightness = from_db(video.rib_cap_db + 1.5 * roughness)
    for center in rib_centers(acquisition):
        distance = np.abs(lateral - center)
        top = rib_top_mm(acquisition, distance)
        line = np.exp(-(((depth - top) / (CAP_MM + acquisition.row_mm)) ** 2))
        cap += line * brightness * soft_step((1.15 * half_rib - distance) / 0.5)
        onset = np.clip((depth - top - 1) / 6, 0, 1)
        shade = np.maximum(shade, onset * _shadow_profile(acquisition, distance))
    return cap, shade


def chest_wall(acquisition: Acquisition) -> ChestWall:
    """Builds skin, fat, muscle, ribs and clutter."""
    patient, video, depth = acquisition.patient, acquisition.video, acquisition.row_depth_mm
    shape, blur = acquisition.shape, acquisition.blur
    broad = smooth_field(
        acquisition.rng("wall.broad"), shape, max(3 / acquisition.row_mm, 1), acquisition.beams / 8
    )
    grain = speckle(acquisition.rng("wall.speckle"), shape, *blur)
    level = _layers_db(acquisition) + patient.streak_db * _fascia(acquisition) + 2.5 * broad + 3
    tissue = from_db(level) * grain
    edge = PLEURA_EDGE_MM + acquisition.row_mm
    above = soft_step((acquisition.pleura_mm - depth) / edge)
    cap, shade = _ribs(acquisition)
    clutter = from_db(video.clutter_db - video.clutter_slope_db_cm * depth / 10 + 2.5 * broad)
    clutter = clutter * speckle(acquisition.rng("wall.clutter"), shape, *blur)
    shaded = tissue * above * from_db(-video.rib_shadow_db * shade)
    return ChestWall(shaded + 0.7 * cap * grain + clutter, tissue, above, grain)


def pleural_line(acquisition: Acquisition, shift_mm: np.ndarray | float = 0.0) -> np.ndarray:
    """Axial profile of the pleural line, `(rows, 1 or n)` in 0 … 1, shifted downward by mm."""
    thickness = acquisition.video.pleura_thickness_mm + 0.4 * acquisition.row_mm
    distance = acquisition.row_depth_mm - (acquisition.pleura_mm + shift_mm)
    return np.exp(-0.5 * (distance / thickness) ** 2)


def reverberation(acquisition: Acquisition, wall: ChestWall, a_line_db: float) -> np.ndarray:
    """Echo power of A-lines and copies of the wall, `(rows, beams)`, by folding at the pleura."""
    depth, pleura = acquisition.row_depth_mm, acquisition.pleura_mm
    per_trip_db = acquisition.patient.reverberation_db
    trip = np.floor(depth / pleura)
    folded = depth - trip * pleura
    source_row = np.minimum(folded / acquisition.row_mm, acquisition.rows - 1).astype(int)[:, 0]
    grain = wall.speckle
    line = from_db(acquisition.video.pleura_db + 4) * pleural_line(acquisition)
    source = wall.tissue * wall.above + line * (0.6 + 0.4 * grain)
    thickness = acquisition.patient.mirror_mm + 0.5 * acquisition.row_mm
    mirror = sum(np.exp(-0.5 * ((folded - d) / thickness) ** 2) for d in (0, pleura))
    rng = acquisition.rng("reverberation.jag")
    jag = 2 * smooth_profile(rng, acquisition.lateral_mm, 3.6) - 1
    level = acquisition.video.pleura_db + a_line_db + jag
    level = level + specular_loss_db(acquisition, acquisition.lateral_mm)
    copies = 0.7 * source[source_row] * from_db(per_trip_db * trip)
    # An A-line spans the border of two round trips. A single loss applies to all of it; otherwise
    # its level would drop in the middle and its center be too shallow. The pleura is drawn
    # elsewhere.
    nearest = np.round(depth / pleura)
    line_trip = np.where(nearest > 1, nearest - 0.5, trip)
    lines = from_db(level) * mirror * (0.5 + 0.5 * grain) * from_db(per_trip_db * line_trip)
    return np.where(trip >= 1, copies + lines, 0).astype(np.float32)


def haze_db(acquisition: Acquisition, depth_mm: np.ndarray) -> np.ndarray:
    """Mean level of the lung haze, dB, at flattened depths in mm."""
    below = np.maximum(depth_mm - acquisition.pleura_mm, 0)
    return acquisition.video.haze_db - acquisition.video.haze_slope_db_cm * below / 10


def lung(
    acquisition: Acquisition, lung_mm: np.ndarray, defects: PleuralDefects | None = None
) -> np.ndarray:
    """Echo power of the lung, `(rows, n)`: the sliding pleural line and the haze below it.

    Args:
        lung_mm: `(n,)` positions along the lung.
        defects: Positions where the line is indented or broken.
    """
    shape = (acquisition.rows, lung_mm.size)
    grain = speckle(acquisition.rng("lung.speckle"), shape, *acquisition.blur)

    def profile(name: str, correlation_mm: float) -> np.ndarray:
        return smooth_profile(acquisition.rng(f"lung.{name}"), lung_mm, correlation_mm)

    depth = acquisition.row_depth_mm
    edge = PLEURA_EDGE_MM + acquisition.row_mm
    below = soft_step((depth - acquisition.pleura_mm) / edge)
    haze = from_db(haze_db(acquisition, depth) + 2 * profile("haze", 3.0)) * grain * below
    ripple = 2 * profile("line_fine", 1.5) + profile("line_broad", 6.0)
    level = acquisition.video.pleura_db + ripple
    shift: np.ndarray | float = 0.0
    if defects is not None:
        level, shift = level - defects.fading_db(lung_mm), defects.shift_mm(lung_mm)
    line = from_db(level) * pleural_line(acquisition, shift)
    return (haze + line * (0.5 + 0.5 * grain)).astype(np.float32, copy=False)
