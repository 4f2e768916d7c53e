"""Figures as matplotlib objects: no pyplot, no global state, the same bytes for the same input."""

from lus_keras.core.style import png_bytes
from lus_keras.evaluation.plots.clips import (
    Picture,
    attention_curve,
    class_bars,
    contrasted,
    map_sheet,
    picture_grid,
    show_picture,
)
from lus_keras.evaluation.plots.scores import (
    confusion_matrices,
    count_matrices,
    forest_plot,
    learning_curves,
    precision_recall_curves,
    reliability_diagram,
    roc_curves,
)
