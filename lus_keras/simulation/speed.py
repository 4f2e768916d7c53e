"""How fast the simulator renders."""

from __future__ import annotations

import time

from lus_keras.simulation.cohort import plan_cohort
from lus_keras.simulation.video import simulate_video


def measure_speed(
    task: str = "bline",
    *,
    height: int = 480,
    width: int = 640,
    crop: str = "screen",
    videos: int = 6,
    seed: int = 0,
) -> float:
    """Measures frames per second of CPU time on one core, set-up and truth included.

    Args:
        crop: `screen` or `sector`.
        videos: Number of videos to render, each of another patient.

    Returns:
        Frames per second.
    """
    plans = plan_cohort(task, patients=videos, videos=videos, seed=seed)
    simulate_video(plans[0], height=height, width=width, crop=crop)
    start = time.process_time()
    frames = sum(
        len(simulate_video(plan, height=height, width=width, crop=crop).frames) for plan in plans
    )
    return frames / (time.process_time() - start)
