"""Figures as matplotlib objects: no pyplot, no global state, the same bytes for the same input."""

from lus_keras.core.style import BLUE as BLUE
from lus_keras.core.style import GREEN as GREEN
from lus_keras.core.style import GREY as GREY
from lus_keras.core.style import ORANGE as ORANGE
from lus_keras.core.style import PALETTE as PALETTE
from lus_keras.core.style import png_bytes as png_bytes
from lus_keras.evaluation.plots.clips import Picture as Picture
from lus_keras.evaluation.plots.clips import attention_curve as attention_curve
from lus_keras.evaluation.plots.clips import class_bars as class_bars
from lus_keras.evaluation.plots.clips import contrasted as contrasted
from lus_keras.evaluation.plots.clips import map_sheet as map_sheet
from lus_keras.evaluation.plots.clips import picture_grid as picture_grid
from lus_keras.evaluation.plots.clips import show_picture as show_picture
from lus_keras.evaluation.plots.scores import confusion_matrices as confusion_matrices
from lus_keras.evaluation.plots.scores import count_matrices as count_matrices
from lus_keras.evaluation.plots.scores import forest_plot as forest_plot
from lus_keras.evaluation.plots.scores import learning_curves as learning_curves
from lus_keras.evaluation.plots.scores import precision_recall_curves as precision_recall_curves
from lus_keras.evaluation.plots.scores import reliability_diagram as reliability_diagram
from lus_keras.evaluation.plots.scores import roc_curves as roc_curves
