"""Parts and networks that the papers name as future work; none of them is published.

mmode_3d        3D ResNet on the clip beside ResNet-18 on its middle column over time
efficientnet_b0 keras.applications' network on single frames
"""

from __future__ import annotations

from typing import Annotated, Any

import keras
import numpy as np
from keras import layers
from pydantic import PositiveInt

from lus_keras.core.typing import Tensor
from lus_keras.models.mmode import build_mmode_resnet18
from lus_keras.models.options import OfClasses
from lus_keras.models.resnet3d import build_resnet3d
from lus_keras.models.resnet152 import IMAGENET_MEAN, IMAGENET_STD, RESNET101, _v1_5

# Convolutions of each stage of VGG19, and their filters as a multiple of the first stage's.
VGG19 = ((2, 1), (2, 2), (4, 4), (4, 8), (4, 8))


def deep_frames(name: str, shape: tuple[int, ...], width: int, momentum: float) -> keras.Model:
    """VGG19 or ResNet101 without a head, of any width, which keras.applications does not offer.

    Args:
        name: "vgg19" or "resnet101".
        shape: `(h, w, c)`.
        width: Filters of the first stage.
        momentum: Share of the moving averages that ResNet101 keeps at a step.

    Returns:
        Model from frames `(b, h, w, c)` to feature maps `(b, ⌈h/32⌉, ⌈w/32⌉, filters)`.
    """
    frame = keras.Input(shape)
    if name == "resnet101":
        return keras.Model(frame, _v1_5(frame, RESNET101, width, momentum), name=name)
    x = frame
    for stage, (count, factor) in enumerate(VGG19, start=1):
        for index in range(1, count + 1):
            x = layers.Conv2D(
                *(width * factor, 3),
                padding="same",
                activation="relu",
                # Without normalization, nineteen layers from Glorot's values pass nothing on.
                kernel_initializer="he_normal",
                name=f"block{stage}_conv{index}",
            )(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"block{stage}_pool")(x)
    return keras.Model(frame, x, name=name)


def without_recurrence(
    x: Tensor, kind: str, units: int, dropout: float, normalize: Any, penalty: Any
) -> Tensor:
    """Combines frames `(b, t, d)` over time by convolution or attention: `(b, t, units)`.

    Args:
        kind: "tcn", four residual convolutions that reach 15 frames in either direction, or
            "heads", one layer of self-attention with four heads.
    """
    x = layers.Dense(units, kernel_regularizer=penalty, name="narrow")(x)
    if kind == "heads":
        seen = layers.MultiHeadAttention(4, units // 4, dropout=dropout, name="heads")(x, x)
        return layers.LayerNormalization(name="heads_norm")(layers.Add()([x, seen]))
    for reach in (1, 2, 4, 8):
        y = layers.Conv1D(
            *(units, 3),
            padding="same",
            dilation_rate=reach,
            activation="relu",
            kernel_regularizer=penalty,
            name=f"tcn{reach}",
        )(x)
        y = layers.Dropout(dropout)(normalize(name=f"tcn{reach}_bn")(y))
        x = layers.Add(name=f"tcn{reach}_add")([x, y])
    return x


def build_mmode_3d(
    input_shape: tuple[int, int, int, int],
    *,
    num_outputs: int = 1,
    filters: int = 64,
    reg_factor: float = 1e-4,
    bn_momentum: float = 0.99,
) -> keras.Model:
    """Builds the 3D and the M-mode network of lung sliding with a joint last layer, uncompiled.

    Args:
        input_shape: `(t, h, w, c)` of a tile.
        num_outputs: Logits.
        filters: Filters of the first stage of both.
        reg_factor: As `build_resnet3d`, of the 3D network alone.
        bn_momentum: Share of the moving averages kept at a step.

    Returns:
        Model from clips `(b, t, h, w, c)` float32 to logits `(b, num_outputs)` float32.
    """
    t, h, w, c = input_shape
    clip = keras.Input(input_shape, name="clip")
    column = layers.Permute((2, 1, 3), name="depth_by_time")(clip[:, :, :, w // 2])
    same: dict[str, Any] = {"filters": filters, "bn_momentum": bn_momentum}
    parts = (
        (build_resnet3d(input_shape, reg_factor=reg_factor, **same), clip),
        (build_mmode_resnet18((h, t, c), **same), column),
    )
    seen = [
        keras.Model(part.input, part.get_layer("features").output, name=part.name)(x)
        for part, x in parts
    ]
    x = layers.Concatenate(dtype="float32", name="features")(seen)
    logits = layers.Dense(num_outputs, dtype="float32", name="logits")(x)
    return keras.Model(clip, logits, name="mmode_3d")


def build_efficientnet_b0(
    input_shape: tuple[int, int, int],
    *,
    num_outputs: Annotated[PositiveInt, OfClasses()] = 4,
) -> keras.Model:
    """Builds keras.applications' EfficientNet-B0 with random weights, uncompiled.

    Args:
        input_shape: `(h, w, 3)`, from 32 pixels a side.
        num_outputs: Logits.

    Returns:
        Model from frames normalized as for PyTorch to logits `(b, num_outputs)` float32.
    """
    frame = keras.Input(input_shape, name="frame")
    mean, std = 255 * np.array(IMAGENET_MEAN), 255 * np.array(IMAGENET_STD)
    # It normalizes gray levels of 0 … 255 itself.
    x = layers.Rescaling(std.tolist(), mean.tolist(), name="grey_levels")(frame)
    body = keras.applications.EfficientNetB0(include_top=False, weights=None, input_tensor=x)
    x = layers.GlobalAveragePooling2D(name="features")(body.output)
    logits = layers.Dense(num_outputs, dtype="float32", name="logits")(x)
    return keras.Model(frame, logits, name="efficientnet_b0")


MODELS = {
    "mmode_3d": build_mmode_3d,
    "efficientnet_b0": build_efficientnet_b0,
}
