"""Saliency maps of a network's input, and sanity checks of such maps.

    maps        vanilla saliency, SmoothGrad, integrated gradients, Grad-CAM
    by_library  calls of tf-keras-vis: Grad-CAM, and the others with that engine
    gradients   gradient of a score with respect to the input, compiled once per network
    checks      a network with random weights, for comparison

Maps follow tf-keras-vis (0.8.7): absolute gradient, maximum over channels, each map rescaled from
its minimum and maximum to 0 … 1. The score is a logit, not a probability, whose gradient vanishes
for confident predictions. Maps need TensorFlow as the backend of Keras.
"""

from lus_keras.models.attribution.checks import random_weights, randomized_copy
from lus_keras.models.attribution.maps import (
    ENGINES,
    FAST,
    LIBRARY,
    ORDERS,
    grad_cam,
    integrated_gradients,
    smooth_grad,
    vanilla_saliency,
)
