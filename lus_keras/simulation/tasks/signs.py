"""A-lines, B-lines, effusion or consolidation: one sign per video, labeled as realized."""

from typing import Any

import numpy as np

from lus_keras.core.labels import SIGNS
from lus_keras.simulation.acoustic_traps import narrow_traps, z_lines
from lus_keras.simulation.artefacts import Pathology
from lus_keras.simulation.consolidation import Consolidation
from lus_keras.simulation.finding_parameters import EffusionParameters, HepatisationParameters
from lus_keras.simulation.geometry import Acquisition, sector_region
from lus_keras.simulation.motion import Motion
from lus_keras.simulation.motion import draw_motion as draw_motion
from lus_keras.simulation.parameters import draw_parameters
from lus_keras.simulation.signs import SignTruth, measure_signs
from lus_keras.simulation.tasks import CohortSize

# Duan et al. 2022: numbers of images of each sign. Here four frames within a second form one video,
# so that the images of a video stay together.
SHARES = (1388, 1375, 1384, 1398)
COHORT = CohortSize(
    patients=400, videos=1387, duration_s=1.0, fps=(4.0,), shares=SHARES, frames_of_classes=SHARES
)
CLASSES = SIGNS
A_LINE_DB = {
    "a_lines": (0.0, 8.0),
    "b_lines": (-6.0, 5.0),
    "effusion": (-10.0, 0.0),
    "consolidation": (-10.0, 3.0),
}
MAX_TRAPS = 2

measure = measure_signs
region = sector_region


def labels(truth: SignTruth) -> dict[str, Any]:
    """Manifest columns of a video: realized `sign` and `signs`."""
    return {"sign": truth.sign, "signs": truth.signs}


def _hepatisation(acquisition: Acquisition, motion: Motion) -> Consolidation:
    """Draws hepatized lung with air bronchograms, in view at the mean position of the lung."""
    drawn = draw_parameters(HepatisationParameters, acquisition.plan.key)
    half = acquisition.half_width_mm
    return Consolidation(
        position_mm=np.array([drawn.place * half - np.median(motion.lung_mm)]),
        half_width_mm=np.array([drawn.half_width * half]),
        depth_mm=np.array([drawn.depth * (acquisition.depth_mm - acquisition.pleura_mm)]),
        echo_db=drawn.echo_db,
        border_db=drawn.border_db,
        has_bronchograms=True,
    )


def draw_pathology(acquisition: Acquisition, motion: Motion) -> Pathology:
    """Draws the lung of a video: one sign, and Z-lines where aerated lung touches the pleura."""
    drawn = acquisition.plan.drawn
    low, high = A_LINE_DB[drawn]
    count = int(acquisition.rng("traps.count").integers(1, MAX_TRAPS + 1))
    artifacts = narrow_traps(acquisition, motion, count if drawn == "b_lines" else 0)
    effusion, consolidation = None, None
    if drawn == "effusion":
        effusion = draw_parameters(EffusionParameters, acquisition.plan.key)
    else:
        artifacts = artifacts.joined(z_lines(acquisition, motion))
    if drawn == "consolidation":
        consolidation = _hepatisation(acquisition, motion)
    return Pathology(
        artifacts=artifacts,
        a_line_db=low + (high - low) * acquisition.video.a_line_rank,
        consolidation=consolidation,
        effusion=effusion,
    )
