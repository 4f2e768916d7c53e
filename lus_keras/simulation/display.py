"""The scanner's display: gain, noise, gray map, annotations."""

import cv2
import numpy as np

from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.motion import Motion
from lus_keras.simulation.parameters import ContactParameters, draw_many
from lus_keras.simulation.texture import from_db, ornstein_uhlenbeck, speckle

NOISE_FRAMES = 3
# Display level of 0 dB, in dB below white.
HEADROOM_DB = 8.0
CONTACT_S = 0.6
MIN_ANNOTATED_HEIGHT = 200
ZONE_LABELS = ("L1", "L2", "L3", "L4", "L5", "L6", "R1", "R2", "R3", "R4", "R5", "R6")


def _contact_bands(acquisition: Acquisition) -> np.ndarray:
    """Gain bands fixed to the probe, in videos with and without findings, `(beams,)` dB."""
    difficulty, key = acquisition.plan.difficulty, acquisition.plan.key
    rng = acquisition.rng("display.contact")
    dark, has_streak, bright = int(rng.integers(0, 3)), rng.random(), int(rng.integers(1, 3))
    bright = bright if has_streak < 0.35 + 0.4 * difficulty else 0
    place = acquisition.lateral_mm / acquisition.half_width_mm
    each = draw_many(ContactParameters, key, 2)
    total = np.zeros(acquisition.beams)
    for i in range(dark):
        width = each["loss_width_mm"][i] / acquisition.half_width_mm
        total -= each["loss_db"][i] * np.exp(-0.5 * ((place - each["place"][i]) / width) ** 2)
    for i in range(bright):
        width = each["streak_width_mm"][i] / acquisition.half_width_mm
        gain = 3 + each["streak_rank"][i] * (4 + 2 * difficulty)
        total += gain * np.exp(-0.5 * ((place - each["streak_place"][i]) / width) ** 2)
    return total


def contact_gain(acquisition: Acquisition, motion: Motion) -> np.ndarray:
    """Gain of the contact bands, which vary as breathing presses the chest against the probe.

    Without this variation, any band that changes over time would be a B-line.

    Returns:
        `(t, beams)` float32, dB.
    """
    rng, fps = acquisition.rng("display.contact_swing"), acquisition.plan.fps
    noise = ornstein_uhlenbeck(rng, motion.breathing.size, fps, CONTACT_S)
    pressure = 0.7 * (2 * motion.breathing - 1) + 0.5 * noise
    strength = np.clip(1 + acquisition.video.contact_swing * pressure, 0, 2)
    return np.outer(strength, _contact_bands(acquisition)).astype(np.float32)


def gain_map(acquisition: Acquisition) -> np.ndarray:
    """Gain that is constant over time: TGC error, focus, fall-off at the edges.

    Returns:
        `(rows, beams)` float32, dB. The display level is the echo power in dB plus this and the
        contact gain, from 0 (black) to the dynamic range (white).
    """
    patient, video, depth = acquisition.patient, acquisition.video, acquisition.row_depth_mm
    place = np.abs(acquisition.lateral_mm / acquisition.half_width_mm)
    edge = -video.edge_loss_db * place**video.edge_power
    tgc = patient.tgc_error_db_cm + video.tgc_jitter_db_cm
    focus = ((depth - video.focus_fraction * acquisition.depth_mm) / 40) ** 2
    axial = tgc * (depth - 0.4 * acquisition.depth_mm) / 10 - focus
    level = patient.gain_db + video.gain_jitter_db + patient.dynamic_range_db - HEADROOM_DB
    return (axial + edge + level).astype(np.float32)


def noise_level(acquisition: Acquisition) -> np.ndarray:
    """Mean power of the electronic noise, `(rows, 1)` float32."""
    video = acquisition.video
    floor = acquisition.patient.noise_floor_db + video.noise_jitter_db
    return from_db(floor + video.noise_slope_db_cm * acquisition.row_depth_mm / 10)


def noise_bank(acquisition: Acquisition) -> np.ndarray:
    """Power of electronic noise, to be cut at random columns.

    Returns:
        `(n, rows, 2 * beams)` for `n` frames, mirrored copies included.
    """
    axial, lateral = acquisition.blur
    rng = acquisition.rng("noise.speckle")
    blur = max(0.8 * axial, 0.5), max(0.5 * lateral, 0.5)
    frames = np.stack([speckle(rng, acquisition.shape, *blur) for _ in range(NOISE_FRAMES)])
    frames *= noise_level(acquisition)[None]
    return np.tile(np.concatenate([frames, frames[:, :, ::-1]]), 2)


def gray_map(acquisition: Acquisition) -> np.ndarray:
    """Gray level of each of 256 display levels, `(256,)` uint8."""
    level = np.linspace(0, 1, 256) ** acquisition.patient.gamma
    return (level * acquisition.patient.white_level).astype(np.uint8)


def overlay(acquisition: Acquisition, height: int, width: int) -> np.ndarray:
    """Text and depth scale burned into the display, independent of the findings.

    Every display is labeled as simulated, so that an exported video cannot be mistaken for that of
    a patient.

    Returns:
        `(height, width)` uint8, 0 without annotation; all 0 if the image is too small.
    """
    canvas = np.zeros((height, width), np.uint8)
    if height < MIN_ANNOTATED_HEIGHT:
        return canvas
    scale, font = height / 480, cv2.FONT_HERSHEY_SIMPLEX
    corner = (int(8 * scale), int(height - 10 * scale))
    cv2.putText(canvas, "SIMULATED", corner, font, 0.45 * scale, 150, 1, cv2.LINE_AA)
    if not acquisition.patient.has_annotations:
        return canvas
    label = ZONE_LABELS[int(acquisition.plan.zone) - 1]
    place = (int(14 * scale), int(30 * scale))
    cv2.putText(canvas, label, place, font, 0.6 * scale, 200, 1, cv2.LINE_AA)
    for tick in range(11):
        y, length = int((0.03 + 0.094 * tick) * height), (12 if tick % 5 == 0 else 6)
        cv2.line(canvas, (width - int(length * scale) - 4, y), (width - 4, y), 140, 1)
    return canvas
