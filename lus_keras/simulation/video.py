"""One simulated video: frames, frame-level truth and manifest row."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lus_keras.core.errors import ConfigError
from lus_keras.data.manifest import Box, Video
from lus_keras.simulation import tasks
from lus_keras.simulation.cohort import VideoPlan, plan_cohort
from lus_keras.simulation.parameters import SIM_VERSION
from lus_keras.simulation.render import grid_for, render_frames, single_thread
from lus_keras.simulation.scene import build_scene
from lus_keras.simulation.truth import TRUTH_BEAMS, TRUTH_ROWS

MIN_SIDE, MAX_SIDE = 16, 4096
# Distance of the random streams of redrawn videos: more than a patient has videos.
REDRAW_STEP = 10_000


@dataclass(frozen=True)
class SimulatedVideo:
    """A rendered video with its truth.

    Attributes:
        frames: `(t, h, w)` uint8 gray levels.
        truth: Visible findings in each frame; the type depends on the task.
        roi: Region of interest `(x, y, w, h)` in pixels: the sector, or the pleura.
    """

    plan: VideoPlan
    frames: np.ndarray
    truth: Any
    roi: Box

    @property
    def video(self) -> Video:
        """Manifest row of the video; the labels are those measured."""
        return manifest_row(self.plan, self.truth, self.roi)


def manifest_row(plan: VideoPlan, truth: Any, roi: Box | None = None) -> Video:
    """Builds the manifest row of a planned and measured video; its path is empty."""
    return Video(
        video="",
        patient_id=plan.patient_id,
        video_id=plan.video_id,
        exam_id=plan.exam_id,
        zone=plan.zone,
        roi=roi,
        fps=plan.fps,
        source=f"simulated, version {SIM_VERSION}",
        **tasks.get(plan.task).labels(truth),
    )


def measure_truth(plan: VideoPlan) -> Any:
    """The truth of a planned video without rendering; the same at any size of its frames."""
    with single_thread():
        return _measured(realized(plan))


def _measured(plan: VideoPlan) -> Any:
    return tasks.get(plan.task).measure(build_scene(plan, TRUTH_BEAMS, TRUTH_ROWS))


def realized(plan: VideoPlan) -> VideoPlan:
    """Redraws a planned video, at most `plan.redraws` times, until it shows the class drawn.

    Returns:
        The plan of the successful draw, without redraws; of the first draw if none succeeds.
    """
    labels = tasks.get(plan.task).labels
    draws = [
        replace(plan, index=plan.index + REDRAW_STEP * number, redraws=0)
        for number in range(plan.redraws + 1)
    ]
    if not plan.redraws:
        return plan
    shown = (draw for draw in draws if plan.drawn in labels(_measured(draw)).values())
    return next(shown, draws[0])


def simulate_video(
    plan: VideoPlan, *, height: int | None = None, width: int | None = None, crop: str = "screen"
) -> SimulatedVideo:
    """Renders a planned video; equal arguments give equal pixels.

    Args:
        plan: Plan of the video.
        height: Rows of the frames, 16 … 4096; the plan's if not given.
        width: Columns of the frames, 16 … 4096; the plan's if not given.
        crop: `screen` renders the whole display with its annotations; with `sector` the bounding
            box of the scan sector fills the frame.

    Raises:
        ConfigError: A size or `crop` is out of range.
    """
    height, width = height or plan.height, width or plan.width
    if min(height, width) < MIN_SIDE or max(height, width) > MAX_SIDE:
        raise ConfigError(
            f"`height` and `width` must be between {MIN_SIDE} and {MAX_SIDE}. "
            f"Received: height={height}, width={width}."
        )
    grid = grid_for(height, width)
    with single_thread():
        plan = realized(plan)
        scene = build_scene(plan, *grid)
        frames, roi = render_frames(scene, height, width, crop)
        if grid != (TRUTH_BEAMS, TRUTH_ROWS):
            scene = build_scene(plan, TRUTH_BEAMS, TRUTH_ROWS)
        truth = tasks.get(plan.task).measure(scene)
    return SimulatedVideo(plan, frames, truth, roi)


def simulate_cohort(plans: Iterable[VideoPlan], **options: Any) -> Iterator[SimulatedVideo]:
    """Renders videos one by one, so that a cohort need not fit into memory.

    Args:
        plans: Plans of the videos.
        **options: Options of `simulate_video`.
    """
    for plan in plans:
        yield simulate_video(plan, **options)


def measure_speed(
    *, height: int = 480, width: int = 640, crop: str = "screen", videos: int = 6, seed: int = 0
) -> float:
    """Rendered frames per second of CPU time on one core, including set-up and truth.

    Each of the `videos` is of another patient of the B-line cohort.
    """
    plans = plan_cohort("bline", patients=videos, videos=videos, seed=seed)
    simulate_video(plans[0], height=height, width=width, crop=crop)
    start = time.process_time()
    cohort = simulate_cohort(plans, height=height, width=width, crop=crop)
    frames = sum(len(video.frames) for video in cohort)
    return frames / (time.process_time() - start)
