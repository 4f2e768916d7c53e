"""Whole commands as a user types them: their time, and the memory of all their processes."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lus_keras.benchmark.scale import FULL, Settings
from lus_keras.benchmark.timing import FAILED, SKIPPED, Line, Target, exponent, judge
from lus_keras.benchmark.worker import Failed
from lus_keras.core.environment import cores
from lus_keras.core.files import sha256_of
from lus_keras.data.manifest import read_manifest, write_manifest
from lus_keras.simulation.export import write_cohort

POLL_S = 0.1
TAIL = 1500
MOST_GB = 3.0
MINUTES = {"smoke": 3.0, "quick": 15.0}
# Only one hour in ten is rendered; the others are copies, which are decoded all the same.
COPIES, VIDEO_S = 10, 60.0
GROWTH = (1, 2, 4, 8, 16)
# A slope that is not linear in the number of videos would show as 2 or so.
MOST_EXPONENT, MOST_GROWTH = 1.1, 1.1


@dataclass(frozen=True)
class Whole:
    """A command that ran: its seconds, and the largest resident size of all its processes."""

    seconds: float
    peak_bytes: int


def run_command(arguments: list[str], folder: Path) -> Whole:
    """Runs `lus-keras` with a cache of its own.

    Args:
        arguments: What follows `lus-keras`.

    Returns:
        Time and memory. Memory that processes share is counted in each.

    Raises:
        Failed: It ended with another code than 0.
        ModuleNotFoundError: psutil is not installed.
    """
    import psutil

    environment = {**os.environ, "LUS_KERAS_CACHE": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "lus_keras.cli", *arguments]
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        watch = _Watch(psutil.Process(process.pid), psutil)
        watch.start()
        try:
            said, _ = process.communicate()
        finally:
            process.kill()
            watch.stop()
    if process.returncode != 0:
        raise Failed(f"{' '.join(arguments)} ended with code {process.returncode}. {said[-TAIL:]}")
    return Whole(time.perf_counter() - start, watch.peak_bytes)


class _Watch(threading.Thread):
    """Adds up the resident sizes of a process and its children, again and again."""

    def __init__(self, process: Any, psutil: Any):
        super().__init__(daemon=True)
        self.process, self.psutil, self.peak_bytes = process, psutil, 0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(POLL_S):
            self.peak_bytes = max(self.peak_bytes, self._now())

    def stop(self) -> None:
        self._ended.set()
        self.join()

    def _now(self) -> int:
        total = 0
        try:
            for process in (self.process, *self.process.children(recursive=True)):
                total += process.memory_info().rss
        except self.psutil.Error:
            pass  # one of them has just ended
        return total


def memory(settings: Settings) -> list[Line]:
    """Preparation and one epoch of training on hours of 640×480 video files."""
    hours = settings.scale.memory_h
    title = f"peak memory, {hours:g} h of 640×480 files prepared and trained on"
    line = Line("memory", title, "GB", target=Target(below=MOST_GB))

    def measured() -> Line:
        manifest, frames = _cohort_of_hours(settings.folder / "memory", hours)
        options = ["--fold", "0", "--model", "c2d_lstm_a", "--out", str(manifest.parent / "run")]
        # One clip of every four seconds: the videos are the load, not the training.
        for change in ("fit.epochs=1", "fit.augment=none", "clip.stride=120", "split.folds=2"):
            options += ["--set", change]
        found = run_command(
            ["reproduce", "bline/table1", "--data", str(manifest), *options],
            settings.folder / "cache",
        )
        value = found.peak_bytes / 1e9
        details: dict[str, object] = {"frames": frames, "seconds": found.seconds}
        status = judge(value, line.target, full_scale=hours >= FULL.memory_h)
        return replace(line, value=value, status=status, details=details, note="all processes")

    return [_guarded(line, measured)]


def _cohort_of_hours(folder: Path, hours: float) -> tuple[Path, int]:
    """Writes video files and their manifest; returns it and the number of frames."""
    videos = max(4, round(hours * 3600 / VIDEO_S / COPIES))
    seconds = min(VIDEO_S, hours * 3600 / videos / COPIES)
    copies = max(1, round(hours * 3600 / videos / seconds))
    seconds = max(seconds, 1.5)
    made = write_cohort(
        "bline",
        folder,
        patients=max(4, videos // 2),
        videos=videos,
        duration_s=seconds,
        fps=30.0,
        height=480,
        width=640,
        workers=cores(),
    )
    rows = read_manifest(made)
    everything = list(rows)
    for number in range(1, copies):
        for row in rows:
            source = Path(row.video)
            path = source.with_name(f"{source.stem}-{number}{source.suffix}")
            path.write_bytes(source.read_bytes() + _padding(source.suffix, number))
            everything.append(
                dataclasses.replace(
                    row,
                    video=str(path),
                    video_id=f"{row.video_id}-{number}",
                    patient_id=f"{row.patient_id}-{number}",
                    exam_id=f"{row.exam_id}-{number}" if row.exam_id else row.exam_id,
                    sha256=sha256_of(path),
                )
            )
    manifest = folder / "all.csv"
    write_manifest(everything, manifest)
    return manifest, round(len(everything) * seconds * 30)


def _padding(suffix: str, number: int) -> bytes:
    """A part that players skip, so that copies differ as files do."""
    value = number.to_bytes(4, "big")
    if suffix == ".avi":
        return b"JUNK" + (4).to_bytes(4, "little") + value
    return (12).to_bytes(4, "big") + b"free" + value


def table1(settings: Settings) -> list[Line]:
    """Table 1 of every paper, by preset."""
    lines = []
    for preset, minutes in MINUTES.items():
        title = f"reproduce table1 --preset {preset}"
        line = Line("table1", title, "min", target=Target(below=minutes))
        if preset not in settings.scale.table1:
            lines.append(replace(line, status=SKIPPED, note="only in a full run"))
            continue
        lines.append(_guarded(line, lambda p=preset, one=line: _table1(p, one, settings)))
    return lines


def _table1(preset: str, line: Line, settings: Settings) -> Line:
    out = str(settings.folder / f"table1-{preset}")
    found = run_command(
        ["reproduce", "table1", "--preset", preset, "--out", out], settings.folder / "cache-table1"
    )
    value, peak = found.seconds / 60, f"peak {found.peak_bytes / 1e9:.1f} GB"
    return replace(line, value=value, status=judge(value, line.target), note=peak)


def scaling(settings: Settings) -> list[Line]:
    """Time and memory of preparation and one epoch against the size of the cohort."""
    sizes = [settings.scale.growth * factor for factor in GROWTH]
    span = f"{sizes[0]} to {sizes[-1]} simulated videos, prepared and trained on for an epoch"
    time_line = Line(
        "scaling", f"growth of time, {span}: exponent", "", target=Target(below=MOST_EXPONENT)
    )
    memory_line = Line(
        "scaling", f"growth of memory, {span}", "×", target=Target(below=MOST_GROWTH)
    )
    found: list[Whole] = []

    def measured() -> Line:
        found.extend(_of_size(videos, settings) for videos in sizes)
        seconds = [whole.seconds for whole in found]
        value = exponent(sizes, seconds)
        each = (seconds[-1] - seconds[-2]) / (sizes[-1] - sizes[-2])
        details: dict[str, object] = {"videos": sizes, "seconds": seconds, "a_video_s": each}
        note = f"{each:.3g} s a video of four seconds"
        status = judge(value, time_line.target)
        return replace(time_line, value=value, status=status, note=note, details=details)

    time_line = _guarded(time_line, measured)
    if time_line.value is None:
        return [time_line, replace(memory_line, status=time_line.status, note=time_line.note)]
    peaks = [whole.peak_bytes / 1e9 for whole in found]
    value = peaks[-1] / peaks[0]
    note = f"peaks of {peaks[0]:.2f} to {peaks[-1]:.2f} GB"
    status = judge(value, memory_line.target)
    details = {"videos": sizes, "peaks_gb": peaks}
    return [
        time_line,
        replace(memory_line, value=value, status=status, note=note, details=details),
    ]


def _of_size(videos: int, settings: Settings) -> Whole:
    out = settings.folder / f"scaling-{videos}"
    cohort = (f"cohort.videos={videos}", f"cohort.patients={max(4, videos // 2)}")
    options = ["--fold", "0", "--model", "c2d_lstm_a", "--out", str(out)]
    changes = (*cohort, "cohort.duration_s=4.0")
    for change in (*changes, "fit.epochs=1", "fit.precision=float32", "split.folds=2"):
        options += ["--set", change]
    return run_command(
        ["reproduce", "bline/table1", "--preset", "quick", *options],
        settings.folder / f"cache-{videos}",
    )


def _guarded(line: Line, measured: Any) -> Line:
    """What was measured, or the line with the reason why it was not."""
    try:
        return measured()
    except Failed as error:
        return replace(line, status=FAILED, note=str(error))
    except ModuleNotFoundError as error:
        return replace(line, status=SKIPPED, note=f"{error.name} is not installed")
