"""Masks of the visible findings in the frames of a simulated video."""

from collections.abc import Sequence

import cv2
import numpy as np

from lus_keras.simulation.anatomy import acoustic_window
from lus_keras.simulation.cohort import VideoPlan
from lus_keras.simulation.geometry import scan_map
from lus_keras.simulation.pleura import MIN_WINDOW
from lus_keras.simulation.render import BeamSpace, columns, render_size, single_thread
from lus_keras.simulation.scene import Scene, build_scene
from lus_keras.simulation.truth import MIN_CONTRAST_DB, TRUTH_BEAMS, TRUTH_ROWS, measure_contrast
from lus_keras.simulation.video import realized

FINDINGS = ("b_lines", "consolidation", "fluid", "pleura")
# Half width at half maximum of a Gaussian profile with SD 1.
HALF_WIDTH = float(np.sqrt(2 * np.log(2)))
# Half the thickness of the band around the pleural line.
BAND_MM = 0.6
# Share of a pixel that must be covered: in small frames a B-line is narrower than a pixel.
COVERED = 0.25


def finding_masks(
    plan: VideoPlan, frames: Sequence[int] | np.ndarray, size: tuple[int, int], crop: str
) -> dict[str, np.ndarray]:
    """Masks of the visible findings, excluding the shadows of the ribs.

    Args:
        plan: Plan of the video.
        frames: Indices of `t` frames.
        size: `(h, w)` of the masks in pixels.
        crop: `screen` or `sector`, as in `scan_map`.

    Returns:
        `(t, h, w)` bool by name in `FINDINGS`: vertical artifacts with the contrast required for
        visible B-lines, at half maximum, from the pleura to the bottom; airless lung; fluid; and
        the pleural line with 0.6 mm on either side.
    """
    with single_thread():
        scene = build_scene(realized(plan), TRUTH_BEAMS, TRUTH_ROWS)
        inner = render_size(*size)
        scan, beam_space = scan_map(scene.acquisition, *inner, crop), BeamSpace(scene)
        visible = measure_contrast(scene)[0] >= MIN_CONTRAST_DB
        masks = {name: np.zeros((len(frames), *size), bool) for name in FINDINGS}
        for place, frame in enumerate(map(int, frames)):
            for name, beams in _in_beam_space(scene, visible[:, frame], frame).items():
                level = beam_space.moved(255 * beams.astype(np.float32), frame)
                image = scan.apply(np.rint(level).astype(np.uint8))
                if inner != size:
                    image = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
                masks[name][place] = image >= 255 * COVERED
    return masks


def _in_beam_space(scene: Scene, visible: np.ndarray, frame: int) -> dict[str, np.ndarray]:
    """Masks `(rows, beams)` bool of one frame before probe motion; absent findings are omitted."""
    acquisition, artifacts = scene.acquisition, scene.artifacts
    lateral, first = acquisition.lateral_mm, float(scene.lung_column[frame])
    below = acquisition.row_depth_mm - acquisition.pleura_mm
    clear = acoustic_window(acquisition, lateral)[None] > MIN_WINDOW
    half = HALF_WIDTH * np.hypot(artifacts.width_mm, acquisition.lateral_psf_mm)
    place = artifacts.position_mm + scene.motion.lung_mm[frame]
    near = np.abs(lateral[None] - place[:, None]) <= half[:, None]
    found = {
        "b_lines": (below >= 0) & near[visible].any(axis=0)[None],
        "pleura": np.abs(below) <= BAND_MM,
    }
    if scene.solid is not None:
        found["consolidation"] = columns(scene.solid, first, acquisition.beams) > 0.5
    if scene.effusion is not None:
        wave = columns(scene.effusion.wave, first, acquisition.beams)
        found["fluid"] = scene.effusion.fluid(scene.motion.breathing[frame], wave) > 0.5
    return {name: mask & clear for name, mask in found.items()}
