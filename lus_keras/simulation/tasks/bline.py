"""B-lines that appear and disappear with breathing, and lookalikes in videos of both classes."""

from typing import Any

from lus_keras.simulation.acoustic_traps import narrow_traps, z_lines
from lus_keras.simulation.artefacts import Pathology
from lus_keras.simulation.geometry import Acquisition, sector_region
from lus_keras.simulation.motion import Motion
from lus_keras.simulation.motion import draw_motion as draw_motion
from lus_keras.simulation.tasks import CohortSize
from lus_keras.simulation.truth import Truth, measure_b_lines

COHORT = CohortSize(patients=60, videos=298, duration_s=4.0, fps=(30.0,))
CLASSES = ("no_b_lines", "b_lines")
# Aerated lung reflects more; the ranges overlap, so that A-lines alone do not reveal the class.
A_LINE_DB = {"no_b_lines": (0.0, 8.0), "b_lines": (-6.0, 5.0)}
MAX_TRAPS = 2

measure = measure_b_lines
region = sector_region


def labels(truth: Truth) -> dict[str, Any]:
    """Manifest columns of a video: measured `b_lines` and `segments`."""
    return {"b_lines": int(truth.b_line_frames.any()), "segments": truth.segments}


def draw_pathology(acquisition: Acquisition, motion: Motion) -> Pathology:
    """Draws the lung of a video: B-lines only if planned, Z-lines always, strength of A-lines."""
    low, high = A_LINE_DB[acquisition.plan.drawn]
    a_line_db = low + (high - low) * acquisition.video.a_line_rank
    drawn = acquisition.plan.drawn == "b_lines"
    count = int(acquisition.rng("traps.count").integers(1, MAX_TRAPS + 1)) if drawn else 0
    traps = narrow_traps(acquisition, motion, count)
    return Pathology(traps.joined(z_lines(acquisition, motion)), a_line_db)
