"""The frame loop: composes echo power, compresses it to gray levels and converts to images."""

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np

from lus_keras.data.manifest import Box
from lus_keras.simulation import display, tasks
from lus_keras.simulation.effusion import REVERBERATION_SHARE
from lus_keras.simulation.geometry import scan_map
from lus_keras.simulation.lung_point import LungPoint
from lus_keras.simulation.scene import Scene

FINE_GRID, COARSE_GRID = (192, 256), (96, 128)
# Shortest image side for which the fine grid is worthwhile.
FINE_SIDE = 200
# Below this side, bilinear look-up would skip beams: images are rendered larger, then averaged.
MIN_RENDER_SIDE = 128
DB_PER_NEPER = 10 / np.log(10)
GRAIN_MARGIN = 32


@contextmanager
def single_thread() -> Iterator[None]:
    """Runs OpenCV on one thread, because cohorts are rendered in parallel by video."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


def grid_for(height: int, width: int) -> tuple[int, int]:
    """Numbers of beams and rows required for an image size in pixels."""
    return FINE_GRID if min(height, width) >= FINE_SIDE else COARSE_GRID


def render_size(height: int, width: int) -> tuple[int, int]:
    """Height and width to render at: an integer multiple with a short side of at least 128."""
    factor = -(-MIN_RENDER_SIDE // min(height, width))
    return height * factor, width * factor


def columns(maps: np.ndarray, first: float, count: int) -> np.ndarray:
    """Cuts `count` columns from a fractional position by linear interpolation."""
    low = int(first)
    weight = first - low
    left, right = maps[:, low : low + count], maps[:, low + 1 : low + 1 + count]
    return cv2.addWeighted(left, 1 - weight, right, weight, 0)


class BeamSpace:
    """Composes the frames of a scene in beam space."""

    def __init__(self, scene: Scene):
        acquisition, motion, artifacts = scene.acquisition, scene.motion, scene.artifacts
        self.scene = scene
        self.beams, self.rows = acquisition.beams, acquisition.rows
        self.lateral = artifacts.lateral(
            acquisition.lateral_mm, motion.lung_mm, acquisition.lateral_psf_mm
        )
        self.erasure = artifacts.erasure(self.lateral)
        below = acquisition.row_depth_mm[:, 0] - acquisition.pleura_mm
        self.decay = np.ascontiguousarray(artifacts.decay(below).T, np.float32)
        self.levels_per_db = 255 / acquisition.patient.dynamic_range_db
        rng = acquisition.rng("noise.order")
        self.noise_frame = rng.integers(0, len(scene.noise), motion.lung_mm.size)
        self.noise_column = rng.integers(0, self.beams, motion.lung_mm.size)
        self.previous: np.ndarray | None = None

    def _lung(self, t: int) -> np.ndarray:
        """Echo power of the lung, with effusion if any, `(rows, beams)` float32."""
        scene, first = self.scene, self.scene.lung_column[t]
        if scene.lung_point is not None:
            return self._beside(scene.lung_point, t)
        if scene.effusion is None:
            return columns(scene.lung, first, self.beams)
        wave, grain = (
            columns(maps, first, self.beams) for maps in (scene.effusion.wave, scene.effusion.grain)
        )
        return scene.effusion.power(scene.motion.breathing[t], wave, grain)

    def _beside(self, lung_point: LungPoint, t: int) -> np.ndarray:
        """Echo power of sliding lung and motionless air beside it, `(rows, beams)` float32."""
        scene = self.scene
        share = lung_point.lung_share(scene.acquisition.lateral_mm, t)
        resting = columns(scene.lung, float(scene.column_at(lung_point.rest_mm)), self.beams)
        sliding = columns(scene.lung, scene.lung_column[t], self.beams)
        return resting + share * (sliding - resting)

    def _wall(self, t: int) -> np.ndarray:
        """Echo power of the chest wall and of clutter, `(rows, beams)` float32."""
        scene = self.scene
        if scene.effusion is None:
            return scene.wall
        return scene.wall * scene.effusion.clutter_left(scene.motion.breathing[t])

    def _artifacts(self, t: int) -> list[np.ndarray]:
        """Echo powers of A-lines and of vertical artifacts, each `(rows, beams)` float32."""
        scene, first = self.scene, self.scene.lung_column[t]
        echoes = [scene.reverberation * self.erasure[t]]
        if scene.effusion is not None:
            echoes[0] *= np.float32(REVERBERATION_SHARE)
        if self.lateral.shape[1]:
            traps = self.decay @ self.lateral[t]
            traps *= columns(scene.trap_speckle, first, self.beams)
            if scene.lung_point is not None:
                traps *= scene.lung_point.lung_share(scene.acquisition.lateral_mm, t)
            echoes.append(traps)
        if scene.solid is not None:
            aerated = 1 - columns(scene.solid, first, self.beams)
            for echo in echoes:
                echo *= aerated
        return echoes

    def power(self, t: int) -> np.ndarray:
        """Echo power of frame t before probe motion, `(rows, beams)` float32."""
        out = self._lung(t)
        for echo in self._artifacts(t):
            out += echo
        out *= self.scene.window
        out += self._wall(t)
        return out

    def moved(self, power: np.ndarray, t: int) -> np.ndarray:
        """Shifts and stretches a frame according to the motion of probe and chest wall."""
        motion = self.scene.motion
        shift = motion.wall_mm[t] / self.scene.acquisition.beam_mm
        affine = np.array([[1, 0, shift], [0, motion.stretch[t], 0]], np.float32)
        size = (self.beams, self.rows)
        return cv2.warpAffine(power, affine, size, borderMode=cv2.BORDER_REFLECT_101)

    def display_level(self, t: int) -> np.ndarray:
        """Display level of frame t, `(rows, beams)` uint8; to be called in ascending order of t."""
        scene = self.scene
        power = self.moved(self.power(t), t)
        column = self.noise_column[t]
        power += scene.noise[self.noise_frame[t], :, column : column + self.beams]
        level = cv2.scaleAdd(cv2.log(power), DB_PER_NEPER, scene.gain)
        level += scene.contact[t]
        persistence = scene.acquisition.patient.persistence
        if self.previous is not None:
            level = cv2.addWeighted(level, 1 - persistence, self.previous, persistence, 0)
        self.previous = level
        # The conversion to 8 bits saturates and thus clips at black and white.
        return cv2.addWeighted(level, self.levels_per_db, level, 0, 0, dtype=cv2.CV_8U)


class Grain:
    """Capture noise of a few gray levels, cut from a bank at random positions."""

    def __init__(self, scene: Scene, height: int, width: int):
        acquisition = scene.acquisition
        rng = acquisition.rng("display.grain")
        shape = (2, height + GRAIN_MARGIN, width + GRAIN_MARGIN)
        noise = rng.standard_normal(shape, dtype=np.float32) * acquisition.video.grain_levels
        self.size = height, width
        self.bank = np.clip(np.rint(noise), 0, 8).astype(np.uint8)
        self.corner = rng.integers(0, GRAIN_MARGIN, (scene.motion.lung_mm.size, 2))

    def add(self, image: np.ndarray, t: int) -> None:
        """Adds and subtracts the grain of frame t in place; the image is `(h, w)` uint8."""
        (y, x), (h, w) = self.corner[t], self.size
        cv2.add(image, self.bank[0, y : y + h, x : x + w], dst=image)
        cv2.subtract(image, self.bank[1, x : x + h, y : y + w], dst=image)


def render_frames(scene: Scene, height: int, width: int, crop: str) -> tuple[np.ndarray, Box]:
    """Frames `(t, h, w)` uint8 of a scene, and the region of interest `(x, y, w, h)` in pixels.

    Args:
        scene: Scene on the grid of `grid_for(height, width)`.
        crop: As in `scan_map`.
    """
    inner = render_size(height, width)
    scan = scan_map(scene.acquisition, *inner, crop)
    beam_space = BeamSpace(scene)
    gray = display.gray_map(scene.acquisition)
    detailed = inner == (height, width) and min(inner) >= FINE_SIDE
    grain = Grain(scene, *inner) if detailed else None
    text = display.overlay(scene.acquisition, *inner) if crop == "screen" else None
    frames = np.empty((scene.motion.lung_mm.size, height, width), np.uint8)
    for t in range(len(frames)):
        image = scan.apply(cv2.LUT(beam_space.display_level(t), gray))
        if text is not None:
            cv2.max(image, text, dst=image)
        if grain is not None:
            grain.add(image, t)
        if inner != (height, width):
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        frames[t] = image
    region = tasks.get(scene.acquisition.plan.task).region(scene.acquisition, scan)
    left, top, box_width, box_height = (v * height // inner[0] for v in region)
    return frames, (left, top, box_width, box_height)
