"""Where a network looks: saliency maps of its input, and checks of such maps.

    maps        vanilla saliency, SmoothGrad, integrated gradients, Grad-CAM
    by_library  the calls of tf-keras-vis: Grad-CAM, and the others where it is asked for
    gradients   gradient of a score by the input, compiled once a network
    checks      a network with random weights, to hold a map against

Maps follow tf-keras-vis (0.8.7): absolute gradient, maximum over channels, minimum to maximum of
each map stretched to 0 … 1. The score is a logit, never a probability, whose gradient fades where a
network is sure. Maps need TensorFlow as Keras's backend.
"""

from lus_keras.models.attribution.checks import random_weights, randomised_copy
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
