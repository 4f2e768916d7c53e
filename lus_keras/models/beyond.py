"""Variants of the papers' networks that the papers name as future work; none of them is published.

bline_variant   frames: CNN | VGG19 | ResNet101 → [spatial mask] → BiLSTM | TCN | heads → attention
mmode_3d        3D ResNet on the clip beside ResNet-18 on its middle column over time
efficientnet_b0 keras.applications' network on single frames
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from lus_keras.core.typing import Shape, Tensor
from lus_keras.layers import AttentionPooling, BatchNormalization, TemporalAttention
from lus_keras.layers import TimeDistributed as Each
from lus_keras.models.bline import HEADS, _bilstm, _conv_block
from lus_keras.models.mmode import build_mmode_resnet18
from lus_keras.models.resnet3d import build_resnet3d
from lus_keras.models.resnet152 import IMAGENET_MEAN, IMAGENET_STD, _v1_5

# Convolutions and width of each stage of VGG19.
VGG19 = ((2, 1), (2, 2), (4, 4), (4, 8), (4, 8))
RESNET101 = (3, 4, 23, 3)
# Length of a frame's vector after the BiLSTM of 16 units, which all others are given as well.
UNITS = 32
CHOICES = {
    "frame_network": ("cnn", "vgg19", "resnet101"),
    "temporal": ("bilstm", "tcn", "heads", "none"),
    "focus": ("linear", "additive", "gated"),
}


@keras.saving.register_keras_serializable("lus_keras")
class HiddenAttention(TemporalAttention):
    """Importance of frames by a hidden layer: `e_t = w·tanh(V h_t)`, softmax over time.

    Additive attention (Bahdanau 2015); gated (Ilse 2018, Eq. 9) multiplies the tanh by
    `sigmoid(U h_t)`, the attention pooling of multiple-instance learning.

    Args:
        units: Hidden units.
        gated: Whether there is a gate.
    """

    def __init__(self, units: int = UNITS, gated: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.units, self.gated = units, gated

    def build(self, input_shape: Shape) -> None:
        """Creates `V`, `w`, and `U` where there is a gate."""
        add = partial(self.add_weight, initializer="glorot_uniform")
        self.hidden = add(shape=(input_shape[-1], self.units), name="hidden")
        if self.gated:
            self.gate = add(shape=(input_shape[-1], self.units), name="gate")
        super().build((*input_shape[:-1], self.units))

    def call(self, inputs: Tensor) -> Tensor:
        """`(b, t, d)` frames → `(b, t)` float32 weights, each row sums to 1."""
        hidden = ops.tanh(ops.matmul(inputs, self.hidden))
        if self.gated:
            hidden = hidden * ops.sigmoid(ops.matmul(inputs, self.gate))
        return super().call(hidden)

    def get_config(self) -> dict[str, Any]:
        """Adds the options."""
        return {**super().get_config(), "units": self.units, "gated": self.gated}


def build_bline_variant(
    input_shape: tuple[int, int, int, int],
    *,
    frame_network: str = "cnn",
    frame_width: int = 64,
    spatial: bool = False,
    temporal: str = "bilstm",
    focus: str = "linear",
    filters: tuple[int, int] = (16, 32),
    dense_units: int = 256,
    bn_order: str = "relu_bn",
    bn_momentum: float = 0.99,
    dropout: float = 0.2,
    l2: float = 1e-5,
    pool: str = "mean",
    head: str = "softmax2",
) -> keras.Model:
    """Builds C2D+LSTM+A with parts exchanged, uncompiled.

    Args:
        input_shape: `(t, h, w, c)`.
        frame_network: "cnn" as in the paper, "vgg19", or "resnet101" with mean over places.
        frame_width: Filters of the first stage of VGG19 and ResNet101; theirs is 64.
        spatial: Weigh the places of a frame, by a sigmoid of a 1×1 convolution, before its vector.
        temporal: "bilstm", "tcn" (Bai 2018, not causal), "heads" (self-attention), or "none".
        focus: Weights of frames: "linear" (Eq. 1), "additive", or "gated".
        filters: As `build_bline`, like all that follow.

    Returns:
        Model from clips `(b, t, h, w, c)` float32 to logits, layers named as in `build_bline`;
        `spatial_mask` gives `(b, t, h', w', 1)` in 0 … 1.

    Raises:
        ValueError: An option is not one of those named.
    """
    for option, value in zip(CHOICES, (frame_network, temporal, focus), strict=True):
        if value not in CHOICES[option]:
            known = CHOICES[option]
            raise ValueError(f"`{option}` must be one of {known}. Received: {option}={value!r}.")
    penalty = keras.regularizers.L2(l2) if l2 else None
    normalise = partial(BatchNormalization, momentum=bn_momentum)
    clip = keras.Input(input_shape, name="clip")
    if frame_network == "cnn":
        x = _cnn(clip, filters, (bn_order, normalise, penalty))
    else:
        x = Each(_deep(frame_network, input_shape[1:], frame_width, bn_momentum))(clip)
    if spatial:
        mask = Each(layers.Conv2D(1, 1, activation="sigmoid"), name="spatial_mask")(x)
        x = layers.Multiply(name="attended")([x, mask])
    flat = layers.Flatten() if frame_network == "cnn" else layers.GlobalAveragePooling2D()
    dense = layers.Dense(dense_units, activation="relu", kernel_regularizer=penalty)
    x = Each(dense, name="frame_features")(Each(flat, name="flatten")(x))
    x = layers.Dropout(dropout, name="frame_dropout")(x)
    x = _over_time(x, temporal, dropout, normalise, penalty)
    hidden = HiddenAttention(gated=focus == "gated", name="attention")
    weights = (TemporalAttention(name="attention") if focus == "linear" else hidden)(x)
    x = AttentionPooling(pool, name="features")([x, weights])
    last = layers.Dense(HEADS[head], kernel_regularizer=penalty, dtype="float32", name="logits")
    return keras.Model(clip, last(x), name="bline_variant")


def _cnn(x: Tensor, filters: tuple[int, int], options: tuple[Any, ...]):
    """The paper's frame CNN."""
    for index, count in enumerate((filters[0], filters[0], filters[1], filters[1]), start=1):
        x = _conv_block(x, count, "2d", *options, name=f"conv{index}")
        if index % 2 == 0:
            x = Each(layers.MaxPooling2D(2), name=f"pool{index // 2}")(x)
    return x


def _deep(name: str, shape: tuple[int, ...], width: int, momentum: float) -> keras.Model:
    """VGG19 or ResNet101 from a frame to maps, of any width, which keras.applications lacks."""
    frame = keras.Input(shape)
    if name == "resnet101":
        return keras.Model(frame, _v1_5(frame, RESNET101, width, momentum), name=name)
    x = frame
    for stage, (count, factor) in enumerate(VGG19, start=1):
        for index in range(1, count + 1):
            x = layers.Conv2D(
                width * factor,
                3,
                padding="same",
                activation="relu",
                # Without normalisation, nineteen layers from Glorot's values pass nothing on.
                kernel_initializer="he_normal",
                name=f"block{stage}_conv{index}",
            )(x)
        x = layers.MaxPooling2D(2, padding="same", name=f"block{stage}_pool")(x)
    return keras.Model(frame, x, name=name)


def _over_time(x: Tensor, temporal: str, dropout: float, normalise: Any, penalty: Any):
    if temporal == "bilstm":
        return _bilstm(x, UNITS // 2, dropout, normalise, penalty)
    if temporal == "none":
        return x
    x = layers.Dense(UNITS, kernel_regularizer=penalty, name="narrow")(x)
    if temporal == "heads":
        seen = layers.MultiHeadAttention(4, UNITS // 4, dropout=dropout, name="heads")(x, x)
        return layers.LayerNormalization(name="heads_norm")(layers.Add()([x, seen]))
    for reach in (1, 2, 4, 8):
        y = layers.Conv1D(
            *(UNITS, 3),
            padding="same",
            dilation_rate=reach,
            activation="relu",
            kernel_regularizer=penalty,
            name=f"tcn{reach}",
        )(x)
        y = layers.Dropout(dropout)(normalise(name=f"tcn{reach}_bn")(y))
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
    """Builds both networks of lung sliding side by side, uncompiled; one layer reads both.

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
    input_shape: tuple[int, int, int], *, num_outputs: int = 4
) -> keras.Model:
    """Builds keras.applications' EfficientNet-B0 with random weights, uncompiled.

    Args:
        input_shape: `(h, w, 3)`, from 32 pixels a side.
        num_outputs: Logits.

    Returns:
        Model from frames normalised as for PyTorch to logits `(b, num_outputs)` float32.
    """
    frame = keras.Input(input_shape, name="frame")
    mean, std = 255 * np.array(IMAGENET_MEAN), 255 * np.array(IMAGENET_STD)
    # It normalises grey levels of 0 … 255 itself.
    x = layers.Rescaling(std.tolist(), mean.tolist(), name="grey_levels")(frame)
    body = keras.applications.EfficientNetB0(include_top=False, weights=None, input_tensor=x)
    x = layers.GlobalAveragePooling2D(name="features")(body.output)
    logits = layers.Dense(num_outputs, dtype="float32", name="logits")(x)
    return keras.Model(frame, logits, name="efficientnet_b0")


MODELS = {
    "bline_variant": build_bline_variant,
    "mmode_3d": build_mmode_3d,
    "efficientnet_b0": build_efficientnet_b0,
}
