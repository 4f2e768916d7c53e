"""2D ResNet-18 over M-mode slices, the baseline that the lung-sliding paper cites.

slice (h, 64, c) → stem 7²/2 → max pool 3²/2 → stage1 … stage4 → features → logits

An M-mode slice shows one image column over time: depth down, frames to the right. The cited work
(Jaščur et al. 2021) is known to us by its abstract, "ResNet-18" and a window of 64 frames: all else
is our choice. It is the network that name stands for since He et al. 2016: Conv-BN-ReLU with
the sum before the last ReLU, in the sizes of torchvision's `resnet18` (no convolution biases,
symmetric padding, BN ε = 1e-5). A 2D twin of `resnet3d_18` would compare pre-activation orders, not
M-mode with video.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers
from pydantic import PositiveInt

from lus_keras.core.typing import Tensor
from lus_keras.layers import BatchNormalization
from lus_keras.models.options import Factor, Share

BLOCKS_PER_STAGE = (2, 2, 2, 2)


def build_mmode_resnet18(
    input_shape: tuple[int, int, int],
    *,
    num_outputs: PositiveInt = 1,
    filters: PositiveInt = 64,
    bn_momentum: Share = 0.9,
    l2: Factor = 0.0,
) -> keras.Model:
    """Builds the network, uncompiled.

    Args:
        input_shape: `(h, frames, c)`; the cited window is 64 frames.
        num_outputs: Logits, 1 or more.
        filters: Filters of the stem and of stage 1; each stage doubles them.
        bn_momentum: Share of the moving averages kept at a step.
        l2: Factor of the L2 penalty on kernels, 0 or more; its gradient is `2·l2·w`.

    Returns:
        Model from slices `(b, h, frames, c)` float32 to logits `(b, num_outputs)` float32. The
        layer `features` gives the pooled vector `(b, 8·filters)`.

    Raises:
        ValueError: `num_outputs` is less than 1, or `input_shape` does not have three sizes.
    """
    if len(input_shape) != 3:
        raise ValueError(
            "`input_shape` must be three sizes (h, frames, c). "
            f"Received: input_shape={input_shape!r}."
        )
    if num_outputs < 1:
        raise ValueError(f"`num_outputs` must be 1 or more. Received: num_outputs={num_outputs}.")
    penalty = keras.regularizers.L2(l2) if l2 else None
    conv_bn = partial(_conv_bn, momentum=bn_momentum, penalty=penalty)
    mmode = keras.Input(input_shape, name="mmode")
    x = conv_bn(mmode, filters, 7, strides=2, name="stem")
    x = layers.ReLU(name="stem_relu")(x)
    # After a ReLU a border of zeros is what a border of minus infinity would be.
    x = layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)
    for stage, blocks in enumerate(BLOCKS_PER_STAGE, start=1):
        for block in range(1, blocks + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            name = f"stage{stage}_block{block}"
            x = _basic_block(x, filters * 2 ** (stage - 1), strides, conv_bn, name)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    logits = layers.Dense(num_outputs, kernel_regularizer=penalty, dtype="float32", name="logits")(
        x
    )
    return keras.Model(mmode, logits, name="mmode_resnet18")


def _conv_bn(
    x: Tensor, filters: int, size: int, *, strides: int, momentum: float, penalty: Any, name: str
):
    """Convolution without bias, padded alike on both sides, then normalization."""
    # Without strides that is what "same" does.
    padded = strides > 1 and size > 1
    if padded:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="valid" if padded else "same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=penalty,
        name=name,
    )(x)
    return BatchNormalization(momentum=momentum, epsilon=1e-5, name=f"{name}_bn")(x)


def _basic_block(x: Tensor, filters: int, strides: int, conv_bn: Callable[..., Any], name: str):
    residual = conv_bn(x, filters, 3, strides=strides, name=f"{name}_conv1")
    residual = layers.ReLU(name=f"{name}_conv1_relu")(residual)
    residual = conv_bn(residual, filters, 3, strides=1, name=f"{name}_conv2")
    if x.shape != residual.shape:
        x = conv_bn(x, filters, 1, strides=strides, name=f"{name}_shortcut")
    x = layers.Add(name=name)([x, residual])
    return layers.ReLU(name=f"{name}_relu")(x)


MODELS = {"mmode_resnet18": build_mmode_resnet18}
