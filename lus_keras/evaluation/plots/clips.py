"""Clips and the data they come from: frames with attention or maps, counts of classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from lus_keras.core.style import BLUE, GRAY, GREEN, line_style, new_figure
from lus_keras.evaluation.metrics import minmax

# Frames beneath the curve of Figure 1; pictures in a row of a grid.
SHOWN, COLUMNS = 7, 4
PERCENTILE = 99.5


def attention_curve(
    attention: ArrayLike, truth: ArrayLike, frames: NDArray[np.uint8], title: str
) -> Figure:
    """Figure 1: attention (min-max, blue) and truth (green) over the frames, some shown beneath.

    Weights as they are (gray) have an axis of their own from 0, so that even ones look flat. The
    frames shown spread evenly over the clip's attention, from its lowest to its highest weight.

    Args:
        attention: `(t,)` floats.
        truth: `(t,)` integers 1 or 0.
        frames: `(t, h, w)` uint8.

    Returns:
        The figure; frames are numbered from 1.
    """
    raw, truth = np.asarray(attention, np.float64), np.asarray(truth)
    weights, even = minmax(raw[None])[0], 1 / len(raw)
    numbers = np.arange(1, len(weights) + 1)
    ranks = np.linspace(0, len(weights) - 1, min(SHOWN, len(weights))).round().astype(int)
    shown = np.sort(np.argsort(weights, kind="stable")[ranks])
    figure = new_figure(9, 4.9)
    grid = figure.add_gridspec(2, len(shown), height_ratios=(1.7, 1))
    axes = figure.add_subplot(grid[0, :])
    axes.step(numbers, truth, where="mid", color=GREEN, lw=2.2, label="annotated B-line frame")
    axes.plot(numbers, weights, color=BLUE, lw=2, marker="o", ms=3.5, label="attention, min-max")
    axes.plot(numbers[shown], weights[shown], "o", ms=9, mfc="none", mec=BLUE)
    beside = axes.twinx()
    told = f"weight, {raw.min():.3g} to {raw.max():.3g} (uniform: {even:.3g})"
    beside.plot(numbers, raw, color=GRAY, lw=1.2, ls="--", label=told)
    beside.set_ylim(0, 1.06 * max(raw.max(), 2 * even))
    beside.set_ylabel("weight", color=GRAY)
    axes.set(
        xlabel="frame",
        ylabel="attention (0 … 1)",
        ylim=(-0.06, 1.06),
        xlim=(0.5, len(weights) + 0.5),
    )
    axes.set_title(title, fontsize=11, pad=24)
    lines = [*axes.get_legend_handles_labels()[0], *beside.get_legend_handles_labels()[0]]
    legend = axes.legend(handles=lines, loc="lower center", ncols=3, frameon=False, fontsize=9)
    legend.set_bbox_to_anchor((0.5, 1.0), transform=axes.transAxes)
    for position, frame in enumerate(shown):
        picture = figure.add_subplot(grid[1, position])
        show_picture(picture, frames[frame])
        picture.spines[:].set(color=GREEN if truth[frame] == 1 else GRAY, linewidth=3)
        picture.set_title(f"frame {frame + 1}", fontsize=9)
        picture.set_xlabel(f"{weights[frame]:.2f} ({raw[frame]:.3g})", fontsize=9, color=BLUE)
    return figure


def class_bars(
    ours: Mapping[str, Mapping[str, float]],
    published: Mapping[str, Mapping[str, float]],
    classes: Sequence[str],
) -> Figure:
    """Bars of the classes of several data sets (name → class → count), beside published ones."""
    figure = new_figure(max(1.3 * len(ours), 4), 3.6)
    axes = figure.subplots()
    width = 0.8 / (2 * len(classes))
    for number, name in enumerate(classes):
        places = np.arange(len(ours)) + 2 * number * width - 0.4
        color = line_style(number)["color"]
        heights = [counts.get(name, 0) for counts in ours.values()]
        printed = [counts.get(name, 0) for counts in published.values()]
        solid = axes.bar(places, heights, width, align="edge", color=color, label=name)
        outlined = axes.bar(
            places + width, printed, width, align="edge", fill=False, edgecolor=color,
            label=f"{name}, published",
        )  # fmt: skip
        for bars in (solid, outlined):
            axes.bar_label(bars, fmt="%.0f", fontsize=7, rotation=90, padding=3)
    axes.margins(y=0.15)
    axes.set_xticks(range(len(ours)), list(ours), fontsize=8)
    axes.set_ylabel("tiles")
    axes.legend(frameon=False, fontsize=8)
    return figure


def contrasted(values: ArrayLike) -> NDArray[np.float32]:
    """A clip's map as shares of its 99.5th percentile, at most 1; 0 where all of it is 0.

    A few pixels outshine the rest of a map of gradients, above all of SmoothGrad.

    Args:
        values: Floats ≥ 0.
    """
    known = np.asarray(values, np.float32)
    top = float(np.percentile(known, PERCENTILE)) or float(known.max())
    return np.clip(known / top, 0, 1) if top > 0 else np.zeros_like(known)


def map_sheet(frames: ArrayLike, maps: Mapping[str, ArrayLike], shown: Sequence[int]) -> Figure:
    """Frames of a clip over time, and beneath them its maps, a row each.

    Each map is drawn as shares of its own 99.5th percentile.
    """
    figure = new_figure(max(1.1 * len(shown), 3) + 0.8, 0.2 + 1.2 * (1 + len(maps)))
    panels = figure.subplots(1 + len(maps), len(shown), squeeze=False)
    rows: list[tuple[str, Any, str, float]] = [("input", np.asarray(frames), "gray", 255)]
    rows += [(name, contrasted(values), "inferno", 1) for name, values in maps.items()]
    for line, (label, values, colors, top) in zip(panels, rows, strict=True):
        for axes, frame in zip(line, shown, strict=True):
            show_picture(axes, values[frame], cmap=colors, vmax=top, interpolation="nearest")
            if label == "input":
                axes.set_title(f"frame {frame}", fontsize=8)
        line[0].set_ylabel(label.replace(" ", "\n"), fontsize=9)
    bar = figure.colorbar(panels[-1][-1].images[0], ax=panels[1:].ravel().tolist(), fraction=0.05)
    bar.set_label(f"share of the {PERCENTILE:g}th percentile", fontsize=7)
    bar.ax.tick_params(labelsize=7)
    return figure


def show_picture(axes: Axes, pixels: ArrayLike, **options: Any) -> None:
    """Shows a picture without ticks, 0 black and 255 white unless `options` of `imshow` differ."""
    axes.imshow(pixels, **{"cmap": "gray", "vmin": 0, "vmax": 255, **options})
    axes.set(xticks=[], yticks=[])


@dataclass(frozen=True)
class Picture:
    """One picture of a grid, `(h, w)` uint8, or `(h, w, 3)` RGB."""

    pixels: NDArray[np.uint8]
    title: str
    caption: str


def picture_grid(pictures: Sequence[Picture], columns: int = COLUMNS) -> Figure:
    """Draws pictures row by row, each with words above and, small, beneath."""
    rows = -(-len(pictures) // columns)
    figure = new_figure(2.3 * columns, 2.8 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, picture in zip(panels, pictures, strict=False):
        show_picture(axes, picture.pixels)
        axes.set_title(picture.title, fontsize=8)
        axes.set_xlabel(picture.caption, fontsize=6)
    for axes in panels[len(pictures) :]:
        axes.set_axis_off()
    return figure
