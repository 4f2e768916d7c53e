"""Figures of studies: quality against cost, and quality along a scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from lus_keras.core.style import GRAY, key_beneath, line_style, new_figure, plain_ticks

# x, value, low and high end of its interval.
Point = tuple[float, float, float, float]


def quality_against_cost(points: Mapping[str, Point], across: str, up: str) -> Figure:
    """A metric with its interval against what a network costs, on a logarithmic axis.

    Args:
        points: Label → cost, metric and its interval.
        across: Name of the cost.
        up: Name of the metric.
    """
    figure = new_figure(6.8, 3.8)
    axes = figure.subplots()
    for number, (label, (cost, value, low, high)) in enumerate(points.items()):
        color = line_style(number)["color"]
        axes.plot((cost, cost), (low, high), color=color, lw=1.2)
        axes.plot(cost, value, "os^Dv"[number // 7 % 5], color=color, ms=7, label=label)
    axes.set(xscale="log", xlabel=across, ylabel=f"{up}, 95 % CI over patients")
    costs = [point[0] for point in points.values()]
    plain_ticks(axes.xaxis, min(costs), max(costs))
    key_beneath(figure, axes)
    return figure


def curves(
    panels: Mapping[str, Mapping[str, Sequence[Point]]],
    up: str,
    *,
    marked: float | None = None,
    log: bool = False,
    ticks: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """A metric with its interval along a scale, one panel a scale, one line a network.

    Args:
        panels: Name of the scale → label → points in order.
        up: Name of the metric.
        marked: Place on the scales to mark by a vertical line, such as a paper's sample size.
        log: Whether the scales are logarithmic.
        ticks: Name of the scale → what to write at 0, 1, 2 and so on.
    """
    columns = min(len(panels), 4)
    lines = -(-len(panels) // columns)
    figure = new_figure(max(3.0 * columns, 6.5), 0.8 + 2.6 * lines)
    axes = figure.subplots(lines, columns, squeeze=False, sharey=True)
    for place in axes.flat[len(panels) :]:
        place.set_axis_off()
    for place, (name, networks) in zip(axes.flat, panels.items(), strict=False):
        for number, (label, points) in enumerate(networks.items()):
            x, values, low, high = zip(*points, strict=True)
            style = line_style(number)
            place.plot(x, values, marker="o", ms=4, label=label, **style)
            place.fill_between(x, low, high, color=style["color"], alpha=0.15, lw=0)
        if marked is not None:
            place.axvline(marked, color=GRAY, lw=1, ls=":")
        if log:
            place.set_xscale("log")
            scale = [point[0] for points in networks.values() for point in points]
            plain_ticks(place.xaxis, min(scale), max(scale))
        if ticks:
            place.set_xticks(range(len(ticks[name])), ticks[name])
        place.set_xlabel(name)
    for line in axes:
        line[0].set_ylabel(up)
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure
