"""Gradients of a score by the input, compiled once a network.

Where a network starts with a convolution of stride 2, that layer's part of the gradient is computed
here: kernels for it are made for many channels, and are several times slower for the one to three
of a video than for the convolution that says the same (`strided_input_gradient`).
"""

import functools
from collections.abc import Callable
from typing import Any

import keras

from lus_keras.core import environment
from lus_keras.core.typing import Tensor
from lus_keras.models.attribution.pooling import with_plain_pooling

# Kernels for convolutions want output channels in multiples of this.
CHANNEL_BLOCK = 16


def require_tensorflow() -> Any:
    """Gives the module TensorFlow.

    Raises:
        ConfigError: Keras computes with another backend.
    """
    return environment.require_tensorflow("saliency maps need")


@functools.lru_cache(maxsize=4)
def gradient_function(model: keras.Model) -> Callable[[Any, Any], Any]:
    """Compiled function from inputs and weights of logits to gradients.

    Args:
        model: Network from inputs `(b, …, c)` to logits `(b, k)`; its weights may change later.

    Returns:
        Function of inputs `(b, …, c)` float32 and `(b, k)` float32, whose score is the sum of
        products with the logits; gives `∂ score / ∂ input`, `(b, …, c)` float32.
    """
    tf = require_tensorflow()
    shape = model.inputs[0].shape
    specs = [tf.TensorSpec(shape, "float32"), tf.TensorSpec(model.outputs[0].shape, "float32")]
    # Layers are not converted in any case; converting the rest takes longer than tracing it.
    return tf.function(_gradient(model, tf), input_signature=specs, autograph=False)


def unit_noise(shape: tuple[int, ...], seed: Any) -> Any:
    """Normal noise of mean 0 and standard deviation 1, a function of its seed alone.

    Args:
        seed: Two integers.

    Returns:
        TensorFlow tensor, float32; the same on every device.
    """
    tf = require_tensorflow()
    return tf.random.stateless_normal(shape, seed, alg="philox")


def _gradient(model: keras.Model, tf: Any) -> Callable[[Any, Any], Any]:
    first = _strided_first_layer(model)
    rest = with_plain_pooling(keras.Model(first.output, model.output) if first else model)

    def gradient(values: Tensor, weights: Tensor):
        start = first(values) if first else values
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(start)
            score = tf.reduce_sum(rest(start, training=False) * weights)
        slope = tape.gradient(score, start)
        if first:
            slope = strided_input_gradient(slope, first.kernel, values.shape[1:-1])
        return tf.cast(slope, tf.float32)

    return gradient


def _strided_first_layer(model: keras.Model) -> Any:
    """The layer that alone takes the input, if it is a plain 3D convolution of stride 2."""
    takers = [node.operation for node in model.inputs[0]._keras_history.operation._outbound_nodes]
    layers = [layer for layer in takers if layer in model.layers]
    if len(layers) != 1 or not isinstance(layers[0], keras.layers.Conv3D):
        return None
    layer = layers[0]
    plain = layer.padding == "same" and layer.groups == 1 and layer.dilation_rate == (1, 1, 1)
    linear = layer.activation is keras.activations.linear
    whole = None not in model.inputs[0].shape[1:] and min(layer.kernel_size) > 1
    return layer if plain and linear and whole and layer.strides == (2, 2, 2) else None


def strided_input_gradient(slope: Any, kernel: Any, sizes: tuple[int, int, int]) -> Any:
    """Gradient of a "same" convolution of stride 2 by its input, as a convolution of stride 1.

    Along one axis the output at o meets the input at `i = 2o - before + j` with tap j. Even and odd
    positions of the input each meet every other tap. The eight such subsets in three dimensions
    become channels of one convolution and are interleaved afterwards.

    Args:
        slope: `(b, ⌈t/2⌉, ⌈h/2⌉, ⌈w/2⌉, filters)`, gradient by the output.
        kernel: `(kt, kh, kw, c, filters)`.
        sizes: `(t, h, w)` of the input.

    Returns:
        `(b, t, h, w, c)`, the slope's dtype.
    """
    tf = require_tensorflow()
    kernel = tf.cast(tf.convert_to_tensor(kernel), slope.dtype)
    channels, filters = kernel.shape[3:]
    halves, fronts, kernel_pads, slope_pads = [], [], [], []
    for size, taps in zip(sizes, kernel.shape[:3], strict=True):
        out = -(-size // 2)
        before = max((out - 1) * 2 + taps - size, 0) // 2
        front, after = before % 2, before // 2 + before % 2
        half = -(-(taps + front) // 2)
        halves.append(half)
        fronts.append(out)
        kernel_pads.append((front, 2 * half - taps - front))
        slope_pads.append((half - 1 - after, after))
    families = tf.reshape(
        tf.pad(kernel, [*kernel_pads, (0, 0), (0, 0)]),
        [part for half in halves for part in (half, 2)] + [channels, filters],
    )
    families = tf.reverse(families, axis=[0, 2, 4])
    families = tf.transpose(families, [0, 2, 4, 7, 1, 3, 5, 6])
    families = tf.reshape(families, [*halves, filters, 8 * channels])
    families = tf.pad(families, [(0, 0)] * 4 + [(0, -8 * channels % CHANNEL_BLOCK)])
    slope = tf.pad(slope, [(0, 0), *slope_pads, (0, 0)])
    woven = tf.nn.conv3d(slope, families, [1] * 5, "VALID")[..., : 8 * channels]
    woven = tf.reshape(woven, [-1, *fronts, 2, 2, 2, channels])
    woven = tf.transpose(woven, [0, 1, 4, 2, 5, 3, 6, 7])
    woven = tf.reshape(woven, [-1, *(2 * out for out in fronts), channels])
    t, h, w = sizes
    return woven[:, :t, :h, :w]
