"""Pictures of the severity paper as matplotlib objects: no pyplot, no global state."""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lus_keras.core.style import BLUE, GRAY, ORANGE, PALETTE, new_figure
from lus_keras.evaluation.run_record import MaskedFrame

RED = "#c0392b"
MOST_BINS, PATIENT_BINS = 200, 40
# Masks that differ by less than this over all frames shown are drawn as the flat masks they are.
LEAST_SPAN = 0.05
Points = Sequence[tuple[float, float]]


def histograms(panels: Mapping[str, Mapping[str, Mapping[int, int]]]) -> Figure:
    """Stacked histograms of lengths, a panel a data set.

    Args:
        panels: Title → class → frames → videos.
    """
    figure = new_figure(9, 2.9 * len(panels))
    for axes, (title, classes) in zip(_column(figure, len(panels)), panels.items(), strict=True):
        _histogram(axes, classes, MOST_BINS)
        axes.set(title=title, xlabel="length of the video (frames)", ylabel="videos")
        # A place of its own: looking for the best one among so many bars is slow.
        axes.legend(loc="upper left", frameon=False, fontsize=8, ncols=len(classes))
    return figure


def patient_histograms(patients: Mapping[str, Mapping[int, int]], columns: int = 4) -> Figure:
    """Histograms of lengths, a panel a patient.

    Args:
        patients: Patient → frames → videos.

    Returns:
        The figure; all panels have the same axes.
    """
    rows = -(-len(patients) // columns)
    figure = new_figure(10, 1.7 * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    span = [frames for counts in patients.values() for frames in counts]
    for axes, (patient, counts) in zip(grid, patients.items(), strict=False):
        _histogram(axes, {patient: counts}, PATIENT_BINS, (min(span), max(span)))
        axes.set_title(f"{patient}: {sum(counts.values())} videos", fontsize=8)
    for axes in grid[len(patients) :]:
        axes.set_axis_off()
    figure.supxlabel("length of the video (frames)", fontsize=9)
    figure.supylabel("videos", fontsize=9)
    return figure


def _histogram(
    axes: Any,
    classes: Mapping[str, Mapping[int, int]],
    most: int,
    span: tuple[int, int] | None = None,
) -> None:
    lengths = {frames for counts in classes.values() for frames in counts}
    low, high = span or (min(lengths, default=0), max(lengths, default=1))
    # Whole numbers of frames a bin, or one bin holds more lengths than its neighbor.
    width = -(-(high - low + 1) // most)
    bins = np.arange(low - 0.5, high + width, width)
    values = [list(counts) for counts in classes.values()]
    weights = [list(counts.values()) for counts in classes.values()]
    colors = PALETTE[: len(classes)]
    axes.hist(values, bins, weights=weights, stacked=True, color=colors, label=list(classes))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def bars(panels: Mapping[str, Mapping[str, int]], xlabel: str, ylabel: str) -> Figure:
    """Bars with their counts on top, a panel a data set.

    Args:
        panels: Title → name → count.
    """
    figure = new_figure(9, 2.6 * len(panels))
    for axes, (title, counts) in zip(_column(figure, len(panels)), panels.items(), strict=True):
        drawn = axes.bar(range(len(counts)), list(counts.values()), color=BLUE)
        many = len(counts) > 15
        axes.bar_label(drawn, fontsize=7 if many else 9)
        axes.set_xticks(range(len(counts)), list(counts), rotation=90 if many else 0, fontsize=8)
        axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(y=0.15)
    return figure


def epoch_curve(
    ours: Mapping[str, Points], published: Points, ylabel: str, guides: Mapping[str, float]
) -> Figure:
    """One quantity by epoch: ours as lines, the paper's as points.

    Args:
        ours: Label → (epoch, value).
        published: (epoch, value) as far as they are known.
        guides: Label → value of a horizontal line.
    """
    figure = new_figure(7, 4.2)
    axes = figure.subplots()
    for (label, points), color in zip(ours.items(), PALETTE, strict=False):
        axes.plot(*zip(*points, strict=True), color=color, marker="o", ms=3, label=label)
    if published:
        epochs, values = zip(*published, strict=True)
        axes.plot(epochs, values, "s", color=ORANGE, ms=4, label="published")
    for (label, value), line in zip(guides.items(), (":", "--"), strict=False):
        axes.axhline(value, color=GRAY, lw=1, ls=line, label=label)
    axes.set(xlabel="epoch", ylabel=ylabel)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8)
    return figure


def masked_frames(rows: Mapping[str, Sequence[MaskedFrame]]) -> Figure:
    """Frames with their masks, stretched bilinearly to the frame, laid over them.

    Args:
        rows: Label of a network → its frames.

    Returns:
        The figure, two lines of pictures a network; colors span the network's own range.
    """
    columns = 4
    lines = [(label, shown) for label, shown in rows.items() if shown]
    heights = [-(-len(shown) // columns) for _, shown in lines]
    figure = new_figure(11, sum(2.9 * n + 0.5 for n in heights))
    parts = figure.subfigures(len(lines), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (label, shown), height in zip(parts, lines, heights, strict=True):
        low = min(float(frame.mask.min()) for frame in shown)
        high = max(float(frame.mask.max()) for frame in shown)
        part.suptitle(f"{label}: mask {low:.3g} … {high:.3g}", fontsize=10)
        axes = part.subplots(height, columns, squeeze=False).ravel()
        for place in axes:
            place.set_axis_off()
        for place, frame in zip(axes, shown, strict=False):
            size = frame.pixels.shape[::-1]
            mask = cv2.resize(frame.mask, size, interpolation=cv2.INTER_LINEAR)
            place.imshow(frame.pixels, cmap="gray", vmin=0, vmax=255)
            span = {"vmin": low, "vmax": max(high, low + LEAST_SPAN)}
            drawn = place.imshow(mask, cmap="viridis", alpha=0.4, **span)
            place.set_title(f"{frame.clip_id} / {frame.frame}", fontsize=8)
        part.colorbar(drawn, ax=list(axes), fraction=0.03, aspect=30)
    return figure


def gradient_panels(logs: Mapping[str, pd.DataFrame], own_columns: int, band: str) -> Figure:
    """Median norms by epoch on a logarithmic axis, a panel a training.

    Args:
        logs: Title → rows of gradients.csv.
        band: Layer whose range over the steps is drawn too.
    """
    lines = -(-len(logs) // 3)
    figure = new_figure(12, 2.6 * lines + 0.8)
    grid = figure.subplots(lines, 3, squeeze=False, sharey=True).ravel()
    for axes in grid[len(logs) :]:
        axes.set_axis_off()
    named = list(next(iter(logs.values())).columns[own_columns:])
    for axes, (title, log) in zip(grid, logs.items(), strict=False):
        layers = list(log.columns[own_columns:])
        if layers != named:
            text = f"{len(layers)} other layers,\nfrom dark (first) to light (last)"
            axes.text(0.02, 0.03, text, transform=axes.transAxes, fontsize=7)
        finite = log.replace([np.inf, -np.inf], np.nan)
        by_epoch = finite.groupby("epoch")[layers]
        medians = by_epoch.median()
        colors = [figure_color(place, len(layers)) for place in range(len(layers))]
        for layer, color in zip(layers, colors, strict=True):
            axes.plot(medians.index, medians[layer], color=color, lw=1.5, marker=".", label=layer)
        spread = (by_epoch.min()[band], by_epoch.max()[band])
        axes.fill_between(medians.index, *spread, color=colors[0], alpha=0.15)
        odd = log.loc[~np.isfinite(log.to_numpy(float)).all(axis=1), "epoch"]
        if len(odd):
            axes.axvline(float(odd.iloc[0]), color=RED, lw=1.5)
        axes.set_yscale("log")
        axes.set_title(title, fontsize=10)
        axes.set(xlabel="epoch", ylabel="norm of the gradient")
        axes.set_xlim(0.5, log["epoch"].max() + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=6, frameon=False, fontsize=8)
    return figure


def figure_color(place: int, count: int) -> tuple[float, float, float, float]:
    """Color of a layer by its depth, from dark (first) to light (last).

    Returns:
        Red, green, blue and opacity in 0 … 1.
    """
    from matplotlib import colormaps

    return colormaps["viridis"](0.9 * place / max(count - 1, 1))


def _column(figure: Figure, count: int) -> np.ndarray:
    return figure.subplots(count, 1, squeeze=False)[:, 0]
