"""Severity scores 0 … 3 (Soldati et al. 2020), drawn as causes and labeled as realized.

0 regular pleura with A-lines; 1 indented pleura with B-lines; 2 broken pleura above small
consolidations, with white lung below them; 3 white lung with or without consolidations.
"""

from typing import Any

import numpy as np

from lus_keras.simulation.acoustic_traps import (
    clear_places,
    flicker,
    narrow_traps,
    span_mm,
    z_lines,
)
from lus_keras.simulation.artefacts import Pathology, VerticalArtifacts
from lus_keras.simulation.consolidation import Consolidation
from lus_keras.simulation.finding_parameters import (
    BlobParameters,
    DefectParameters,
    WhiteAreaParameters,
)
from lus_keras.simulation.geometry import Acquisition, sector_region
from lus_keras.simulation.motion import Motion
from lus_keras.simulation.motion import draw_motion as draw_motion
from lus_keras.simulation.parameters import draw_many
from lus_keras.simulation.pleural_defects import PleuralDefects
from lus_keras.simulation.severity import SeverityTruth, measure_severity
from lus_keras.simulation.tasks import CohortSize

# Corso et al. 2023: numbers of videos by score 0 … 3 and by patient, and their lengths in frames
# (the frame rate is not given).
SHARES = (45, 45, 101, 55)
LENGTHS = (
    *((82, 1), (87, 3), (88, 3), (89, 8), (90, 8), (91, 4), (115, 9), (116, 14), (117, 4)),
    *((124, 1), (125, 16), (126, 10), (127, 1), (173, 1), (228, 1), (229, 9), (230, 21)),
    *((231, 10), (232, 1), (249, 3), (250, 45), (251, 58), (252, 15)),
)
COHORT = CohortSize(
    patients=11,
    videos=246,
    duration_s=10.0,
    fps=(25.0,),
    shares=SHARES,
    lengths=LENGTHS,
    videos_of_patients=(28, 27, 13, 26, 12, 14, 28, 14, 28, 28, 28),
)
CLASSES = ("score_0", "score_1", "score_2", "score_3")
# Neighboring ranges overlap, so that A-lines alone do not reveal the score.
A_LINE_DB = {
    "score_0": (0.0, 8.0),
    "score_1": (-6.0, 5.0),
    "score_2": (-10.0, 3.0),
    "score_3": (-16.0, -4.0),
}
# Ranges of the numbers of narrow traps and of blobs, inclusive.
TRAPS = {"score_0": (0, 0), "score_1": (1, 3), "score_2": (0, 1), "score_3": (3, 7)}
BLOBS = {"score_0": (0, 0), "score_1": (0, 0), "score_2": (1, 2), "score_3": (-2, 3)}
MAX_BLOBS = 3
# Width (SD) of the white area below a consolidation relative to the half width of the latter.
TRAIL_WIDTH = 0.2
# `difficulty` weakens areas less than lines because areas are recognized by their extent.
DIFFICULTY_LOSS_DB = 1.0
# Distance between the centers of white areas relative to their mean width (SD), so that they merge.
WHITE_PITCH = 1.7
MIN_AREA_MM = 5.0
KEPT_AREAS = 0.85

measure = measure_severity
region = sector_region


def labels(truth: SeverityTruth) -> dict[str, Any]:
    """Manifest columns of a video: realized `severity`, visible `b_lines` and `segments`."""
    seen = int(truth.b_line_frames.any())
    return {"severity": truth.score, "b_lines": seen, "segments": truth.segments}


def _count(acquisition: Acquisition, name: str, limits: dict[str, tuple[int, int]]) -> int:
    low, high = limits[acquisition.plan.drawn]
    return max(0, int(acquisition.rng(f"severity.{name}").integers(low, high + 1)))


def _areas(
    acquisition: Acquisition,
    motion: Motion,
    name: str,
    position_mm: np.ndarray,
    width_mm: np.ndarray,
) -> VerticalArtifacts:
    """Draws wide traps that remain in the image plane; where they are dense, the lung is white."""
    count = len(position_mm)
    area = draw_many(WhiteAreaParameters, acquisition.plan.key, count)
    return VerticalArtifacts(
        kind=("b_line",) * count,
        position_mm=position_mm,
        width_mm=width_mm,
        gain_db=area["gain_db"] - DIFFICULTY_LOSS_DB * acquisition.plan.difficulty,
        slope_db_cm=area["slope_db_cm"],
        reach_mm=np.full(count, np.inf),
        visibility=flicker(acquisition, motion, f"severity.{name}", count),
    )


def _white_lung(acquisition: Acquisition, motion: Motion) -> VerticalArtifacts:
    """Draws adjacent white areas over the whole lung that can come into view."""
    low, high = span_mm(acquisition, motion)
    most = int((high - low) / (WHITE_PITCH * MIN_AREA_MM)) + 2
    area = draw_many(WhiteAreaParameters, acquisition.plan.key, most)
    pitch = WHITE_PITCH * area["width_mm"]
    position = low + np.cumsum(pitch) - pitch / 2
    # Some areas are omitted to leave reflecting lung, but never two adjacent ones.
    kept = acquisition.rng("severity.kept").random(most) < KEPT_AREAS
    kept[1:] |= ~kept[:-1]
    seen = (position < high + pitch / 2) & kept
    return _areas(acquisition, motion, "white", position[seen], area["width_mm"][seen])


def _blobs(acquisition: Acquisition, motion: Motion) -> Consolidation:
    """Draws small consolidations; the first is in view when the lung is at its mean position."""
    count = _count(acquisition, "blobs", BLOBS)
    blob = draw_many(BlobParameters, acquisition.plan.key, count)
    low, high = span_mm(acquisition, motion)
    position = low + (high - low) * blob["place"]
    if count:
        clear = clear_places(acquisition)
        choice = acquisition.rng("severity.first_blob").random()
        position[0] = clear[int(choice * clear.size)] - np.median(motion.lung_mm)
    rng = acquisition.rng("severity.echo")
    echo_db, border_db = rng.uniform(-34, -24), rng.uniform(-10, -3)
    half_width = blob["half_width_mm"]
    return Consolidation(position, half_width, blob["depth_mm"], echo_db, border_db)


def _defects(
    acquisition: Acquisition, traps: VerticalArtifacts, blobs: Consolidation
) -> PleuralDefects:
    """Indents the pleural line at traps and breaks it above consolidations."""
    narrow, broken = len(traps.position_mm), len(blobs.position_mm)
    each = draw_many(DefectParameters, acquisition.plan.key, narrow)
    indented = PleuralDefects(traps.position_mm, each["width_mm"], each["dent_mm"], each["loss_db"])
    rng = acquisition.rng("severity.break")
    loss, dent = rng.uniform(9, 15, MAX_BLOBS)[:broken], np.full(broken, 0.0)
    return indented.joined(PleuralDefects(blobs.position_mm, 0.6 * blobs.half_width_mm, dent, loss))


def draw_pathology(acquisition: Acquisition, motion: Motion) -> Pathology:
    """Draws the lung of a video.

    Traps, consolidations and pleura depend on the drawn score; Z-lines are always drawn.
    """
    drawn = acquisition.plan.drawn
    low, high = A_LINE_DB[drawn]
    narrow = narrow_traps(acquisition, motion, _count(acquisition, "traps", TRAPS))
    blobs = _blobs(acquisition, motion)
    width = TRAIL_WIDTH * blobs.half_width_mm
    # The trail below a consolidation is a trap like any other, so that it is measured.
    artifacts = narrow.joined(_areas(acquisition, motion, "trail", blobs.position_mm, width))
    if drawn == "score_3":
        artifacts = artifacts.joined(_white_lung(acquisition, motion))
    return Pathology(
        artifacts=artifacts.joined(z_lines(acquisition, motion)),
        a_line_db=low + (high - low) * acquisition.video.a_line_rank,
        defects=_defects(acquisition, narrow, blobs),
        consolidation=blobs if len(blobs.position_mm) else None,
    )
