"""Simulated cohorts as files, which are processed like real videos.

    out_dir/manifest.csv   videos/<video_id>.avi|.mp4   truth/<video_id>.csv   cohort.json

File names, containers and sizes do not reveal the label. The manifest is written last.
"""

import dataclasses
import functools
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from lus_keras.core.files import sha256_of, write_csv, write_file
from lus_keras.core.signals import end_with_parent
from lus_keras.data.manifest import Video, write_manifest
from lus_keras.data.video import write_video
from lus_keras.simulation.cohort import VideoPlan, plan_cohort
from lus_keras.simulation.parameters import SIM_VERSION, random_stream
from lus_keras.simulation.pleura import SlidingTruth
from lus_keras.simulation.truth import Truth
from lus_keras.simulation.video import simulate_video

# MPEG-4 rather than H.264: every build of FFmpeg has it.
CONTAINERS = ((".avi", "mjpeg"), (".mp4", "mpeg4"))


def container_of(plan: VideoPlan) -> tuple[str, str]:
    """Suffix and codec of a video, chosen at random, independent of its class."""
    return CONTAINERS[int(random_stream(plan.key, "container").integers(len(CONTAINERS)))]


def write_truth(truth: Truth | SlidingTruth, path: str | os.PathLike[str]) -> None:
    """Writes a truth as CSV, one row per frame."""
    write_csv(path, truth.columns, truth.rows(), line_end="\n")


def write_simulated_video(plan: VideoPlan, out_dir: Path, **options: Any) -> Video:
    """Renders a video and writes it with its truth; returns its manifest row with path and hash."""
    simulated = simulate_video(plan, **options)
    suffix, codec = container_of(plan)
    path = out_dir / "videos" / f"{plan.video_id}{suffix}"
    write_video(path, simulated.frames, plan.fps, codec)
    write_truth(simulated.truth, out_dir / "truth" / f"{plan.video_id}.csv")
    return dataclasses.replace(simulated.video, video=str(path), sha256=sha256_of(path))


def _write_all(
    plans: Sequence[VideoPlan], write: Callable[[VideoPlan], Video], workers: int
) -> list[Video]:
    if workers <= 1:
        return [write(plan) for plan in plans]
    # Spawned, not forked: the caller may already hold TensorFlow's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
        return list(pool.map(write, plans, chunksize=4))


def write_cohort(
    task: str,
    out_dir: str | os.PathLike[str],
    *,
    height: int | None = None,
    width: int | None = None,
    crop: str = "screen",
    workers: int = 1,
    **cohort: Any,
) -> Path:
    """Plans, renders and writes a cohort as video files in mixed containers.

    Args:
        task: Name of a task, such as `bline`.
        out_dir: Folder to create.
        height: Rows of the frames; the scanner's if not given.
        width: Columns of the frames; the scanner's if not given.
        crop: `screen` or `sector`, see `simulate_video`.
        workers: Number of processes; the files do not depend on it.
        **cohort: Options of `plan_cohort`.

    Returns:
        Path of the manifest.

    Raises:
        ConfigError: A name is unknown or a number is out of range.
    """
    plans = plan_cohort(task, **cohort)
    folder = Path(out_dir).absolute()
    write = functools.partial(
        write_simulated_video, out_dir=folder, height=height, width=width, crop=crop
    )
    rows = _write_all(plans, write, workers)
    size: dict[str, Any] = {"height": height, "width": width, "crop": crop}
    defaults = {"lengths_by_class": False, "lung_point_share": 0.0}
    sliding = {name: cohort.get(name, default) for name, default in defaults.items()}
    if any(sliding.values()):
        size |= sliding
    if plans[0].spread != 1:
        size["spread"] = plans[0].spread
    _write_description(plans, folder / "cohort.json", size)
    manifest = folder / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest


def _write_description(plans: Sequence[VideoPlan], path: Path, size: dict[str, Any]) -> None:
    """Writes what a cohort was made with, enough to make it again; null is the paper's mixture."""
    first = plans[0]

    def common(name: str) -> object:
        values = {getattr(plan, name) for plan in plans}
        return values.pop() if len(values) == 1 else None

    description = {
        "sim_version": SIM_VERSION,
        "task": first.task,
        "patients": len({plan.patient_id for plan in plans}),
        "videos": len(plans),
        "seed": first.seed,
        "difficulty": first.difficulty,
        "duration_s": common("duration_s"),
        "fps": common("fps"),
        "probe": first.probe,
        **size,
    }
    write_file(path, json.dumps(description, indent=2) + "\n")
