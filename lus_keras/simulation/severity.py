"""Severity as it is realised: how white the lung is, and how deep airless lung reaches.

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

# A score is read where the video shows most, but not off a single frame.
QUANTILE = 0.9
MIN_WHITE_FRACTION = 0.5
MIN_CONSOLIDATION_MM = 3.0
# White is more than visible: a line that just stands out is gray.
MIN_WHITE_DB = 8.0
# Share of the power that ribs must let through, and that must return at this incidence, for the
# lung under the pleura to be judged.
MIN_WINDOW, MIN_PASSED = 0.4, 0.1
# Share of the sector; if less pleura is visible, one line could fill it and pass for white lung.
MIN_VISIBLE = 0.15


@dataclass(frozen=True)
class SeverityTruth(Truth):
    """What can be seen in a video that is scored 0 … 3.

    Attributes:
        white_fraction: `(t,)` float64 in 0 … 1, share of the visible pleura under which vertical
            artifacts stand out down to the bottom.
        consolidation_mm: `(t,)` float64 ≥ 0, greatest visible depth of airless lung.
    """

    white_fraction: np.ndarray
    consolidation_mm: np.ndarray

    @property
    def score(self) -> int:
        """Realized score: white lung, else consolidation, else B-lines, else none of them."""
        if np.quantile(self.white_fraction, QUANTILE) > MIN_WHITE_FRACTION:
            return 3
        if np.quantile(self.consolidation_mm, QUANTILE) >= MIN_CONSOLIDATION_MM:
            return 2
        return int(self.b_line_frames.any())


def _on_probe_mm(scene: Scene) -> np.ndarray:
    """Places of the beams' tissue on the probe, `(beams, t)` mm."""
    return scene.acquisition.lateral_mm[:, None] + scene.motion.wall_mm[None]


def visible_pleura(
    scene: Scene, min_window: float = MIN_WINDOW, min_passed: float = MIN_PASSED
) -> np.ndarray:
    """`(beams, t)` bool: no rib above, not too oblique, in the sector; the lung can be judged.

    Thresholds are shares of the power that ribs let through and that oblique pleura returns.
    """
    free = acoustic_window(scene.acquisition, scene.acquisition.lateral_mm) >= min_window
    passes = free & (scene.window >= min_passed * scene.window.max())
    inside = np.abs(_on_probe_mm(scene)) <= MAX_PLACE * scene.acquisition.half_width_mm
    return passes[:, None] & inside


def white_fraction(scene: Scene) -> np.ndarray:
    """Share of visible pleura over white lung by frame, of `MIN_VISIBLE` of the sector at least."""
    acquisition, artefacts = scene.acquisition, scene.artefacts
    rows, place = read_rows(scene), _on_probe_mm(scene)
    lateral = artefacts.lateral(
        acquisition.lateral_mm, scene.motion.lung_mm, acquisition.lateral_psf_mm
    )
    traps = artefacts.is_trap
    echo = np.einsum("kr,tkn->rnt", rows.decay[traps], lateral[:, traps])
    passes = scene.window[None, :, None]
    rest = (rows.wall + rows.noise)[:, :, None]
    haze, reverberation = rows.haze[:, :, None], rows.reverberation[:, :, None]
    contrast = least_contrast_db(
        scene,
        rest + passes * (haze + reverberation * artefacts.erasure(lateral).T[None] + echo),
        rest + passes * (haze + reverberation),
        along_beams(scene, rows.gain, place) + contact_at(scene, place),
    )
    visible = visible_pleura(scene)
    white = visible & (contrast >= MIN_WHITE_DB)
    return white.sum(0) / np.maximum(visible.sum(0), MIN_VISIBLE * acquisition.beams)


def consolidation_mm(scene: Scene) -> np.ndarray:
    """`(t,)` mm that airless lung reaches where its border stands out; 0 if not visible."""
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
    """Truth of all frames as a reader would score it, with the realized score."""
    return SeverityTruth(
        **vars(measure_b_lines(scene)),
        white_fraction=white_fraction(scene),
        consolidation_mm=consolidation_mm(scene),
    )
