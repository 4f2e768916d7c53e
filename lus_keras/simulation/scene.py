"""One video in beam space: all maps that are constant over time, and the motion."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lus_keras.simulation import anatomy, display, tasks
from lus_keras.simulation.artefacts import VerticalArtifacts
from lus_keras.simulation.cohort import VideoPlan
from lus_keras.simulation.consolidation import Consolidation
from lus_keras.simulation.effusion import Effusion, build_effusion
from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.lung_point import LungPoint
from lus_keras.simulation.motion import Motion
from lus_keras.simulation.texture import speckle


@dataclass(frozen=True)
class Scene:
    """Maps and motion from which frames are composed.

    Attributes:
        wall: `(rows, beams)` echo power of the chest wall and clutter.
        window: `(beams,)` share of power returned from below the pleura, 0 … 1.
        reverberation: `(rows, beams)` echo power of A-lines and wall copies.
        lung: `(rows, n)` echo power of haze and pleural line, along the lung.
        trap_speckle: `(rows, n)` speckle inside vertical artifacts, mean 1, along the lung.
        noise: `(m, rows, 2 * beams)` power of electronic noise, to be cut at random columns.
        gain: `(rows, beams)` gain in dB that converts echo power to display level.
        contact: `(t, beams)` gain in dB of the contact bands, added to `gain`.
        solid: `(rows, n)` mask of airless lung, 0 … 1, along the lung; it is opaque.
        effusion: Fluid over the lung, if any; it then replaces `lung`.
        lung_point: End of the sliding lung, if any; `lung` is motionless beyond it.
    """

    acquisition: Acquisition
    motion: Motion
    artifacts: VerticalArtifacts
    wall: np.ndarray
    window: np.ndarray
    reverberation: np.ndarray
    lung: np.ndarray
    trap_speckle: np.ndarray
    noise: np.ndarray
    gain: np.ndarray
    contact: np.ndarray
    consolidation: Consolidation | None = None
    solid: np.ndarray | None = None
    effusion: Effusion | None = None
    lung_point: LungPoint | None = None

    @cached_property
    def lung_column(self) -> np.ndarray:
        """`(t,)` float64, column of the lung maps under the first beam."""
        return np.asarray(self.column_at(self.motion.lung_mm))

    def column_at(self, lung_mm: np.ndarray | float) -> np.ndarray | float:
        """Column of the lung maps under the first beam for a displacement of the lung in mm."""
        start = lung_coordinates(self.acquisition, self.motion)[0]
        first_beam = self.acquisition.lateral_mm[0]
        return (first_beam - lung_mm - start) / self.acquisition.beam_mm


def lung_coordinates(acquisition: Acquisition, motion: Motion) -> np.ndarray:
    """Positions along the lung that may come under a beam, `(n,)` float64 mm."""
    low, high = motion.lung_range_mm
    step = acquisition.beam_mm
    columns = acquisition.beams + int(np.ceil((high - low) / step)) + 4
    return acquisition.lateral_mm[0] - high - step + step * np.arange(columns)


def build_scene(plan: VideoPlan, beams: int, rows: int) -> Scene:
    """Draws a video on a grid; motion and artifacts are the same on every grid, speckle is not."""
    task = tasks.get(plan.task)
    acquisition = Acquisition.of(plan, beams, rows)
    motion = task.draw_motion(acquisition)
    pathology = task.draw_pathology(acquisition, motion)
    wall = anatomy.chest_wall(acquisition)
    along_lung = lung_coordinates(acquisition, motion)
    axial, lateral = acquisition.blur
    below = 1 - wall.above
    lung = anatomy.lung(acquisition, along_lung, pathology.defects)
    solid, effusion = None, None
    if pathology.consolidation is not None:
        lung = pathology.consolidation.paint(acquisition, along_lung, lung)
        solid = pathology.consolidation.mask(acquisition, along_lung)
    if pathology.effusion is not None:
        effusion = build_effusion(acquisition, pathology.effusion, along_lung, wall.speckle)
    texture = speckle(
        acquisition.rng("lung.trap_speckle"),
        (rows, along_lung.size),
        axial,
        lateral * acquisition.video.trap_texture,
    )
    return Scene(
        acquisition=acquisition,
        motion=motion,
        artifacts=pathology.artifacts,
        wall=wall.power,
        window=anatomy.transmission(acquisition, acquisition.lateral_mm),
        reverberation=anatomy.reverberation(acquisition, wall, pathology.a_line_db),
        lung=lung,
        trap_speckle=texture * below,
        noise=display.noise_bank(acquisition),
        gain=display.gain_map(acquisition),
        contact=display.contact_gain(acquisition, motion),
        consolidation=pathology.consolidation,
        solid=solid,
        effusion=effusion,
        lung_point=pathology.lung_point,
    )
