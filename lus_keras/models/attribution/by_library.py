"""The calls of tf-keras-vis themselves: saliency, SmoothGrad and Grad-CAM.

The library imports TensorFlow whatever Keras's backend is, so it is imported where it is called.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import keras
import numpy as np
from numpy.typing import NDArray

from lus_keras.core.typing import Tensor
from lus_keras.models.attribution.gradients import unit_noise

Floats = NDArray[np.float32]


def saliency(model: keras.Model, clips: Floats, weights: Floats) -> Floats:
    """Vanilla saliency, `(b, …)` in 0 … 1.

    Args:
        clips: `(b, …, c)`, as the network takes them.
        weights: `(b, k)`, whose product with the logits is the score.
    """
    from tf_keras_vis.saliency import Saliency

    with _quiet():
        return np.asarray(Saliency(model)(_score(weights), clips), np.float32)


def mean_gradient(
    model: keras.Model,
    clips: Floats,
    weights: Floats,
    *,
    seeds: NDArray[np.int64],
    noise: float,
    absolute: bool,
) -> Floats:
    """SmoothGrad before channels are joined and values stretched, `(b, …, c)`.

    The library draws noise from NumPy's global generator; here it is handed that of the fast
    engine, so that maps of both can be compared.

    Args:
        seeds: `(n, 2)`, of the noise of n copies.
        noise: Standard deviation as a share of a clip's range.
        absolute: Whether absolute gradients are averaged, the library's default.
    """
    from tf_keras_vis.saliency import Saliency

    unit = np.stack([unit_noise(clips.shape[1:], seed) for seed in seeds])[:, None]
    options: dict[str, Any] = {} if absolute else {"gradient_modifier": None}
    options |= {"smooth_samples": len(seeds), "smooth_noise": noise}
    drawn = mock.patch.object(np.random, "normal", lambda _, scale, size: np.asarray(scale) * unit)
    with _quiet(), drawn:
        maps = Saliency(model)(
            _score(weights), clips, keepdims=True, normalize_map=False, **options
        )
    return np.asarray(maps, np.float32)


def grad_cam(model: keras.Model, clips: Floats, weights: Floats, layer: str) -> Floats:
    """Grad-CAM at a layer, `(b, …)` in 0 … 1, interpolated to the size of the clips."""
    from tf_keras_vis.gradcam import Gradcam

    with _quiet():
        maps = Gradcam(model)(
            _score(weights),
            clips,
            penultimate_layer=model.get_layer(layer),
            seek_penultimate_conv_layer=False,
        )
    return np.asarray(maps, np.float32)


def _score(weights: Floats) -> Callable[[Tensor], Tensor]:
    return lambda logits: keras.ops.sum(logits * weights, axis=-1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that the library hands over lists where Keras 3 expects a tensor."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*structure of `inputs`.*")
        yield
