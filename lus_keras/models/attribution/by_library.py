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
from lus_keras.layers import FramesAsChannels
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

    The library draws noise from NumPy's global generator; here it is given that of the fast
    engine, so that maps of both can be compared.

    Args:
        seeds: `(n, 2)` int64, seeds of the noise of n copies.
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
    """Grad-CAM at a layer, `(b, …)` in 0 … 1, interpolated to the size of the clips.

    A network that takes frames as channels has one map for all of them.
    """
    from scipy.ndimage import zoom
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils import normalize

    joined = any(isinstance(each, FramesAsChannels) for each in model.layers)
    # The library would stretch the height of such a map to the number of frames.
    as_computed: dict[str, Any] = {"expand_cam": False, "normalize_cam": False} if joined else {}
    with _quiet():
        maps = Gradcam(model)(
            _score(weights),
            clips,
            penultimate_layer=model.get_layer(layer),
            seek_penultimate_conv_layer=False,
            **as_computed,
        )
    if joined:
        sizes = (len(clips), *clips.shape[2:4])
        factors = [size / count for size, count in zip(sizes, maps.shape, strict=True)]
        large = normalize(zoom(np.asarray(maps, np.float32), factors, order=1))
        maps = np.repeat(large[:, None], clips.shape[1], axis=1)
    return np.asarray(maps, np.float32)


def _score(weights: Floats) -> Callable[[Tensor], Tensor]:
    return lambda logits: keras.ops.sum(logits * weights, axis=-1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that the library hands over lists where Keras 3 expects a tensor."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*structure of `inputs`.*")
        yield
