"""Whole commands as typed by a user: elapsed time, and memory of all their processes."""

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
from lus_keras.benchmark.timing import FAILED, SKIPPED, Line, Target, judge
from lus_keras.benchmark.worker import Failed
from lus_keras.core.environment import cores
from lus_keras.core.files import sha256_of
from lus_keras.data.manifest import read_manifest, write_manifest
from lus_keras.simulation.export import write_cohort

POLL_S = 0.1
TAIL = 1500
MOST_GB = 3.0
MINUTES = {"smoke": 3.0, "quick": 15.0}
# Only one hour in ten is rendered; the others are copies, which are decoded nevertheless.
COPIES, VIDEO_S = 10, 60.0


@dataclass(frozen=True)
class EndToEnd:
    """A completed command: its duration in s, and the peak resident size of all its processes."""

    seconds: float
    peak_bytes: int


def run_command(arguments: list[str], folder: Path) -> EndToEnd:
    """Runs `lus-keras` with its own cache.

    Args:
        arguments: Arguments of `lus-keras`.
        folder: Folder for the cache.

    Returns:
        Time and memory. Shared memory is counted in each process.

    Raises:
        Failed: The exit code is not 0.
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
    return EndToEnd(time.perf_counter() - start, watch.peak_bytes)


class _Watch(threading.Thread):
    """Repeatedly sums the resident sizes of a process and its children."""

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
            pass  # one of the processes has just ended
        return total


def memory(settings: Settings) -> list[Line]:
    """Preparation and one epoch of training on hours of 640×480 video files."""
    hours = settings.scale.memory_h
    title = f"peak memory, {hours:g} h of 640×480 files prepared and trained on"
    line = Line("memory", title, "GB", target=Target(below=MOST_GB))

    def measured() -> Line:
        manifest, frames = _cohort_of_hours(settings.folder / "memory", hours)
        options = ["--fold", "0", "--model", "c2d_lstm_a", "--out", str(manifest.parent / "run")]
        # One clip per four seconds, so that the load is the videos, not the training.
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
    """Writes video files and their manifest; returns its path and the number of frames."""
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
    """Bytes ignored by players, appended so that copies differ as files."""
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


def _guarded(line: Line, measured: Any) -> Line:
    """The measured line, or the line with the reason why it was not measured."""
    try:
        return measured()
    except Failed as error:
        return replace(line, status=FAILED, note=str(error))
    except ModuleNotFoundError as error:
        return replace(line, status=SKIPPED, note=f"{error.name} is not installed")
