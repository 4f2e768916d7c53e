"""The lung point: sliding lung on one side of the view, motionless pleural air on the other.

Air between the pleurae reflects like aerated lung, so that both sides look alike in a single frame.
The border is the edge of the lung, which moves with it.
"""

from dataclasses import dataclass

import numpy as np

from lus_keras.simulation.finding_parameters import LungPointParameters
from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.motion import Motion
from lus_keras.simulation.parameters import draw_parameters
from lus_keras.simulation.texture import soft_step

EDGE_MM = 0.4


@dataclass(frozen=True)
class LungPoint:
    """The lung point of one video.

    Attributes:
        edge_mm: `(t,)` position of the edge under the probe, without motion of the chest wall.
        slides_right: Whether the lung is to the right of its edge.
        rest_mm: Position along the lung from which the texture of the motionless side is taken.
    """

    edge_mm: np.ndarray
    slides_right: bool
    rest_mm: float

    def lung_share(self, lateral_mm: np.ndarray, t: int) -> np.ndarray:
        """Share of lung in frame t, `(1, n)` in 0 … 1; the rest is motionless air."""
        side = 1.0 if self.slides_right else -1.0
        return soft_step(side * (lateral_mm - self.edge_mm[t]) / EDGE_MM)[None]


def draw_lung_point(acquisition: Acquisition, motion: Motion) -> LungPoint:
    """Draws a lung point whose edge moves about its mean position as the lung slides."""
    drawn = draw_parameters(LungPointParameters, acquisition.plan.key)
    swing = motion.lung_mm - np.median(motion.lung_mm)
    return LungPoint(
        edge_mm=drawn.place * acquisition.half_width_mm + swing,
        slides_right=drawn.slides_right > 0,
        rest_mm=acquisition.video.lung_start_mm,
    )
