"""Measured truth: the drawn causes that are visible on the display.

Contrast is measured on one fixed grid, independent of the image size: all scenes in this module are
on `TRUTH_BEAMS` by `TRUTH_ROWS`.
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
# Depths, as shares of the lung depth, at which an artifact that reaches the bottom must stand out.
DEPTHS = (0.45, 0.6, 0.75, 0.9)
# Each depth is read at several rows around it; their median ignores a crossing A-line.
BAND = (-0.06, -0.04, -0.02, 0.0, 0.02, 0.04, 0.06)
SMOOTH_BEAMS = 7
MIN_CONTRAST_DB = 3.0
MIN_DURATION_S = 0.1
# Lines beyond this share of the half width cannot be assessed.
MAX_PLACE = 0.97


@dataclass(frozen=True)
class Truth:
    """Visible findings in a video, frame by frame.

    Attributes:
        b_line_frames: `(t,)` bool, at least one B-line is visible.
        n_b_lines: `(t,)` int64, number of visible B-lines.
        contrast_db: `(k, t)` float64 ≥ 0, display contrast of each vertical artifact, the minimum
            over four depths; 0 where it is outside the sector, behind a rib or out of plane.
        beam_position: `(k, t)` float64, lateral position from -1 (left edge of the sector) to 1
            (right edge); NaN where the artifact is outside.
        kind: k names, `b_line` or `z_line`: the drawn cause, for verification.
        fps: Frames per second.
    """

    b_line_frames: np.ndarray
    n_b_lines: np.ndarray
    contrast_db: np.ndarray
    beam_position: np.ndarray
    kind: tuple[str, ...]
    fps: float

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the values in `rows`."""
        names = ("frame", "time_s", "b_line", "n_b_lines", "contrast_db", "beam_position")
        return (*names, *self.extra_columns)

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Values of `columns`, one row per frame, with those of the strongest artifact."""
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
        """Further `(t,)` measures of a task for the table of the truth; none for B-lines."""
        return {f.name: getattr(self, f.name) for f in fields(self)[len(fields(Truth)) :]}


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """Runs of true values in a `(t,)` mask: pairs (first frame, frame after the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def without_short_runs(mask: np.ndarray, min_frames: int) -> np.ndarray:
    """Copy of a mask `(t,)` bool without runs of true values shorter than `min_frames`."""
    kept = mask.copy()
    for first, end in runs(mask):
        kept[first:end] = end - first >= min_frames
    return kept


def segments_from_frames(mask: np.ndarray, fps: float) -> Segments:
    """Converts a frame mask to time intervals.

    Frame i has time i / fps and belongs to an interval if start ≤ i / fps < end. Both ends are set
    half a frame earlier, to (first - 0.5) / fps and (end - 0.5) / fps, so that rounding cannot move
    a frame across a boundary; the start is clipped at 0.

    Args:
        mask: `(t,)` bool.
        fps: Frames per second.

    Returns:
        Intervals (start, end) in seconds in ascending order; empty if no frame is true.
    """
    times = [(max(0.0, (a - 0.5) / fps), (b - 0.5) / fps) for a, b in runs(mask)]
    return tuple((round(start, 6), round(end, 6)) for start, end in times)


@dataclass(frozen=True)
class MeanRows:
    """Mean powers at the rows where contrast is measured; `(r, beams)`, `(r, 1)` or `(k, r)`."""

    wall: np.ndarray
    reverberation: np.ndarray
    haze: np.ndarray
    noise: np.ndarray
    gain: np.ndarray
    decay: np.ndarray


def read_rows(scene: Scene) -> MeanRows:
    """Mean powers of the maps of a scene at the rows where an artifact must stand out."""
    acquisition = scene.acquisition
    lung_depth = acquisition.depth_mm - acquisition.pleura_mm
    depth = acquisition.pleura_mm + np.add.outer(DEPTHS, BAND).ravel() * lung_depth
    rows = np.clip(np.rint(depth / acquisition.row_mm), 0, acquisition.rows - 1).astype(int)
    # Averaging over a few beams removes speckle and leaves the mean power.
    size = (SMOOTH_BEAMS, 1)
    return MeanRows(
        wall=cv2.blur(scene.wall[rows], size),
        reverberation=cv2.blur(scene.reverberation[rows], size),
        haze=from_db(haze_db(acquisition, depth))[:, None],
        noise=noise_level(acquisition)[rows],
        gain=scene.gain[rows],
        decay=scene.artifacts.decay(depth - acquisition.pleura_mm),
    )


def along_beams(scene: Scene, maps: np.ndarray, place_mm: np.ndarray) -> np.ndarray:
    """Values `(r, k, t)` of `(r, beams)` maps, interpolated at `(k, t)` positions in mm."""
    lateral = scene.acquisition.lateral_mm
    flat = [np.interp(place_mm.ravel(), lateral, row) for row in maps]
    return np.stack(flat).reshape(len(maps), *place_mm.shape)


def contact_at(scene: Scene, place_mm: np.ndarray) -> np.ndarray:
    """Contact gain in dB at `(k, t)` positions on the probe in mm."""
    lateral = scene.acquisition.lateral_mm
    at = [
        np.interp(place, lateral, bands)
        for place, bands in zip(place_mm.T, scene.contact, strict=True)
    ]
    return np.stack(at, axis=1)


def persisted(level: np.ndarray, persistence: float) -> np.ndarray:
    """Applies the recursive temporal average of the display along the last axis."""
    out = level.copy()
    for t in range(1, level.shape[-1]):
        out[..., t] = persistence * out[..., t - 1] + (1 - persistence) * level[..., t]
    return out


def displayed_db(scene: Scene, power: np.ndarray, gain_db: np.ndarray) -> np.ndarray:
    """Display level `(…, t)` of mean powers in dB above black, including persistence."""
    patient = scene.acquisition.patient
    shown_db = np.clip(10 * np.log10(power) + gain_db, 0, patient.dynamic_range_db)
    return persisted(shown_db, patient.persistence)


def least_contrast_db(
    scene: Scene, shown: np.ndarray, hidden: np.ndarray, gain_db: np.ndarray
) -> np.ndarray:
    """Contrast `(k, t)` in dB between images with and without artifacts, the minimum over depths.

    Args:
        shown: `(r, k, t)` power with artifacts.
        hidden: `(r, k, t)` power without artifacts.
        gain_db: `(r, k, t)` gain.
    """
    contrast = displayed_db(scene, shown, gain_db)
    contrast -= displayed_db(scene, hidden, gain_db)
    by_depth = np.median(contrast.reshape(len(DEPTHS), len(BAND), *shown.shape[1:]), axis=1)
    return by_depth.min(0)


def measure_contrast(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Display contrast in dB and position of each vertical artifact, both `(k, t)`, see `Truth`."""
    artifacts, motion = scene.artifacts, scene.motion
    rows = read_rows(scene)
    place = artifacts.position_mm[:, None] + motion.lung_mm[None]
    passes = along_beams(scene, scene.window[None], place)
    reverberation = along_beams(scene, rows.reverberation, place)
    erased = reverberation / (1 + ERASURE * artifacts.visibility * artifacts.is_trap[:, None])
    echo = rows.decay.T[:, :, None] * artifacts.visibility[None]
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

    A frame is positive if a vertical artifact stands out by `MIN_CONTRAST_DB` down to the bottom,
    in a run of at least `MIN_DURATION_S`. Z-lines are measured in the same way but end too early.
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
        kind=scene.artifacts.kind,
        fps=fps,
    )
