"""A network in words and drawn: its layers, shapes and parameters."""

from typing import Any

import keras
from matplotlib.figure import Figure

from lus_keras.core.style import BLUE, GRAY, GREEN, ORANGE, new_figure

# Kinds of layers by a part of their class's name; what has none is drawn in gray.
COLORS = {"Conv": BLUE, "Dense": BLUE, "Bidirectional": GREEN, "Attention": ORANGE}
# Where an arrow that passes boxes by runs, in the units of the column.
BESIDE = 0.63
# Layers of a network that fits a page.
MOST_LAYERS = 40
# Layers that belong to the box before them.
WITHIN = {"BatchNormalization": "normalization", "ReLU": "ReLU", "Dropout": "dropout"}


def describe_architecture(model: keras.Model) -> str:
    """Summary of a network as text, one line a layer, and its parameter totals.

    Returns:
        Lines joined by line breaks, ending with one.
    """
    lines: list[str] = []
    model.summary(line_length=88, print_fn=lines.append, expand_nested=True)
    return "\n".join(lines) + "\n"


def draw_architecture(model: keras.Model) -> Figure:
    """Draws a network as a column of boxes, from its input to its logits.

    A box is a layer with its shape, without the batch axis, and its parameters; an arrow that
    passes a box by is drawn beside the column.
    """
    boxes, place = _boxes(model)
    figure = new_figure(6.2, 0.42 * len(boxes) + 0.5)
    axes = figure.subplots()
    axes.set(xlim=(0, 1.2), ylim=(len(boxes) - 0.4, -0.6))
    axes.axis("off")
    axes.set_title(f"{model.name}, {model.count_params():,} parameters")
    drawn = []
    for row, (title, shape, color) in enumerate(boxes):
        style = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": color}
        drawn.append(axes.text(0.3, row, title, ha="center", va="center", fontsize=8, bbox=style))
        axes.text(0.72, row, shape, ha="left", va="center", fontsize=8)
    for start, end in _arrows(model, place):
        arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": GRAY}
        if end - start == 1:
            axes.annotate("", (0.3, end - 0.32), (0.3, start + 0.32), arrowprops=arrow)
            continue
        # Out of the right side of one box, down between boxes and shapes, into the other's.
        turn, line = (BESIDE, (start + end) / 2), arrow | {"arrowstyle": "-"}
        line |= {"connectionstyle": "angle,angleA=90,angleB=0,rad=5", "shrinkA": 0, "shrinkB": 6}
        axes.annotate("", (1, 0.5), turn, xycoords=drawn[start], textcoords="data", arrowprops=line)
        arrow |= {"connectionstyle": "angle,angleA=90,angleB=0,rad=5", "shrinkA": 0, "shrinkB": 6}
        axes.annotate("", (1, 0.5), turn, xycoords=drawn[end], textcoords="data", arrowprops=arrow)
    return figure


def _inner(layer: keras.Layer) -> str:
    """Class of a layer, or of the one that it applies to every frame."""
    if isinstance(layer, keras.layers.TimeDistributed):
        layer = layer.layer
    return type(layer).__name__


def _boxes(model: keras.Model) -> tuple[list[tuple[str, str, str]], dict[str, int]]:
    """Title, shape and color of every box, and the box of every layer."""
    boxes: list[tuple[str, str, int, str]] = []
    place: dict[str, int] = {}
    for layer in model.layers:
        kind = _inner(layer)
        if kind in WITHIN and boxes:
            title, shape, count, color = boxes[-1]
            count += layer.count_params()
            boxes[-1] = (f"{title}, {WITHIN[kind]}", shape, count, color)
        else:
            sizes = " × ".join(str(size) for size in layer.output.shape[1:])
            color = next((c for part, c in COLORS.items() if part in kind), GRAY)
            boxes.append((layer.name.replace("_", " "), sizes, layer.count_params(), color))
        place[layer.name] = len(boxes) - 1
    said = [
        (title, f"{shape}   {count:,} parameters" if count else shape, color)
        for title, shape, count, color in boxes
    ]
    return said, place


def _arrows(model: keras.Model, place: dict[str, int]) -> list[tuple[int, int]]:
    """Pairs of boxes, the one before and the one after."""
    pairs = {
        (place[tensor._keras_history.operation.name], place[layer.name])
        for layer in model.layers
        for node in layer._inbound_nodes
        for tensor in node.input_tensors
        if tensor._keras_history.operation.name in place
    }
    return sorted(pair for pair in pairs if pair[0] < pair[1])
