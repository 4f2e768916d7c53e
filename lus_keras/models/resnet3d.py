"""3D residual networks of the lung-sliding paper, number for number those of keras-resnet3d.

clip (t, h, w, c) → stem 7³/2 → max pool 3³/2 → stage1 … stage4 → BN → ReLU → features → logits

    basic        BN ReLU 3³    BN ReLU 3³
    bottleneck   BN ReLU 1³    BN ReLU 3³    BN ReLU 1³ (4 times the filters)

A block adds its raw input to that, through a 1³ convolution where shape or channels differ. The
very first block starts with its convolution, as the stem has just been normalized. Stages 2 to 4
start with stride 2 in time, height and width. The original ends in a sigmoid or a softmax; ours
ends before it. Weights come in the original's order: `ours.set_weights(original.get_weights())`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import keras
from keras import layers
from pydantic import PositiveInt

from lus_keras.core.typing import Tensor
from lus_keras.layers import BatchNormalization
from lus_keras.models.convolution import L2, Conv3D, StemConv3D
from lus_keras.models.options import Factor, Share

Depth = Literal[18, 34, 50, 101, 152]
# The original's own constant: its shortcuts ignore `reg_factor`.
SHORTCUT_L2 = 1e-4

# Kernel size, and filters as a multiple of the stage's, of each convolution in a block.
BASIC = ((3, 1), (3, 1))
BOTTLENECK = ((1, 1), (3, 1), (1, 4))

# Depth: kind of block, blocks in each of the four stages.
DEPTHS: dict[Depth, tuple[tuple[tuple[int, int], ...], tuple[int, ...]]] = {
    18: (BASIC, (2, 2, 2, 2)),
    34: (BASIC, (3, 4, 6, 3)),
    50: (BOTTLENECK, (3, 4, 6, 3)),
    101: (BOTTLENECK, (3, 4, 23, 3)),
    152: (BOTTLENECK, (3, 8, 36, 3)),
}


def build_resnet3d(
    input_shape: tuple[int, int, int, int],
    *,
    depth: Depth = 18,
    num_outputs: PositiveInt = 1,
    filters: PositiveInt = 64,
    reg_factor: Factor = 1e-4,
    bn_momentum: Share = 0.99,
    factored: bool = False,
    difference: bool = False,
) -> keras.Model:
    """Builds the network of one depth, uncompiled.

    Args:
        input_shape: `(t, h, w, c)`; the paper's are (60, s, s, 3) with s = 30, 60 or 90.
        depth: One of `DEPTHS`.
        filters: Filters of the stem and of stage 1; each stage doubles them.
        reg_factor: Factor of the L2 penalty on kernels (gradient `2·reg_factor·w`), 0 or more; that
            of the shortcuts stays 1e-4, as in the original.
        factored: Whether the blocks convolve over space, then time, see `_factored`; not published.
        difference: Whether the network sees each frame minus the one before; not published.

    Returns:
        Model from clips `(b, t, h, w, c)` float32 to logits `(b, num_outputs)` float32. The layer
        `features` gives the pooled vector `(b, c)`, c = 8·`filters`, 4 times that for bottlenecks.

    Raises:
        ValueError: An option or a size is out of range.
    """
    _check(input_shape, depth=depth, num_outputs=num_outputs, reg_factor=reg_factor)
    kind, blocks_per_stage = DEPTHS[depth]
    normalize = partial(_bn_relu, momentum=bn_momentum)
    start: dict[str, Any] = {
        "kernel_initializer": "he_normal",
        "kernel_regularizer": L2(reg_factor),
    }
    convolve: Callable[..., Any] = partial(Conv3D, padding="same", **start)
    if factored:
        convolve = partial(_factored, normalize=normalize, **start)
    clip = keras.Input(input_shape, name="clip")
    x = clip[:, 1:] - clip[:, :-1] if difference else clip
    x = StemConv3D(filters, 7, strides=2, padding="same", name="stem", **start)(x)
    x = normalize(x, name="stem")
    x = layers.MaxPooling3D(3, strides=2, padding="same", name="stem_pool")(x)
    for stage, blocks in enumerate(blocks_per_stage, start=1):
        for block in range(1, blocks + 1):
            x = _block(
                x,
                kind,
                filters * 2 ** (stage - 1),
                strides=2 if stage > 1 and block == 1 else 1,
                normalized=stage == block == 1,
                convolve=convolve,
                normalize=normalize,
                name=f"stage{stage}_block{block}",
            )
    x = normalize(x, name="top")
    x = layers.GlobalAveragePooling3D(dtype="float32", name="features")(x)
    logits = layers.Dense(num_outputs, dtype="float32", name="logits", **start)
    return keras.Model(clip, logits(x), name=f"resnet3d_{depth}")


def _check(input_shape: tuple[int, ...], depth: int, num_outputs: int, reg_factor: float) -> None:
    rules = (
        (
            "input_shape",
            input_shape,
            "four sizes (t, h, w, c) of 1 or more",
            len(input_shape) == 4 and all(isinstance(s, int) and s > 0 for s in input_shape),
        ),
        ("depth", depth, f"one of {tuple(DEPTHS)}", depth in DEPTHS),
        ("num_outputs", num_outputs, "1 or more", num_outputs >= 1),
        ("reg_factor", reg_factor, "0 or more", reg_factor >= 0),
    )
    for option, value, rule, kept in rules:
        if not kept:
            raise ValueError(f"`{option}` must be {rule}. Received: {option}={value!r}.")


def _bn_relu(x: Tensor, momentum: float, name: str):
    x = BatchNormalization(momentum=momentum, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _block(
    x: Tensor,
    kind: tuple[tuple[int, int], ...],
    filters: int,
    *,
    strides: int,
    normalized: bool,
    convolve: Callable[..., Any],
    normalize: Callable[..., Any],
    name: str,
):
    """Residual block; its stride is on its first convolution."""
    residual = x
    for index, (size, widening) in enumerate(kind, start=1):
        conv = f"{name}_conv{index}"
        if index > 1 or not normalized:
            residual = normalize(residual, name=conv)
        residual = convolve(
            filters * widening, size, strides=strides if index == 1 else 1, name=conv
        )(residual)
    return layers.Add(name=name)([_shortcut(x, residual, convolve, name), residual])


def _factored(
    filters: int, size: int, *, name: str, normalize: Any, strides: Any = 1, **start: Any
):
    """(2+1)D convolution (Tran 2018): space, BN, ReLU, time; about as many weights as in 3D."""

    def convolve(x: Tensor):
        if size == 1:
            return Conv3D(filters, 1, strides, padding="same", name=name, **start)(x)
        channels = x.shape[-1]
        middle = size**3 * channels * filters // (size**2 * channels + size * filters)
        over_space = layers.Conv3D(
            *(middle, (1, size, size), (1, strides, strides)),
            padding="same",
            name=f"{name}_space",
            **start,
        )
        x = normalize(over_space(x), name=f"{name}_middle")
        over_time = layers.Conv3D(
            *(filters, (size, 1, 1), (strides, 1, 1)), padding="same", name=name, **start
        )
        return over_time(x)

    return convolve


def _shortcut(x: Tensor, residual: Tensor, convolve: Callable[..., Any], name: str):
    if x.shape == residual.shape:
        return x
    # An axis of size 1 cannot be halved: the stride follows from the sizes, rounded up.
    sizes = zip(x.shape[1:4], residual.shape[1:4], strict=True)
    strides = tuple(-(-before // after) for before, after in sizes)
    return convolve(
        residual.shape[-1],
        1,
        strides=strides,
        kernel_regularizer=L2(SHORTCUT_L2),
        name=f"{name}_shortcut",
    )(x)


MODELS = {f"resnet3d_{depth}": partial(build_resnet3d, depth=depth) for depth in DEPTHS}
