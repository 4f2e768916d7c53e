"""Truth that is measured: what of the drawn causes can be seen on the display.

Contrast is measured on one fixed grid, so it does not depend on the size of the image: every scene
here is on `TRUTH_BEAMS` by `TRUTH_ROWS`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import cv2
import numpy as np

from lus_keras.data.manifest import Segments
from lus_keras.simulation.anatomy import haze_db
from lus_keras.simulation.artefacts import ERASURE
from lus_keras.simulation.display import noise_level
from lus_keras.simulation.scene import Scene
from lus_keras.simulation.texture import from_db

TRUTH_BEAMS, TRUTH_ROWS = 96, 128
# Depths, as shares of the lung's, at which an artifact must stand out: it reaches the bottom.
DEPTHS = (0.45, 0.6, 0.75, 0.9)
# Each is read at some rows around it; their median ignores an A-line that crosses there.
BAND = (-0.06, -0.04, -0.02, 0.0, 0.02, 0.04, 0.06)
SMOOTH_BEAMS = 7
MIN_CONTRAST_DB = 3.0
MIN_DURATION_S = 0.1
# Lines pushed beyond this share of the half width cannot be read.
MAX_PLACE = 0.97


@dataclass(frozen=True)
class Truth:
    """What can be seen in a video, frame by frame.

    Attributes:
        b_line_frames: `(t,)` bool, at least one B-line is visible.
        n_b_lines: `(t,)` int64, number of visible B-lines.
        contrast_db: `(k, t)` float64 ≥ 0, display contrast of each vertical artifact, the least
            of four depths; 0 where it is outside the sector, behind a rib or out of plane.
        beam_position: `(k, t)` float64, lateral position, -1 left … 1 right edge of the sector;
            NaN where the artifact is outside.
        kind: k names, `b_line` or `z_line`: what was drawn, for audit.
    """

    b_line_frames: np.ndarray
    n_b_lines: np.ndarray
    contrast_db: np.ndarray
    beam_position: np.ndarray
    kind: tuple[str, ...]
    fps: float

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what `rows` gives."""
        names = ("frame", "time_s", "b_line", "n_b_lines", "contrast_db", "beam_position")
        return (*names, *self.extra_columns)

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Values of `columns`, one row a frame; contrast and position of the strongest artifact."""
        drawn = len(self.kind) > 0
        for t, positive in enumerate(self.b_line_frames):
            strongest = int(self.contrast_db[:, t].argmax()) if drawn else 0
            contrast = float(self.contrast_db[strongest, t]) if drawn else 0.0
            position = float(self.beam_position[strongest, t]) if contrast > 0 else np.nan
            shown = "" if np.isnan(position) else f"{position:.3f}"
            time_s, count = f"{t / self.fps:.6f}", int(self.n_b_lines[t])
            further = (f"{column[t]:.4f}" for column in self.extra_columns.values())
            yield t, time_s, int(positive), count, f"{contrast:.2f}", shown, *further

    @property
    def segments(self) -> Segments:
        """Intervals with B-lines in seconds; see `segments_from_frames`."""
        return segments_from_frames(self.b_line_frames, self.fps)

    @property
    def extra_columns(self) -> dict[str, np.ndarray]:
        """Further `(t,)` measures of a task, for the table of the truth; none of B-lines."""
        return {f.name: getattr(self, f.name) for f in fields(self)[len(fields(Truth)) :]}


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Runs of true values: pairs (first frame, frame after the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def without_short_runs(mask: np.ndarray, min_frames: int) -> np.ndarray:
    """Clears runs of true values shorter than `min_frames`; `(t,)` bool in and out."""
    kept = mask.copy()
    for first, end in runs(mask):
        kept[first:end] = end - first >= min_frames
    return kept


def segments_from_frames(mask: np.ndarray, fps: float) -> Segments:
    """Writes a frame mask as intervals of time.

    Frame i has time i / fps and belongs to an interval when start ≤ i / fps < end. Both ends are
    set half a frame early, to (first - 0.5) / fps and (end - 0.5) / fps, so that rounding of the
    numbers can never move a frame across; the start is clipped at 0.

    Args:
        mask: `(t,)` bool.

    Returns:
        Intervals (start, end) in seconds, in order; empty when no frame is true.
    """
    times = [(max(0.0, (a - 0.5) / fps), (b - 0.5) / fps) for a, b in runs(mask)]
    return tuple((round(start, 6), round(end, 6)) for start, end in times)


@dataclass(frozen=True)
class MeanRows:
    """Mean powers at the rows where contrast is read; `(r, beams)`, `(r, 1)` or `(k, r)`."""

    wall: np.ndarray
    reverberation: np.ndarray
    haze: np.ndarray
    noise: np.ndarray
    gain: np.ndarray
    decay: np.ndarray


def read_rows(scene: Scene) -> MeanRows:
    """Averages a scene's maps about the rows where an artifact must stand out."""
    acquisition = scene.acquisition
    lung_depth = acquisition.depth_mm - acquisition.pleura_mm
    depth = acquisition.pleura_mm + np.add.outer(DEPTHS, BAND).ravel() * lung_depth
    rows = np.clip(np.rint(depth / acquisition.row_mm), 0, acquisition.rows - 1).astype(int)
    # Averaging over a few beams leaves the mean power that speckle fluctuates about.
    size = (SMOOTH_BEAMS, 1)
    return MeanRows(
        wall=cv2.blur(scene.wall[rows], size),
        reverberation=cv2.blur(scene.reverberation[rows], size),
        haze=from_db(haze_db(acquisition, depth))[:, None],
        noise=noise_level(acquisition)[rows],
        gain=scene.gain[rows],
        decay=scene.artefacts.decay(depth - acquisition.pleura_mm),
    )


def along_beams(scene: Scene, maps: np.ndarray, place_mm: np.ndarray) -> np.ndarray:
    """Reads `(r, beams)` maps at `(k, t)` places, giving `(r, k, t)`."""
    lateral = scene.acquisition.lateral_mm
    flat = [np.interp(place_mm.ravel(), lateral, row) for row in maps]
    return np.stack(flat).reshape(len(maps), *place_mm.shape)


def contact_at(scene: Scene, place_mm: np.ndarray) -> np.ndarray:
    """Reads the contact gain at `(k, t)` places on the probe, dB."""
    lateral = scene.acquisition.lateral_mm
    at = [
        np.interp(place, lateral, bands)
        for place, bands in zip(place_mm.T, scene.contact, strict=True)
    ]
    return np.stack(at, axis=1)


def persisted(level: np.ndarray, persistence: float) -> np.ndarray:
    """Applies the display's recursive average along the last axis."""
    out = level.copy()
    for t in range(1, level.shape[-1]):
        out[..., t] = persistence * out[..., t - 1] + (1 - persistence) * level[..., t]
    return out


def displayed_db(scene: Scene, power: np.ndarray, gain_db: np.ndarray) -> np.ndarray:
    """`(…, t)` dB above black at which the display shows mean powers, persistence included."""
    patient = scene.acquisition.patient
    shown_db = np.clip(10 * np.log10(power) + gain_db, 0, patient.dynamic_range_db)
    return persisted(shown_db, patient.persistence)


def least_contrast_db(
    scene: Scene, shown: np.ndarray, hidden: np.ndarray, gain_db: np.ndarray
) -> np.ndarray:
    """`(k, t)` dB of an image with artifacts to that without, the least at `(r, k, t)` depths."""
    contrast = displayed_db(scene, shown, gain_db)
    contrast -= displayed_db(scene, hidden, gain_db)
    by_depth = np.median(contrast.reshape(len(DEPTHS), len(BAND), *shown.shape[1:]), axis=1)
    return by_depth.min(0)


def measure_contrast(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Contrast (dB as displayed) and position of each vertical artifact, `(k, t)`, see `Truth`."""
    artefacts, motion = scene.artefacts, scene.motion
    rows = read_rows(scene)
    place = artefacts.position_mm[:, None] + motion.lung_mm[None]
    passes = along_beams(scene, scene.window[None], place)
    reverberation = along_beams(scene, rows.reverberation, place)
    erased = reverberation / (1 + ERASURE * artefacts.visibility * artefacts.is_trap[:, None])
    echo = rows.decay.T[:, :, None] * artefacts.visibility[None]
    rest = along_beams(scene, rows.wall, place) + rows.noise[:, :, None]
    haze = rows.haze[:, :, None]
    on_probe = place + motion.wall_mm[None]
    gain = along_beams(scene, rows.gain, on_probe) + contact_at(scene, on_probe)

    visible_db = least_contrast_db(
        scene, rest + passes * (haze + erased + echo), rest + passes * (haze + reverberation), gain
    )
    shown = on_probe / scene.acquisition.half_width_mm
    inside = np.abs(shown) <= MAX_PLACE
    visible = np.where(inside, np.maximum(visible_db, 0), 0.0)
    return visible, np.where(inside, shown, np.nan)


def measure_b_lines(scene: Scene) -> Truth:
    """Measures which frames show B-lines.

    A frame is positive when a vertical artifact stands out by `MIN_CONTRAST_DB` down to the
    bottom, in a run of at least `MIN_DURATION_S`. Z-lines are measured alike: they end too early.
    """
    fps = scene.acquisition.plan.fps
    contrast, position = measure_contrast(scene)
    min_frames = max(1, round(MIN_DURATION_S * fps))
    visible = np.asarray(contrast >= MIN_CONTRAST_DB)
    frames = without_short_runs(np.any(visible, axis=0), min_frames)
    return Truth(
        b_line_frames=frames,
        n_b_lines=np.where(frames, visible.sum(0), 0),
        contrast_db=contrast,
        beam_position=position,
        kind=scene.artefacts.kind,
        fps=fps,
    )
