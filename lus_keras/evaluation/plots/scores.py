"""What networks learned and scored: curves over epochs and thresholds, matrices, differences."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from lus_keras.core.style import (
    BLUE,
    GRAY,
    ORANGE,
    VERDICT_COLORS,
    key_beneath,
    line_style,
    new_figure,
)
from lus_keras.evaluation.metrics import (
    Scores,
    Statistic,
    confusion_matrix,
    estimate,
    mean_statistic,
    patient_bootstrap,
    pr_auc_statistic,
    roc_auc_statistic,
)

BINS = 10
# Characters in a line of words beside a plot, and in one above a panel.
WRAP, TITLE = 36, 26
# Panels side by side, at most; more go into further rows.
ACROSS = 5


def learning_curves(histories: Mapping[str, Mapping[int, pd.DataFrame]]) -> Figure:
    """Loss and accuracy by epoch: a thin line a fold, a thick one their mean.

    Args:
        histories: Label → fold → history with `epoch, loss, accuracy` and, if validated, `val_…`.
    """
    lines, across = _grid(len(histories))
    figure = new_figure(max(3.2 * across, 4.5), 4.8 * lines)
    places = figure.subplots(2 * lines, across, squeeze=False)
    # A pair of panels a network, one above the other.
    pairs = places.reshape(lines, 2, across).swapaxes(1, 2).reshape(-1, 2)
    for spare in pairs[len(histories) :].flat:
        spare.set_axis_off()
    for pair, (label, folds) in zip(pairs, histories.items(), strict=False):
        pair[0].set_title(textwrap.fill(label, TITLE))
        pair[0].sharex(pair[1])
        pair[0].tick_params(labelbottom=False)
        pair[1].set_xlabel("epoch")
        pair[1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        for place, first, quantity in zip(pair, pairs[0], ("loss", "accuracy"), strict=True):
            _curve(place, folds, quantity, "training", BLUE)
            _curve(place, folds, f"val_{quantity}", "validation", ORANGE)
            if place is not first:
                place.sharey(first)
    for row, line in enumerate(places):
        line[0].set_ylabel(("loss", "accuracy")[row % 2])
        for place in line[1:]:
            place.tick_params(labelleft=False)
    # The first network need not be validated.
    entries = {label: handle for pair in pairs for handle, label in _entries(pair[0])}
    if entries:
        pairs[0, 0].legend(list(entries.values()), list(entries), frameon=False, fontsize=8)
    return figure


def roc_curves(scores: Mapping[str, Scores]) -> Figure:
    """Sensitivity against 1 − specificity, all out-of-fold predictions of a model together.

    The legend has the areas with 95 % bootstrap intervals over patients. Models tested on one class
    only are left out.
    """
    from sklearn.metrics import roc_curve

    figure = new_figure(5.2, 5)
    axes = figure.subplots()
    for number, (label, model) in enumerate(_two_classes(scores).items()):
        fpr, tpr, _ = roc_curve(model.y_true, model.positive)
        area = _with_interval(roc_auc_statistic(*_read(model)), model)
        axes.plot(fpr, tpr, **line_style(number), label=f"{textwrap.fill(label, WRAP)}\n{area}")
    axes.plot((0, 1), (0, 1), color=GRAY, lw=1, ls=":", label="chance (0.50)")
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", aspect="equal")
    axes.set_title("ROC (area, 95 % CI)")
    key_beneath(figure, axes)
    return figure


def precision_recall_curves(scores: Mapping[str, Scores], *, prevalence: bool = True) -> Figure:
    """Precision against recall with the prevalence as the line of no skill.

    Args:
        scores: Label → scores; models tested on one class only are left out.
        prevalence: Draw that line; curves of several classes have none in common.
    """
    from sklearn.metrics import precision_recall_curve

    figure = new_figure(5.2, 5)
    axes = figure.subplots()
    kept = _two_classes(scores)
    for number, (label, model) in enumerate(kept.items()):
        found, recall, _ = precision_recall_curve(model.y_true, model.positive)
        area = _with_interval(pr_auc_statistic(*_read(model)), model)
        name = f"{textwrap.fill(label, WRAP)}\n{area}"
        axes.step(recall, found, where="post", **line_style(number), label=name)
    if kept and prevalence:
        share = float(np.mean(max(kept.values(), key=lambda m: len(m.y_true)).y_true))
        axes.axhline(share, color=GRAY, lw=1, ls=":", label=f"prevalence ({share:.2f})")
    axes.set(xlabel="recall", ylabel="precision", ylim=(-0.02, 1.02))
    axes.set_title("Precision–recall (area, 95 % CI)")
    key_beneath(figure, axes)
    return figure


def confusion_matrices(scores: Mapping[str, Scores], classes: Sequence[str]) -> Figure:
    """Counts and row shares, rows = truth; one panel a model."""
    return count_matrices(
        {
            label: confusion_matrix(model.y_true, model.y_pred, len(classes))
            for label, model in scores.items()
        },
        classes,
    )


def count_matrices(matrices: Mapping[str, NDArray[Any]], classes: Sequence[str]) -> Figure:
    """Confusion matrices `(k, k)` that are counted already, by label; rows = truth."""
    lines, across = _grid(len(matrices))
    figure = new_figure(max(2.6 * across, 3.2), 3.1 * lines)
    panels = figure.subplots(lines, across, squeeze=False)
    for spare in panels.flat[len(matrices) :]:
        spare.set_axis_off()
    for axes, (label, counts) in zip(panels.flat, matrices.items(), strict=False):
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            dark = shares[row, column] > 0.55
            text = f"{count}\n{shares[row, column]:.0%}"
            axes.text(column, row, text, ha="center", va="center", color="w" if dark else "k")
        ticks = range(len(classes))
        axes.set_xticks(ticks, classes, fontsize=8)
        named = classes if axes in panels[:, 0] else [""] * len(classes)
        axes.set_yticks(ticks, named, fontsize=8)
        axes.set_title(textwrap.fill(label, TITLE), fontsize=10)
        axes.set_xlabel("predicted")
    for first in panels[:, 0]:
        first.set_ylabel("truth")
    return figure


def reliability_diagram(scores: Mapping[str, Scores]) -> Figure:
    """Observed share of positives by mean predicted probability, in ten bins, counts beneath.

    Bars are 95 % bootstrap intervals over patients.
    """
    figure = new_figure(5.2, 6)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot((0, 1), (0, 1), color=GRAY, lw=1, ls=":", label="perfect")
    for number, (label, model) in enumerate(scores.items()):
        slot = np.minimum((model.positive * BINS).astype(int), BINS - 1)
        count = np.bincount(slot, minlength=BINS)
        used = count > 0
        mean = np.bincount(slot, model.positive, BINS)[used] / count[used]
        observed = np.bincount(slot, model.y_true == 1, BINS)[used] / count[used]
        ends = np.array([_of_bin(model, slot == bin_) for bin_ in np.flatnonzero(used)])
        style = line_style(number)
        name = textwrap.fill(label, WRAP)
        axes.plot(mean, observed, marker="o", ms=4, **style, label=name)
        axes.vlines(mean, *ends.T, color=style["color"], lw=0.8, alpha=0.6)
        below.plot((np.arange(BINS) + 0.5) / BINS, count, marker=".", **line_style(number))
    axes.set(ylabel="observed share of positives", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.set_title("Reliability")
    key_beneath(figure, axes)
    below.set(xlabel="predicted probability", ylabel="clips")
    return figure


def _of_bin(model: Scores, inside: NDArray[np.bool_]) -> tuple[float, float]:
    """Interval of the share of positives among some clips; NaN for fewer than two patients."""
    share = mean_statistic(model.y_true == 1, model.clusters)(np.flatnonzero(inside))
    low, high, _ = patient_bootstrap(share, model.clusters.n_patients)
    return low, high


def _read(model: Scores) -> tuple[Any, Any, Any]:
    return model.y_true, model.positive, model.clusters


def _with_interval(area: Statistic, model: Scores) -> str:
    """An area such as `0.93, 0.91 to 0.95`, without the interval where there is none."""
    found = estimate(area, model.clusters)
    known = not np.isnan(found.ci_low)
    return f"{found.value:.2f}" + f", {found.ci_low:.2f} to {found.ci_high:.2f}" * known


def forest_plot(rows: Sequence[tuple[str, float, float, float, str]], title: str) -> Figure:
    """Differences (label, value, low end, high end, verdict) around the line of no difference."""
    figure = new_figure(9.5, 1.3 + 0.6 * max(len(rows), 1))
    axes = figure.subplots()
    axes.axvline(0, color="k", lw=0.8)
    for place, (_, value, low, high, verdict) in enumerate(rows):
        color = VERDICT_COLORS.get(verdict, GRAY)
        axes.plot((low, high), (place, place), color=color, lw=2)
        axes.plot(value, place, "s", color=color, ms=7)
        numbers = f"{value:+.3f} ({low:+.3f} to {high:+.3f})".replace("-", "−")
        axes.annotate(
            "\n".join([numbers, *textwrap.wrap(verdict, WRAP)]),
            (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=8,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), [_in_lines(row[0]) for row in rows], fontsize=9)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel="difference, 95 % CI over patients")
    axes.set_title(title, fontsize=10)
    return figure


def _in_lines(pair: str) -> str:
    """Words in lines; those too long for one are broken at the minus sign first."""
    parts = [pair] if len(pair) <= WRAP else pair.replace(" − ", " −\n").split("\n")
    return "\n".join(textwrap.fill(part, WRAP) for part in parts)


def _grid(count: int) -> tuple[int, int]:
    """Rows and columns of panels, so that rows are about equally long."""
    lines = -(-count // ACROSS)
    return lines, -(-count // lines)


def _entries(axes: Any) -> Iterator[tuple[Any, str]]:
    return zip(*axes.get_legend_handles_labels(), strict=True)


def _two_classes(scores: Mapping[str, Scores]) -> dict[str, Scores]:
    return {label: s for label, s in scores.items() if len(np.unique(s.y_true)) == 2}


def _curve(
    axes: Any, folds: Mapping[int, pd.DataFrame], quantity: str, label: str, color: str
) -> None:
    series = [
        frame.set_index("epoch")[quantity] for frame in folds.values() if quantity in frame.columns
    ]
    if not series:
        return
    for line in series:
        axes.plot(line.index, line, color=color, lw=0.7, alpha=0.4)
    mean = pd.concat(series, axis=1).mean(axis=1)
    label += f", mean of {len(series)} folds" if len(series) > 1 else ""
    # A line of one point is not seen.
    marker = "o" if len(mean) == 1 else ""
    axes.plot(mean.index, mean, color=color, lw=2, marker=marker, label=label)
