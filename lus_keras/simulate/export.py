"""Simulated cohorts as files, so that everything downstream meets them as it meets real videos.

    out_dir/manifest.csv   videos/<video_id>.avi|.mp4   truth/<video_id>.csv   cohort.json

File names, containers and sizes carry no label. The manifest is written last.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from lus_keras.files import atomic_write, sha256_of
from lus_keras.manifest import Video, write_manifest
from lus_keras.simulate.cohort import VideoPlan, plan_cohort
from lus_keras.simulate.parameters import SIM_VERSION, random_stream
from lus_keras.simulate.truth import Truth
from lus_keras.simulate.video import simulate_video
from lus_keras.video import write_video

# MPEG-4 rather than H.264: every build of FFmpeg has it.
CONTAINERS = ((".avi", "mjpeg"), (".mp4", "mpeg4"))
TRUTH_COLUMNS = ("frame", "time_s", "b_line", "n_b_lines", "contrast_db", "beam_position")


def container_of(plan: VideoPlan) -> tuple[str, str]:
    """Returns suffix and codec of a video, by chance and whatever is drawn in it."""
    return CONTAINERS[int(random_stream(plan.key, "container").integers(len(CONTAINERS)))]


def _truth_rows(truth: Truth) -> Iterator[dict[str, object]]:
    """Table of a truth, one row a frame; contrast and position are the strongest artefact's."""
    drawn = len(truth.kind) > 0
    for t, positive in enumerate(truth.b_line_frames):
        strongest = int(truth.contrast_db[:, t].argmax()) if drawn else 0
        contrast = float(truth.contrast_db[strongest, t]) if drawn else 0.0
        position = float(truth.beam_position[strongest, t]) if contrast > 0 else np.nan
        values = (
            t,
            f"{t / truth.fps:.6f}",
            int(positive),
            int(truth.n_b_lines[t]),
            f"{contrast:.2f}",
            "" if np.isnan(position) else f"{position:.3f}",
        )
        further = {name: f"{column[t]:.4f}" for name, column in truth.extra_columns.items()}
        yield dict(zip(TRUTH_COLUMNS, values, strict=True)) | further


def write_truth(truth: Truth, path: str | os.PathLike[str]) -> None:
    """Writes a truth as CSV, one row a frame.

    Args:
        truth: What is seen in a video.
        path: File to create or replace.
    """
    with atomic_write(path) as temporary_path, temporary_path.open("w", newline="") as stream:
        columns = (*TRUTH_COLUMNS, *truth.extra_columns)
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(_truth_rows(truth))


def write_simulated_video(
    plan: VideoPlan, out_dir: Path, height: int, width: int, crop: str
) -> Video:
    """Renders one video and writes it with its truth.

    Args:
        plan: The video.
        out_dir: Folder of the cohort, absolute.
        height: Rows of the frames.
        width: Columns of the frames.
        crop: `screen` or `sector`.

    Returns:
        Its manifest row, with path and hash.
    """
    simulated = simulate_video(plan, height=height, width=width, crop=crop)
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
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(pool.map(write, plans, chunksize=4))


def write_cohort(
    task: str,
    out_dir: str | os.PathLike[str],
    *,
    patients: int | None = None,
    videos: int | None = None,
    seed: int = 0,
    hard: float = 1.0,
    duration_s: float | None = None,
    fps: float | None = None,
    height: int = 480,
    width: int = 640,
    crop: str = "screen",
    workers: int = 1,
) -> Path:
    """Plans, renders and writes a cohort as video files in mixed containers.

    Args:
        task: Name of a task, such as `bline`.
        out_dir: Folder to create or add to.
        patients: Number of patients; the paper's when not given.
        videos: Number of videos; the paper's when not given.
        seed: Seed of the cohort.
        hard: Strength of lookalikes and weakness of findings.
        duration_s: Length of every video in seconds.
        fps: Frames per second.
        height: Rows of the frames.
        width: Columns of the frames.
        crop: `screen` or `sector`.
        workers: Processes to render with; the files do not depend on it.

    Returns:
        Path of the manifest.

    Raises:
        ConfigError: A name is unknown or a number is out of range.
        OSError: A file cannot be written.
    """
    plans = plan_cohort(
        task,
        patients=patients,
        videos=videos,
        seed=seed,
        hard=hard,
        duration_s=duration_s,
        fps=fps,
    )
    folder = Path(out_dir).absolute()
    write = functools.partial(
        write_simulated_video, out_dir=folder, height=height, width=width, crop=crop
    )
    rows = _write_all(plans, write, workers)
    _write_description(
        plans, folder / "cohort.json", {"height": height, "width": width, "crop": crop}
    )
    manifest = folder / "manifest.csv"
    write_manifest(rows, manifest)
    return manifest


def _write_description(plans: Sequence[VideoPlan], path: Path, size: dict[str, int | str]) -> None:
    """Writes what a cohort was made with, enough to make it again."""
    first = plans[0]
    description = {
        "sim_version": SIM_VERSION,
        "task": first.task,
        "patients": len({plan.patient_id for plan in plans}),
        "videos": len(plans),
        "seed": first.seed,
        "hard": first.hard,
        "duration_s": first.duration_s if len({p.duration_s for p in plans}) == 1 else None,
        "fps": first.fps,
        **size,
    }
    with atomic_write(path) as temporary_path:
        temporary_path.write_text(json.dumps(description, indent=2) + "\n")
