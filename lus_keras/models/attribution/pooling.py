"""3D max pooling whose gradient is that of TensorFlow's own kernel, compiled or not.

Op by op, as tf-keras-vis calls it, TensorFlow hands the gradient of a maximum to every value of the
window within 1e-5 of it. Compiled, oneDNN's kernel takes over, which hands it to the first of the
largest alone: maps differ by a hundredth. The kernel's rule is written out here; it takes a quarter
of the kernel's time.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import keras

from lus_keras.core.typing import Tensor

# Distance from the maximum at which TensorFlow's kernel takes a value for it.
NEAR = 1e-5


def with_plain_pooling(model: keras.Model) -> keras.Model:
    """The same network, sharing all weights, with the gradient of TensorFlow's own 3D max pooling.

    Args:
        model: Functional network; unchanged.

    Returns:
        A network with other layers of 3D max pooling and all others shared; `model` itself if it
        has none.
    """
    if not any(isinstance(layer, keras.layers.MaxPooling3D) for layer in model.layers):
        return model

    def same_or_plain(layer: keras.Layer):
        if not isinstance(layer, keras.layers.MaxPooling3D):
            return layer
        return PlainMaxPooling3D.from_config(layer.get_config())

    return keras.models.clone_model(model, clone_function=same_or_plain)


class PlainMaxPooling3D(keras.layers.MaxPooling3D):
    """`keras.layers.MaxPooling3D`, channels last, with the gradient of `gradient_of_maximum`."""

    def call(self, inputs: Tensor) -> Tensor:
        """Pools `(b, t, h, w, c)`."""
        import tensorflow as tf

        whole = super().call

        @tf.custom_gradient
        def pool(values: Tensor):
            pooled = whole(values)

            def grad(upstream: Tensor):
                sizes, same = (self.pool_size, self.strides), self.padding == "same"
                return gradient_of_maximum(values, pooled, upstream, *sizes, same=same)

            return pooled, grad

        return pool(inputs)


def gradient_of_maximum(
    values: Any,
    pooled: Any,
    upstream: Any,
    pool_size: tuple[int, ...],
    strides: tuple[int, ...],
    *,
    same: bool,
) -> Any:
    """Passes the gradient of each maximum to all values of its window within `NEAR` of it.

    Positions that are equal modulo the stride form a subset. The values of all windows at one tap
    are a slice of a subset, to which their gradients are added; the subsets are interleaved last.

    Args:
        values: `(b, t, h, w, c)` float, what was pooled.
        pooled: `(b, t', h', w', c)`, the maxima.
        upstream: As `pooled`, their gradient.
        pool_size: Taps along t, h and w.
        strides: Steps along t, h and w.
        same: Whether the padding is "same" rather than "valid".

    Returns:
        `(b, t, h, w, c)`, the gradient of `values`.
    """
    import tensorflow as tf

    axes = [
        _Axis(*axis, same)
        for axis in zip(values.shape[1:4], pooled.shape[1:4], pool_size, strides, strict=True)
    ]
    around = [(axis.before, axis.after) for axis in axes]
    padded = tf.pad(values, [(0, 0), *around, (0, 0)], constant_values=values.dtype.min)
    lengths = [axis.length for axis in axes]
    ends = [axis.step * axis.length for axis in axes]
    families = _unwoven(padded[:, : ends[0], : ends[1], : ends[2]], lengths, strides)
    handed: dict[tuple[int, ...], list[Any]] = {}
    for taps in itertools.product(*map(range, pool_size)):
        shifts, family = zip(*map(divmod, taps, strides), strict=True)
        along = list(zip(shifts, (axis.out for axis in axes), lengths, strict=True))
        window = families[family][(slice(None), *(slice(s, s + out) for s, out, _ in along))]
        share = tf.where(tf.abs(window - pooled) < NEAR, upstream, tf.zeros_like(upstream))
        beside = [(s, length - out - s) for s, out, length in along]
        handed.setdefault(family, []).append(tf.pad(share, [(0, 0), *beside, (0, 0)]))
    woven = _woven({family: tf.add_n(parts) for family, parts in handed.items()}, strides)
    # "Valid" windows may leave the last values out.
    lacking = [(0, max(axis.before + axis.size - axis.step * axis.length, 0)) for axis in axes]
    woven = tf.pad(woven, [(0, 0), *lacking, (0, 0)])
    return woven[(slice(None), *(slice(a.before, a.before + a.size) for a in axes))]


@dataclass(frozen=True)
class _Axis:
    """One of time, height, width: how windows lie on it."""

    size: int
    out: int
    taps: int
    step: int
    same: bool

    @property
    def before(self) -> int:
        """Padding in front."""
        return max((self.out - 1) * self.step + self.taps - self.size, 0) // 2 if self.same else 0

    @property
    def length(self) -> int:
        """Places of one family: those of the windows, and what later taps reach beyond."""
        return self.out + (self.taps - 1) // self.step

    @property
    def after(self) -> int:
        """Padding behind, to where the families end."""
        return max(self.step * self.length - self.size - self.before, 0)


def _unwoven(
    padded: Any, lengths: list[int], strides: tuple[int, ...]
) -> dict[tuple[int, ...], Any]:
    """Clips `(b, t·s, h·s, w·s, c)` as families `(b, t, h, w, c)` of places `s` apart.

    Slices with strides would say the same, but take several times as long.
    """
    import tensorflow as tf

    sides = [part for pair in zip(lengths, strides, strict=True) for part in pair]
    apart = tf.reshape(padded, [-1, *sides, padded.shape[-1]])
    stacked = tf.transpose(apart, [2, 4, 6, 0, 1, 3, 5, 7])
    stacked = tf.reshape(stacked, [math.prod(strides), -1, *lengths, padded.shape[-1]])
    every = itertools.product(*map(range, strides))
    return dict(zip(every, tf.unstack(stacked), strict=True))


def _woven(families: dict[tuple[int, ...], Any], strides: tuple[int, ...]) -> Any:
    """Families `(b, t, h, w, c)` by the remainder of their places, as one `(b, t·s, h·s, w·s, c)`.

    A family that no tap belongs to, where windows are further apart than they are long, is 0.
    """
    import tensorflow as tf

    any_family = next(iter(families.values()))
    nothing = tf.zeros_like(any_family)
    every = itertools.product(*map(range, strides))
    stacked = tf.stack([families.get(family, nothing) for family in every], axis=4)
    lengths, channels = any_family.shape[1:4], any_family.shape[4]
    apart = tf.reshape(stacked, [-1, *lengths, *strides, channels])
    together = tf.transpose(apart, [0, 1, 4, 2, 5, 3, 6, 7])
    sizes = [length * step for length, step in zip(lengths, strides, strict=True)]
    return tf.reshape(together, [-1, *sizes, channels])
