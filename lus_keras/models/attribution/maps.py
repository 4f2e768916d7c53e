"""Maps of clips: vanilla saliency, SmoothGrad, integrated gradients and Grad-CAM."""

from collections.abc import Callable, Sequence
from functools import partial

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lus_keras.models.attribution import by_library
from lus_keras.models.attribution.gradients import gradient_function, require_tensorflow, unit_noise

Floats = NDArray[np.float32]
# Added to the spread of a map before it is divided by, as tf-keras-vis does.
EPSILON = 1e-7
# Who computes saliency and SmoothGrad: our compiled gradients, or the library's own call.
ENGINES = FAST, LIBRARY = "fast", "tf-keras-vis"
ORDERS = ("mean_abs", "abs_mean")


def vanilla_saliency(
    model: keras.Model,
    clips: ArrayLike,
    output: int | Sequence[int] | None = None,
    *,
    chunk: int = 8,
    engine: str = FAST,
) -> Floats:
    """Absolute gradient of a class logit with respect to every pixel (Simonyan et al. 2014).

    Args:
        model: Network from inputs `(b, …, c)` to logits `(b, k)`.
        clips: `(b, …, c)` float, scaled as the network's input.
        output: Class to explain, one per clip or one for all; None is the predicted class. A
            network with one logit has the classes 1 and 0; the score of class 0 is minus the logit.
        chunk: Number of clips per batch.
        engine: `fast` (our compiled gradients) or `tf-keras-vis`.

    Returns:
        `(b, …)` float32 in 0 … 1: maximum over channels, each map rescaled from its minimum and
        maximum to 0 … 1.

    Raises:
        ConfigError: The backend of Keras is not TensorFlow.
        ValueError: `clips`, `output`, `chunk` or `engine` is invalid.
    """
    _check_choice("engine", engine, ENGINES)
    require_tensorflow()
    clips = _checked(model, clips, chunk=chunk)
    weights = _logit_weights(model, clips, output, chunk)
    if engine == LIBRARY:
        parts = [
            by_library.saliency(model, clips[start : start + chunk], weights[start : start + chunk])
            for start in range(0, len(clips), chunk)
        ]
        return np.concatenate(parts)
    return _stretched(np.abs(_gradients(model, clips, weights, chunk)).max(axis=-1))


def smooth_grad(
    model: keras.Model,
    clips: ArrayLike,
    output: int | Sequence[int] | None = None,
    *,
    samples: int = 20,
    noise: float = 0.2,
    chunk: int = 10,
    seed: int = 0,
    order: str = "mean_abs",
    engine: str = FAST,
) -> Floats:
    """Gradient averaged over noisy copies of each clip (Smilkov et al. 2017).

    The noise depends only on the seed, the clip and the number of the copy, so both engines use the
    same noise. Other arguments, result and errors are those of `vanilla_saliency`.

    Args:
        output: As in `vanilla_saliency`; the predicted class is that of the clip without noise.
        samples: Number of noisy copies of each clip.
        noise: Standard deviation of the noise as a share of the clip's range of values.
        chunk: Number of copies per batch.
        seed: Seed of the noise, at least 0.
        order: `mean_abs` averages absolute gradients, as tf-keras-vis does; `abs_mean` takes the
            absolute value of the averaged gradient, as Smilkov et al. define it.
    """
    _check_choice("engine", engine, ENGINES)
    _check_choice("order", order, ORDERS)
    require_tensorflow()
    clips = _checked(model, clips, samples=samples, chunk=chunk)
    if noise < 0:
        raise ValueError(f"`noise` must be 0 or more. Received: noise={noise}.")
    weights = _logit_weights(model, clips, output, chunk)
    maps = []
    for place, (clip, weight) in enumerate(zip(clips, weights, strict=True)):
        seeds = noise_seeds(seed, place, samples)
        if engine == LIBRARY:
            mean = by_library.mean_gradient(
                *(model, clip[None], weight[None]),
                seeds=seeds,
                noise=noise,
                absolute=order == "mean_abs",
            )[0]
        else:
            sigma = np.float32(noise * (clip.max() - clip.min()))
            mean = _mean_gradient(
                *(model, weight, chunk, order == "mean_abs"),
                partial(_noisy, clip, sigma, seeds),
                samples,
            )
        maps.append(np.abs(mean).max(axis=-1))
    return _stretched(np.stack(maps))


def integrated_gradients(
    model: keras.Model,
    clips: ArrayLike,
    output: int | Sequence[int] | None = None,
    *,
    steps: int = 20,
    chunk: int = 10,
) -> Floats:
    """Absolute integrated gradients from each channel's darkest value (Sundararajan et al. 2017).

    Other arguments are those of `vanilla_saliency`.

    Args:
        steps: Number of points on the path, the midpoints of equal intervals.
        chunk: Number of points per batch.

    Returns:
        `(b, …)` float32 in 0 … 1: absolute value of the sum over channels, rescaled.

    Raises:
        ConfigError: The backend of Keras is not TensorFlow.
        ValueError: An argument is invalid.
    """
    parts = path_contributions(model, clips, output, steps=steps, chunk=chunk)
    return _stretched(np.abs(parts.sum(axis=-1)))


def path_contributions(
    model: keras.Model,
    clips: ArrayLike,
    output: int | Sequence[int] | None = None,
    *,
    steps: int = 20,
    chunk: int = 10,
) -> Floats:
    """Signed integrated gradients, `(b, …, c)`; arguments as in `integrated_gradients`.

    With enough `steps`, their sum approaches the score of the clip minus that of the baseline.
    """
    require_tensorflow()
    clips = _checked(model, clips, steps=steps, chunk=chunk)
    weights = _logit_weights(model, clips, output, chunk)
    along = np.asarray((np.arange(steps) + 0.5) / steps, np.float32)
    found = []
    for clip, weight in zip(clips, weights, strict=True):
        dark = clip.min(axis=tuple(range(clip.ndim - 1)), keepdims=True)
        mean = _mean_gradient(
            *(model, weight, chunk, False), partial(_on_the_path, dark, clip - dark, along), steps
        )
        found.append((clip - dark) * mean)
    return np.stack(found)


def _gradients(model: keras.Model, clips: Floats, weights: Floats, chunk: int) -> Floats:
    gradient = gradient_function(model)
    parts = [
        np.asarray(gradient(clips[start : start + chunk], weights[start : start + chunk]))
        for start in range(0, len(clips), chunk)
    ]
    return np.concatenate(parts)


def _mean_gradient(
    model: keras.Model,
    weight: Floats,
    chunk: int,
    absolute: bool,
    inputs: Callable[[slice], Floats],
    count: int,
) -> Floats:
    """Mean gradient `(…, c)` of `count` variants of a clip, which `inputs` makes by their numbers.

    Args:
        absolute: Whether the mean is of absolute gradients.
    """
    gradient, total = gradient_function(model), np.float32(0)
    for start in range(0, count, chunk):
        values = inputs(slice(start, min(start + chunk, count)))
        slopes = np.asarray(gradient(values, np.repeat(weight[None], len(values), axis=0)))
        total = total + (np.abs(slopes) if absolute else slopes).sum(axis=0)
    return np.asarray(total / np.float32(count))


def _noisy(clip: Floats, sigma: np.float32, seeds: NDArray[np.int64], part: slice) -> Floats:
    noise = np.stack([unit_noise(clip.shape, seed) for seed in seeds[part]])
    return np.asarray(clip + sigma * noise, np.float32)


def _on_the_path(dark: Floats, rest: Floats, along: Floats, part: slice) -> Floats:
    shares = along[part].reshape(-1, *[1] * rest.ndim)
    return np.asarray(dark + shares * rest, np.float32)


def noise_seeds(seed: int, place: int, samples: int) -> NDArray[np.int64]:
    """Seeds of the noise of one clip's copies, as `gradients.unit_noise` takes them.

    Args:
        seed: Seed of the computation, 0 or more.
        place: Number of the clip.
        samples: Number of copies.

    Returns:
        `(samples, 2)` int64; all pairs differ, also between clips.
    """
    numbers = np.arange(samples, dtype=np.int64) + (np.int64(place) << 32)
    return np.stack([np.full(samples, seed, np.int64), numbers], axis=1)


def grad_cam(
    model: keras.Model,
    clips: ArrayLike,
    output: int | Sequence[int] | None = None,
    *,
    layer: str | None = None,
) -> Floats:
    """Gradient-weighted class activation map, by tf-keras-vis (Selvaraju et al. 2017).

    Other arguments are those of `vanilla_saliency`.

    Args:
        layer: Name of the layer with feature maps; None is `last_convolution`.

    Returns:
        `(b, …)` float32 in 0 … 1, interpolated to the size of the clips.

    Raises:
        ConfigError: The backend of Keras is not TensorFlow.
        ValueError: `clips`, `output` or `layer` is invalid.
    """
    require_tensorflow()
    clips = _checked(model, clips)
    weights = _logit_weights(model, clips, output, len(clips))
    return by_library.grad_cam(model, clips, weights, layer or last_convolution(model))


def last_convolution(model: keras.Model) -> str:
    """Name of the last convolution whose feature maps have spatial resolution.

    A convolution with a single filter is a mask, not features. Feature maps one pixel high or wide,
    as in deep networks on small tiles, have no spatial information; such layers are skipped if
    there is another one.

    Args:
        model: Network whose convolutions are its own layers or wrapped in `TimeDistributed`.

    Returns:
        Name of the layer.

    Raises:
        ValueError: There is no convolution with more than one filter.
    """
    kinds = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
    found = []
    for layer in reversed(model.layers):
        inner = layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer
        if isinstance(inner, kinds) and inner.filters > 1:
            found.append(layer)
    if not found:
        raise ValueError(f"`model` must contain a convolution. Received: {model.name} without one.")
    placed = (layer for layer in found if min(layer.output.shape[-3:-1]) > 1)
    return next(placed, found[0]).name


def _check_choice(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"`{name}` must be one of {', '.join(known)}. Received: {value!r}.")


def _checked(model: keras.Model, clips: ArrayLike, **counts: int) -> Floats:
    clips = np.asarray(clips, np.float32)
    shape = model.inputs[0].shape
    fits = clips.ndim == len(shape) and all(
        known in (None, size) for known, size in zip(shape, clips.shape, strict=True)
    )
    if not fits or not len(clips):
        raise ValueError(
            f"`clips` must be {shape}, with one clip or more. Received: shape {clips.shape}."
        )
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"`{name}` must be 1 or more. Received: {name}={value}.")
    return clips


def _logit_weights(
    model: keras.Model, clips: Floats, output: int | Sequence[int] | None, chunk: int
) -> Floats:
    """Weights `(b, k)` whose product with the logits is the score."""
    width = model.outputs[0].shape[-1]
    classes = max(width, 2)
    if output is None:
        parts = [
            np.asarray(model(clips[start : start + chunk], training=False))
            for start in range(0, len(clips), chunk)
        ]
        logits = np.concatenate(parts)
        chosen = (logits[:, 0] > 0).astype(int) if width == 1 else logits.argmax(axis=1)
    else:
        chosen = np.asarray(output)
        if chosen.shape not in ((), (len(clips),)) or not np.isin(chosen, range(classes)).all():
            raise ValueError(
                f"`output` must be a class 0 … {classes - 1}, or one for each of {len(clips)} "
                f"clips. Received: output={output!r}."
            )
        chosen = np.broadcast_to(chosen.astype(int), len(clips))
    if width == 1:
        return np.where(chosen == 1, 1.0, -1.0).astype(np.float32)[:, None]
    return np.eye(width, dtype=np.float32)[chosen]


def _stretched(maps: Floats) -> Floats:
    axes = tuple(range(1, maps.ndim))
    low = maps.min(axis=axes, keepdims=True)
    spread = maps.max(axis=axes, keepdims=True) - low
    return ((maps - low) / (spread + EPSILON)).astype(np.float32)
