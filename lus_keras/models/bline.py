"""The four B-line networks of Kerdegari et al. 2021 (ISBI).

clip (t, h, w, 1) → frame CNN → 256 a frame → [BiLSTM] → attention | mean → features → logits

c2d_a        2D CNN                 attention
c3d_a        3D CNN, time kept      attention
c2d_lstm     2D CNN    BiLSTM(16)   mean over time
c2d_lstm_a   2D CNN    BiLSTM(16)   attention
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
from keras import layers

from lus_keras.core.typing import Tensor
from lus_keras.layers import (
    AttentionPooling,
    BatchNormalization,
    FrameMaxPooling,
    TemporalAttention,
    TimeDistributed,
)

BN_ORDERS = ("relu_bn", "bn_relu")
HEADS = {"softmax2": 2, "sigmoid1": 1}


def build_bline(
    input_shape: tuple[int, int, int, int],
    *,
    conv: str = "2d",
    lstm_units: int = 0,
    attention: bool = True,
    filters: tuple[int, int] = (16, 32),
    dense_units: int = 256,
    bn_order: str = "relu_bn",
    bn_momentum: float = 0.99,
    dropout: float = 0.2,
    l2: float = 1e-5,
    pool: str = "mean",
    head: str = "softmax2",
    name: str = "bline",
) -> keras.Model:
    """Builds one of the four networks, uncompiled.

    Args:
        input_shape: `(t, h, w, c)`; the paper's is (30, 64, 64, 1). Height and width are multiples
            of 4 or lose their remainder in pooling.
        conv: "2d" treats frames one by one, "3d" convolves over time too (3×3×3, time is never
            pooled).
        lstm_units: Units per direction of the BiLSTM; 0 leaves it out.
        attention: Temporal attention (Eq. 1–2) instead of the plain mean over time.
        filters: Filters of the two convolutions before and the two after the first pooling.
        dense_units: Length of a frame's feature vector.
        bn_order: "relu_bn" as in the first author's public Keras code, "bn_relu" as in the group's
            later port.
        bn_momentum: Share of the moving averages kept at a step; Keras's default needs several
            hundred steps to forget its start.
        dropout: Rate after the frame features and after the BiLSTM, 0 … 1.
        l2: Factor of the L2 penalty on convolution, dense and LSTM kernels; its gradient is
            `2·l2·w`.
        pool: "mean" (Eq. for Ā) or "sum" of the attention-weighted frames.
        head: "softmax2" (two logits) or "sigmoid1" (one).
        name: Name of the model.

    Returns:
        Model from clips `(b, t, h, w, c)` float32 in 0 … 1 to logits `(b, 2)` or `(b, 1)` float32.
        The layer `attention`, where there is one, gives the frame weights `(b, t)`.

    Raises:
        ValueError: An option is not one of those named.
    """
    _check_options(conv=conv, bn_order=bn_order, head=head)
    penalty = keras.regularizers.L2(l2) if l2 else None
    normalise = partial(BatchNormalization, momentum=bn_momentum)
    clip = keras.Input(input_shape, name="clip")
    x = clip
    for index, count in enumerate((filters[0], filters[0], filters[1], filters[1]), start=1):
        x = _conv_block(x, count, conv, bn_order, normalise, penalty, name=f"conv{index}")
        if index % 2 == 0:
            x = _max_pool(x, conv, name=f"pool{index // 2}")
    x = TimeDistributed(layers.Flatten(), name="flatten")(x)
    dense = layers.Dense(dense_units, activation="relu", kernel_regularizer=penalty)
    x = TimeDistributed(dense, name="frame_features")(x)
    x = layers.Dropout(dropout, name="frame_dropout")(x)
    if lstm_units:
        x = _bilstm(x, lstm_units, dropout, normalise, penalty)
    if attention:
        weights = TemporalAttention(name="attention")(x)
        x = AttentionPooling(pool, name="features")([x, weights])
    else:
        x = layers.GlobalAveragePooling1D(name="features")(x)
    logits = layers.Dense(HEADS[head], kernel_regularizer=penalty, dtype="float32", name="logits")(
        x
    )
    return keras.Model(clip, logits, name=name)


def _check_options(conv: str, bn_order: str, head: str) -> None:
    for option, value, allowed in (
        ("conv", conv, ("2d", "3d")),
        ("bn_order", bn_order, BN_ORDERS),
        ("head", head, tuple(HEADS)),
    ):
        if value not in allowed:
            raise ValueError(f"`{option}` must be one of {allowed}. Received: {option}={value!r}.")


def _conv_block(
    x: Tensor,
    filters: int,
    conv: str,
    bn_order: str,
    normalise: Callable[..., Any],
    penalty: Any,
    *,
    name: str,
):
    """3×3 convolution, ReLU and normalisation in the order asked for; only channels change."""
    if conv == "3d":

        def wrap(layer: keras.Layer, name: str) -> keras.Layer:
            layer.name = name
            return layer

        convolution = layers.Conv3D(filters, 3, padding="same", kernel_regularizer=penalty)
    else:
        wrap = TimeDistributed
        convolution = layers.Conv2D(filters, 3, padding="same", kernel_regularizer=penalty)
    if bn_order == "relu_bn":
        convolution.activation = keras.activations.relu
        x = wrap(convolution, name=name)(x)
        return wrap(normalise(), name=f"{name}_bn")(x)
    x = wrap(convolution, name=name)(x)
    x = wrap(normalise(), name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _max_pool(x: Tensor, conv: str, name: str):
    if conv == "3d":
        return FrameMaxPooling(name=name)(x)
    return TimeDistributed(layers.MaxPooling2D(2), name=name)(x)


def _bilstm(x: Tensor, units: int, dropout: float, normalise: Callable[..., Any], penalty: Any):
    lstm = layers.LSTM(
        units, return_sequences=True, kernel_regularizer=penalty, recurrent_regularizer=penalty
    )
    x = layers.Bidirectional(lstm, name="bilstm")(x)
    x = normalise(name="bilstm_bn")(x)
    return layers.Dropout(dropout, name="bilstm_dropout")(x)


build_c2d_a = partial(build_bline, name="c2d_a")
build_c3d_a = partial(build_bline, conv="3d", name="c3d_a")
build_c2d_lstm = partial(build_bline, lstm_units=16, attention=False, name="c2d_lstm")
build_c2d_lstm_a = partial(build_bline, lstm_units=16, name="c2d_lstm_a")

MODELS = {
    "c2d_a": build_c2d_a,
    "c3d_a": build_c3d_a,
    "c2d_lstm": build_c2d_lstm,
    "c2d_lstm_a": build_c2d_lstm_a,
}
