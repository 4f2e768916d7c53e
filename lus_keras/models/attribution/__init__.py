"""Where a network looks: saliency maps of its input, and checks of such maps.

    maps        vanilla saliency, SmoothGrad, Grad-CAM
    gradients   gradient of a score by the input, compiled once a network
    checks      a network with random weights, to hold a map against

Maps follow tf-keras-vis (0.8.7): absolute gradient, maximum over channels, minimum to maximum of
each map stretched to 0 … 1. The score is a logit, never a probability, whose gradient fades where a
network is sure. Maps need TensorFlow as Keras's backend.
"""

from lus_keras.models.attribution.checks import randomised_copy
from lus_keras.models.attribution.maps import grad_cam, smooth_grad, vanilla_saliency

__all__ = ["grad_cam", "randomised_copy", "smooth_grad", "vanilla_saliency"]
