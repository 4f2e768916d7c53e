"""3D convolution and L2 penalty of the deep networks: Keras's numbers with less work.

Both are `keras.layers.Conv3D` and `keras.regularizers.L2` to whoever uses, saves or loads them.
"""

import math
from typing import Any

import keras
from keras import ops

from lus_keras.core.typing import Shape, Tensor

_register = keras.saving.register_keras_serializable("lus_keras")


# Cutting a kernel copies it, and pads its gradient again: it pays when little is left.
WORTH_CUTTING = 1 / 3


@_register
class Conv3D(keras.layers.Conv3D):
    """3D convolution without the products that cannot change the result.

    Deep in a network maps are a few pixels wide. Parts of a 3³ kernel then meet nothing but
    padding: their products are 0 and so is their gradient, but they cost as much as the others.
    Where that is most of the kernel, they are cut off before the convolution. A 1³ kernel with
    strides picks the pixels that it meets first: the gradient of its kernel is slow with strides.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # What is left of a kernel is cast, rather than all of it.
        self.autocast = False

    def call(self, inputs: Tensor) -> Tensor:
        """Convolves.

        Args:
            inputs: `(b, t, h, w, c)` float.

        Returns:
            `(b, t', h', w', filters)`, the layer's compute dtype.
        """
        return self._convolve(inputs, self.kernel)

    def _convolve(self, inputs: Tensor, kernel: Tensor):
        strides, padding, dtype = self.strides, self.padding, self._dtype_for(inputs.shape[1])
        inputs = ops.cast(inputs, dtype)
        if self._is_plain(inputs.shape[1:4]):
            kernel = self._cut(kernel, inputs.shape[1:4])
            if self.kernel_size == (1, 1, 1) and strides != (1, 1, 1):
                # The mean over windows of one pixel: the fastest way to pick them, and exact.
                inputs = ops.average_pool(
                    inputs, 1, strides=strides, padding="same", data_format="channels_last"
                )
                strides = (1, 1, 1)
            if strides[0] > 1 and 1 < inputs.shape[1] < kernel.shape[0]:
                # TensorFlow's gradient of such a kernel writes past its memory (2.21; a clip of
                # five frames in a stem of seven): zeros that are there are none it has to count.
                inputs, padding = _with_zeros(inputs, kernel.shape, strides), "valid"
        outputs = ops.conv(
            inputs,
            ops.cast(kernel, dtype),
            strides=strides,
            padding=padding,
            dilation_rate=self.dilation_rate,
            data_format=self.data_format,
        )
        outputs = ops.cast(outputs, self.compute_dtype)
        if self.use_bias:
            outputs = outputs + ops.cast(self.bias, self.compute_dtype)
        return outputs if self.activation is None else self.activation(outputs)

    def _dtype_for(self, frames: Tensor) -> str:
        """Compute dtype, but float32 where TensorFlow's kernel gradient in bfloat16 is wrong.

        On processors it is where a kernel is longer in time than a clip of two frames or more:
        other numbers, NaN among them, or a crash (TensorFlow 2.21).
        """
        overhangs = frames is None or 1 < frames < self.kernel_size[0]
        faulty = keras.backend.backend() == "tensorflow" and self.compute_dtype == "bfloat16"
        return "float32" if overhangs and faulty else self.compute_dtype

    def _cut(self, kernel: Tensor, sizes: tuple[int, ...]):
        axes = zip(sizes, self.kernel_size, self.strides, strict=True)
        met = [taps_that_meet_data(*axis) for axis in axes]
        if math.prod(map(len, met)) > WORTH_CUTTING * math.prod(self.kernel_size):
            return kernel
        return _cut_off(kernel, [(taps.start, taps.stop) for taps in met])

    def _is_plain(self, sizes: Shape) -> bool:
        return (
            self.padding == "same"
            and self.data_format == "channels_last"
            and self.dilation_rate == (1, 1, 1)
            and self.groups == 1
            and None not in sizes
        )


def _with_zeros(inputs: Tensor, kernel: Shape, strides: Shape):
    """The clip with the zeros around it that "same" padding counts, `(b, t', h', w', c)`."""
    around = [(0, 0)]
    for size, taps, stride in zip(inputs.shape[1:4], kernel, strides, strict=False):
        more = max((-(-size // stride) - 1) * stride + taps - size, 0)
        around.append((more // 2, more - more // 2))
    return ops.pad(inputs, [*around, (0, 0)])


def _cut_off(kernel: Tensor, ends: list[tuple[int, int]]):
    """`kernel[start:stop, …]`; its gradient is padded, which is faster than to fill a slice."""

    @ops.custom_gradient
    def cut(whole: Tensor):
        sizes = whole.shape[: len(ends)]
        around = [(start, size - stop) for size, (start, stop) in zip(sizes, ends, strict=True)]
        around += [(0, 0)] * (len(whole.shape) - len(ends))

        def grad(*args: Any, upstream: Tensor | None = None):
            return ops.pad(args[0] if upstream is None else upstream, around)

        return whole[tuple(slice(*end) for end in ends)], grad

    # Reshaped, it is a tensor and no longer a variable, as the gradient's decorator asks for.
    return cut(ops.reshape(kernel, kernel.shape))


@_register
class StemConv3D(Conv3D):
    """First convolution of a network, which trains on gray clips at the cost of one channel.

    The papers' networks take three channels, and gray clips come as three equal ones. In training
    every batch is tested for equal channels; if they are, the kernel is summed over its channels
    and applied to one of them: the same outputs, and the same gradient of the kernel, for a third
    of the products. To other clips, and to all clips at inference, the whole kernel is applied.

    Of a gray batch in training, the gradient by the clip is shared evenly by its channels; at
    inference, where explanations ask for it, each channel has its own.
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Convolves.

        Args:
            inputs: `(b, t, h, w, c)` float.
            training: Whether equal channels are looked for.

        Returns:
            `(b, t', h', w', filters)`, the layer's compute dtype.
        """
        last = self.data_format == "channels_last"
        if not training or not last or self.groups > 1 or inputs.shape[-1] == 1:
            return super().call(inputs)
        first, *others = ops.unstack(inputs, axis=-1)
        # One by one: twice as fast as against the first, broadcast.
        gray = ops.all(ops.stack([ops.all(ops.equal(first, other)) for other in others]))
        whole = super().call
        return ops.cond(gray, lambda: self._of_gray(inputs), lambda: whole(inputs))

    def _of_gray(self, inputs: Tensor):
        one = ops.sum(self.kernel, axis=-2, keepdims=True)
        return self._convolve(_one_channel(inputs), one)


@ops.custom_gradient
def _one_channel(clips: Tensor):
    channels = clips.shape[-1]

    def grad(*args: Any, upstream: Tensor | None = None):
        upstream = args[0] if upstream is None else upstream
        return ops.repeat(upstream / channels, channels, axis=-1)

    return clips[..., :1], grad


def taps_that_meet_data(size: int, kernel_size: int, stride: int) -> range:
    """Taps of a kernel that ever lie on data rather than padding, along one axis.

    Without the others, "same" padding applies the rest at the same positions.

    Args:
        size: Length of the axis.
        kernel_size: Taps of the kernel.
        stride: Step between two positions of the kernel; padding is "same".

    Returns:
        Consecutive taps, counted from 0.
    """
    last = (-(-size // stride) - 1) * stride
    before = max(last + kernel_size - size, 0) // 2
    return range(max(before - last, 0), min(size + before, kernel_size))


@_register
class L2(keras.regularizers.L2):
    """Penalty `l2·Σw²` whose gradient is written as `2·l2·w`.

    Derived automatically, the gradient passes over all weights four times instead of once; with
    tens of millions of weights that shows in every training step.
    """

    def __call__(self, x: Tensor) -> Tensor:
        """Sums the squares.

        Args:
            x: Weights of any shape, float.

        Returns:
            Scalar, 0 or more.
        """
        # Flat, it is a tensor and no longer a variable, as the gradient's decorator asks for.
        weights = ops.reshape(x, (-1,))
        return _penalty(weights, ops.convert_to_tensor(self.l2, dtype=weights.dtype))


@ops.custom_gradient
def _penalty(weights: Tensor, factor: Tensor):
    def grad(*args: Any, upstream: Tensor | None = None):
        upstream = args[0] if upstream is None else upstream
        return 2.0 * factor * upstream * weights, ops.zeros_like(factor)

    return factor * _sum_of_squares(weights), grad


def _sum_of_squares(weights: Tensor):
    if keras.backend.backend() != "tensorflow":
        return ops.sum(ops.square(weights))
    import tensorflow as tf

    # One pass, without an array of the squares.
    return 2.0 * tf.nn.l2_loss(weights)
