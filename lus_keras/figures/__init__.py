"""Figures as matplotlib objects: no pyplot, no global state, the same bytes for the same input."""

from lus_keras.figures.clips import attention_curve as attention_curve
from lus_keras.figures.clips import class_bars as class_bars
from lus_keras.figures.clips import map_sheet as map_sheet
from lus_keras.figures.clips import saliency_sheet as saliency_sheet
from lus_keras.figures.scores import confusion_matrices as confusion_matrices
from lus_keras.figures.scores import forest_plot as forest_plot
from lus_keras.figures.scores import learning_curves as learning_curves
from lus_keras.figures.scores import precision_recall_curves as precision_recall_curves
from lus_keras.figures.scores import reliability_diagram as reliability_diagram
from lus_keras.figures.scores import roc_curves as roc_curves
from lus_keras.figures.style import BLUE as BLUE
from lus_keras.figures.style import GREEN as GREEN
from lus_keras.figures.style import GREY as GREY
from lus_keras.figures.style import ORANGE as ORANGE
from lus_keras.figures.style import PALETTE as PALETTE
from lus_keras.figures.style import png_bytes as png_bytes
