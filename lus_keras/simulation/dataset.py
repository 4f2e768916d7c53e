"""The simulated cohort: the default data set, rendered on demand, with exact frame-level truth."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lus_keras.core.config import (
    ClipConfig,
    CohortConfig,
    SimulatedDescription,
    describe_dataset,
)
from lus_keras.data import datasets
from lus_keras.data.cache import FrameSpec
from lus_keras.data.manifest import Video
from lus_keras.data.video import resample_indices
from lus_keras.simulation import SIM_VERSION, VideoPlan, plan_cohort, simulate_video
from lus_keras.simulation.masks import finding_masks

NAME = datasets.SIMULATED
NOTES = (
    f"SIMULATED videos (simulator version {SIM_VERSION}): they test whether a method works in "
    "principle and say nothing about patients.",
)
SAID = describe_dataset(NAME, SimulatedDescription)
LICENSE = SAID.license


@dataclass(frozen=True)
class SimulatedSource:
    """A planned video as a `FrameSource` for the cache."""

    plan: VideoPlan

    @property
    def video_id(self) -> str:
        """Id of the video."""
        return self.plan.video_id

    def identity(self) -> list[Any]:
        """Version of the simulator and the plan: everything the pixels depend on."""
        plan = asdict(self.plan)
        # Defaults are omitted as before these fields existed, so that stored frames stay valid.
        for name, usual in {"redraws": 0, "spread": 1.0}.items():
            if plan[name] == usual:
                del plan[name]
        return [SIM_VERSION, plan]

    def frame_count(self, fps: float | None) -> int:
        """Number of frames at a frame rate in frames per second; None keeps the video's own."""
        return len(self._indices(fps))

    def render(self, spec: FrameSpec) -> tuple[np.ndarray, Video]:
        """Renders frames `(t, h, w, c)` uint8, and the manifest row with its measured labels."""
        height, width = spec.size
        crop = "sector" if spec.crop == "sector" else "screen"
        simulated = simulate_video(self.plan, height=height, width=width, crop=crop)
        frames = simulated.frames
        if spec.crop == "roi":
            x, y, w, h = simulated.roi
            frames = frames[:, y : y + h, x : x + w]
        frames = frames[self._indices(spec.fps), ..., None]
        return np.repeat(frames, spec.channels, axis=-1), simulated.video

    def masks(self, first: int, count: int, clip: ClipConfig) -> dict[str, np.ndarray]:
        """Masks of visible findings in the stored frames, see `finding_masks`.

        Args:
            first: First frame, at the frame rate of the clips.
            count: Number of frames.
            clip: How videos are scaled and cropped; with crop `roi`, masks cover the whole frame.

        Returns:
            Masks `(count, h, w)` bool by name of the finding.
        """
        frames = self._indices(clip.fps)[first : first + count]
        crop = "sector" if clip.crop == "sector" else "screen"
        return finding_masks(self.plan, frames, clip.size, crop)

    def _indices(self, fps: float | None) -> np.ndarray:
        """Indices of the rendered frames that represent the video at a frame rate, `(t,)` int64."""
        count, own = self.plan.frames, self.plan.fps
        if fps is None:
            return np.arange(count)
        return resample_indices(np.arange(count) / own, fps, duration_s=count / own)


def sources(plans: Iterable[VideoPlan]) -> list[SimulatedSource]:
    """Planned videos as frame sources for the cache."""
    return [SimulatedSource(plan) for plan in plans]


def plan(task: str, cohort: CohortConfig, seed: int) -> list[VideoPlan]:
    """Plans the cohort of a paper; nothing is rendered.

    Args:
        task: Name of the paper, which is the simulator's task.

    Raises:
        ConfigError: A setting of the cohort is out of range.
    """
    return plan_cohort(task, seed=seed, **cohort.model_dump())
