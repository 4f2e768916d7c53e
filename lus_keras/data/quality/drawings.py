"""Figures of data: contact sheet of a video, similar videos, distributions of a data set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lus_keras.core.errors import VideoError
from lus_keras.core.labels import CLASSES
from lus_keras.core.sandbox import run_isolated
from lus_keras.core.style import BLUE, GRAY, GREEN
from lus_keras.data.fields import format_field
from lus_keras.data.manifest import Video
from lus_keras.data.quality.check import Report
from lus_keras.data.quality.stats import Statistics
from lus_keras.data.quality.targets import Item
from lus_keras.data.video import Inspection, iter_frames
from lus_keras.data.video.inspect import VISIBLE, inspect_to_json, inspection_from_json

COLUMNS = 6


def contact_sheet(path: Path, video: Video | None = None, *, pictures: int = 12) -> Figure:
    """Frames spread evenly over a video, above a timeline of its frames and annotations.

    Args:
        path: Video file, or folder of numbered images.
        video: Manifest row, whose labels and segments are drawn, or None.
        pictures: Number of frames to show.

    Returns:
        The figure; it contains frames of the file and is subject to its license.

    Raises:
        VideoError: The file cannot be decoded.
    """
    fps = video.fps if video else None
    seen = _inspected(path, fps)
    shown = np.linspace(0, seen.frames - 1, min(pictures, seen.frames)).round().astype(int)
    times_s, frames = _frames_at(path, set(shown.tolist()), fps)
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(figsize=(1.9 * COLUMNS, 1.9 * rows + 1.9), layout="constrained")
    grid = figure.add_gridspec(rows + 1, COLUMNS, height_ratios=[*[1.0] * rows, 0.6])
    for place, number in enumerate(shown):
        axes = figure.add_subplot(grid[divmod(place, COLUMNS)])
        axes.imshow(frames[number])
        axes.set_title(f"frame {number}, {times_s[number]:.2f} s", fontsize=7)
        _border(axes, GREEN if _annotated(video, times_s[number]) else GRAY)
    _time_line(figure.add_subplot(grid[rows, :]), seen, times_s, shown, video)
    figure.suptitle(_title(path, seen, video), fontsize=9)
    return figure


def pairs_figure(report: Report, *, most: int = 12) -> Figure | None:
    """Pairs of similar videos side by side, to decide visually whether one is a copy.

    Args:
        report: Report of a check.
        most: Largest number of pairs to show.

    Returns:
        The figure with one pair per row; None if no two videos look alike.

    Raises:
        VideoError: A file has changed since the check and can no longer be decoded.
    """
    by_name = {checked.item.name: checked.item for checked in report.videos}
    pairs = [
        (checked.item, by_name[problem.other])
        for checked in report.videos
        for problem in checked.problems
        if problem.other
    ]
    if not pairs:
        return None
    figure = Figure(figsize=(6, 2.6 * len(pairs[:most]) + 0.6), layout="constrained")
    rows = figure.subplots(len(pairs[:most]), 2, squeeze=False)
    for row, pair in zip(rows, pairs, strict=False):
        for axes, item in zip(row, pair, strict=True):
            axes.imshow(_first_visible(item), cmap="gray", vmin=0, vmax=255)
            patient = f"\npatient {item.video.patient_id}" if item.video else ""
            axes.set_title(f"{item.name}{patient}", fontsize=8)
            _border(axes, GRAY)
    figure.suptitle(f"{len(pairs)} pairs are similar, {len(rows)} are shown", fontsize=9)
    return figure


def _first_visible(item: Item) -> np.ndarray:
    """The frame used for the fingerprint: the first that is not dark, else the first."""
    first: np.ndarray | None = None
    for _, pixels in iter_frames(item.path, picture_fps=item.video.fps if item.video else None):
        first = pixels if first is None else first
        if int(pixels.max()) - int(pixels.min()) >= VISIBLE:
            return pixels
    assert first is not None
    return first


def statistics_figure(statistics: Statistics) -> Figure:
    """Durations, frame rates, frame sizes and labels of a data set, one panel each."""
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    panels = figure.subplots(2, 2)
    _histogram(panels[0, 0], statistics.durations_s, "duration, s")
    _histogram(panels[0, 1], statistics.fps, "frames per second")
    sizes = panels[1, 0]
    if len(statistics.sizes):
        points, counts = np.unique(statistics.sizes, axis=0, return_counts=True)
        sizes.scatter(*points.T, s=15 + 4 * counts, color=BLUE, alpha=0.5)
    sizes.set(xlabel="width, pixels", ylabel="height, pixels")
    bars = [
        (f"{label}: {value}", count)
        for label, counts in statistics.label_counts.items()
        for value, count in counts.items()
    ]
    labels = panels[1, 1]
    labels.barh([name for name, _ in bars], [count for _, count in bars], color=BLUE)
    labels.invert_yaxis()
    labels.set_xlabel("videos")
    labels.xaxis.set_major_locator(MaxNLocator(integer=True))
    figure.suptitle(statistics.title)
    return figure


def _inspected(path: Path, fps: float | None) -> Inspection:
    (outcome,) = run_isolated(inspect_to_json, [json.dumps({"path": str(path), "fps": fps})])
    if isinstance(outcome, str):
        ours = outcome.startswith(f"{path}: ")
        raise VideoError(outcome if ours else f"{path}: {outcome} Re-encode the file.")
    return inspection_from_json(outcome)


def _frames_at(
    path: Path, numbers: set[int], fps: float | None
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Times of all frames in s, and pixels `(h, w, 3)` RGB uint8 of some frames by index."""
    times_s, frames = [], {}
    for number, (time_s, pixels) in enumerate(iter_frames(path, grayscale=False, picture_fps=fps)):
        times_s.append(time_s)
        if number in numbers:
            frames[number] = pixels
    return np.array(times_s), frames


def _annotated(video: Video | None, time_s: float) -> bool:
    segments = video.segments if video and video.segments else ()
    return any(start <= time_s < end for start, end in segments)


def _title(path: Path, seen: Inspection, video: Video | None) -> str:
    parts = [
        path.name,
        f"{seen.width}×{seen.height}, {seen.frames} frames in {seen.duration_s:.2f} s "
        f"({seen.fps:.4g} fps), {seen.container}/{seen.codec}",
    ]
    if video:
        known = {name: getattr(video, name) for name in CLASSES}
        labels = [
            f"{name} {format_field(name, value)}"
            for name, value in known.items()
            if value is not None
        ]
        parts.append(", ".join([f"patient {video.patient_id}", *labels]))
    return "\n".join(parts)


def _time_line(
    axes: Axes, seen: Inspection, times_s: np.ndarray, shown: np.ndarray, video: Video | None
) -> None:
    axes.eventplot(times_s, lineoffsets=0.3, linelengths=0.4, colors=GRAY, linewidths=0.5)
    axes.plot(times_s[shown], np.full(len(shown), 0.3), "v", ms=4, color=BLUE)
    names = ["frames"]
    if video and video.segments is not None:
        spans = [(start, end - start) for start, end in video.segments]
        axes.broken_barh(spans, (0.8, 0.4), facecolors=GREEN)
        names.append("B-lines" if spans else "B-lines: none")
    axes.set_yticks([0.3, 1.0][: len(names)], names, fontsize=8)
    axes.set(xlim=(0, seen.duration_s), ylim=(0, 1.4 if len(names) > 1 else 0.7))
    axes.set_xlabel("time, s", fontsize=8)
    axes.tick_params(labelsize=8)


def _histogram(axes: Axes, values: np.ndarray, label: str) -> None:
    # Rates that differ only by rounding errors are one rate.
    values = values.round(3)
    alike = len(np.unique(values)) == 1
    bins = [values[0] - 0.5, values[0] + 0.5] if alike else min(30, max(5, len(values) // 4))
    axes.hist(values, bins=bins, color=BLUE, alpha=0.8)
    axes.set(xlabel=label, ylabel="videos")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _border(axes: Any, color: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=color, linewidth=2)
