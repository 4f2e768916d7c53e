"""Realized severity: the extent of white lung and the depth of airless lung.

Scenes are on the grid of `truth`.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from lus_keras.simulation.anatomy import acoustic_window
from lus_keras.simulation.display import noise_level
from lus_keras.simulation.scene import Scene
from lus_keras.simulation.texture import from_db
from lus_keras.simulation.truth import (
    MAX_PLACE,
    MIN_CONTRAST_DB,
    SMOOTH_BEAMS,
    Truth,
    along_beams,
    contact_at,
    displayed_db,
    least_contrast_db,
    measure_b_lines,
    read_rows,
)

# Scores are based on a high quantile over frames: near the maximum, but not on a single frame.
QUANTILE = 0.9
MIN_WHITE_FRACTION = 0.5
MIN_CONSOLIDATION_MM = 3.0
# White requires more contrast than visibility: a line that is just visible is gray.
MIN_WHITE_DB = 8.0
# Shares of power that must pass the ribs, and return at the given incidence, for the lung below
# the pleura to be assessable.
MIN_WINDOW, MIN_PASSED = 0.4, 0.1
# Share of the sector; if less pleura is visible, a single line could be mistaken for white lung.
MIN_VISIBLE = 0.15


@dataclass(frozen=True)
class SeverityTruth(Truth):
    """Visible findings in a video with a severity score 0 … 3.

    Attributes:
        white_fraction: `(t,)` float64 in 0 … 1, share of the visible pleura below which vertical
            artifacts stand out down to the bottom.
        consolidation_mm: `(t,)` float64 ≥ 0, greatest visible depth of airless lung.
    """

    white_fraction: np.ndarray
    consolidation_mm: np.ndarray

    @property
    def score(self) -> int:
        """Realized score: 3 white lung, else 2 consolidation, else 1 B-lines, else 0."""
        if np.quantile(self.white_fraction, QUANTILE) > MIN_WHITE_FRACTION:
            return 3
        if np.quantile(self.consolidation_mm, QUANTILE) >= MIN_CONSOLIDATION_MM:
            return 2
        return int(self.b_line_frames.any())


def _on_probe_mm(scene: Scene) -> np.ndarray:
    """Position on the probe of the tissue of each beam, `(beams, t)` mm."""
    return scene.acquisition.lateral_mm[:, None] + scene.motion.wall_mm[None]


def visible_pleura(
    scene: Scene, min_window: float = MIN_WINDOW, min_passed: float = MIN_PASSED
) -> np.ndarray:
    """Where the lung is assessable: not behind a rib, not too oblique, inside the sector.

    Args:
        min_window: Smallest share of power that passes the ribs.
        min_passed: Smallest power from below the pleura, relative to the maximum over the beams.

    Returns:
        `(beams, t)` bool.
    """
    free = acoustic_window(scene.acquisition, scene.acquisition.lateral_mm) >= min_window
    passes = free & (scene.window >= min_passed * scene.window.max())
    inside = np.abs(_on_probe_mm(scene)) <= MAX_PLACE * scene.acquisition.half_width_mm
    return passes[:, None] & inside


def white_fraction(scene: Scene) -> np.ndarray:
    """Share of the visible pleura that is above white lung, `(t,)` float64, 0 … 1.

    The denominator is at least `MIN_VISIBLE` of the beams.
    """
    acquisition, artifacts = scene.acquisition, scene.artifacts
    rows, place = read_rows(scene), _on_probe_mm(scene)
    lateral = artifacts.lateral(
        acquisition.lateral_mm, scene.motion.lung_mm, acquisition.lateral_psf_mm
    )
    traps = artifacts.is_trap
    echo = np.einsum("kr,tkn->rnt", rows.decay[traps], lateral[:, traps])
    passes = scene.window[None, :, None]
    rest = (rows.wall + rows.noise)[:, :, None]
    haze, reverberation = rows.haze[:, :, None], rows.reverberation[:, :, None]
    contrast = least_contrast_db(
        scene,
        rest + passes * (haze + reverberation * artifacts.erasure(lateral).T[None] + echo),
        rest + passes * (haze + reverberation),
        along_beams(scene, rows.gain, place) + contact_at(scene, place),
    )
    visible = visible_pleura(scene)
    white = visible & (contrast >= MIN_WHITE_DB)
    return white.sum(0) / np.maximum(visible.sum(0), MIN_VISIBLE * acquisition.beams)


def consolidation_mm(scene: Scene) -> np.ndarray:
    """Greatest depth of airless lung with a visible border, `(t,)` float64 mm; 0 if none."""
    acquisition, motion, solid = scene.acquisition, scene.motion, scene.consolidation
    if solid is None:
        return np.zeros(motion.lung_mm.size)
    places = acquisition.lateral_mm[:, None] - motion.lung_mm[None]
    thickness = solid.thickness_mm(acquisition, places.ravel()).reshape(places.shape)
    depth = acquisition.pleura_mm + thickness
    row = np.clip(np.rint(depth / acquisition.row_mm), 0, acquisition.rows - 1).astype(int)
    beam = np.arange(acquisition.beams)[:, None]
    wall = cv2.blur(scene.wall, (SMOOTH_BEAMS, 3))
    rest = wall[row, beam] + noise_level(acquisition)[row, 0]
    passes = scene.window[:, None]
    gain = scene.gain[row, beam] + contact_at(scene, _on_probe_mm(scene))
    border = displayed_db(scene, rest + passes * from_db(solid.border_db), gain)
    inside = displayed_db(scene, rest + passes * from_db(solid.echo_db), gain)
    shown = visible_pleura(scene) & (border - inside >= MIN_CONTRAST_DB)
    return np.where(shown, thickness, 0).max(0)


def measure_severity(scene: Scene) -> SeverityTruth:
    """Visible findings in all frames, with the realized score."""
    return SeverityTruth(
        **vars(measure_b_lines(scene)),
        white_fraction=white_fraction(scene),
        consolidation_mm=consolidation_mm(scene),
    )
