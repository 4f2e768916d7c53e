"""The lung point: lung slides on one side of the view, air in the pleural space rests on the other.

Air between the pleurae mirrors as aerated lung does, so that a single frame looks alike on both
sides. The border is the edge of the lung, which moves with it.
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
    """Where the lung ends in one video.

    Attributes:
        edge_mm: `(t,)` place of the edge under the probe before the chest wall moves.
        slides_right: Whether the lung lies to the right of its edge.
        rest_mm: Place at which the texture of the resting side is read, along the lung.
    """

    edge_mm: np.ndarray
    slides_right: bool
    rest_mm: float

    def lung_share(self, lateral_mm: np.ndarray, t: int) -> np.ndarray:
        """Share of lung, `(1, n)` in 0 … 1, in frame t; the rest is air that does not move."""
        side = 1.0 if self.slides_right else -1.0
        return soft_step(side * (lateral_mm - self.edge_mm[t]) / EDGE_MM)[None]


def draw_lung_point(acquisition: Acquisition, motion: Motion) -> LungPoint:
    """Draws a lung point whose edge moves about its usual place as the lung slides."""
    drawn = draw_parameters(LungPointParameters, acquisition.plan.key)
    swing = motion.lung_mm - np.median(motion.lung_mm)
    return LungPoint(
        edge_mm=drawn.place * acquisition.half_width_mm + swing,
        slides_right=drawn.slides_right > 0,
        rest_mm=acquisition.video.lung_start_mm,
    )
