"""The four B-line networks of Kerdegari et al. 2021 (ISBI).

clip (t, h, w, 1) → frame CNN → 256 a frame → [BiLSTM] → attention | mean → features → logits

c2d_a        2D CNN                 attention
c3d_a        3D CNN, time kept      attention
c2d_lstm     2D CNN    BiLSTM(16)   mean over time
c2d_lstm_a   2D CNN    BiLSTM(16)   attention
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal, get_args

import keras
from keras import layers
from pydantic import NonNegativeInt, PositiveInt

from lus_keras.core.typing import Tensor
from lus_keras.layers import (
    AttentionPooling,
    BatchNormalization,
    FrameMaxPooling,
    TemporalAttention,
    TimeDistributed,
)
from lus_keras.models.beyond import deep_frames, without_recurrence
from lus_keras.models.options import Factor, Only, Part, Share

HEADS = {"softmax2": 2, "sigmoid1": 1}
Conv = Literal["2d", "3d"]
Order = Literal["relu_bn", "bn_relu"]
Head = Literal["softmax2", "sigmoid1"]
Scoring = Literal["dot", "additive", "gated"]
FrameNetwork = Literal["cnn", "vgg19", "resnet101"]
Temporal = Literal["bilstm", "tcn", "heads"]
Average = Literal["mean", "max", "last"]
Place = Literal["frames", "lstm", "features"]
Kernel = tuple[PositiveInt, PositiveInt, PositiveInt]
AS_3D, AS_2D = Only("conv", ("3d",)), Only("conv", ("2d",))
WEIGHTED, UNWEIGHTED = Only("attention", get_args(Scoring)), Only("attention", (None,))


def build_bline(
    input_shape: tuple[int, int, int, int],
    *,
    conv: Conv = "2d",
    lstm_units: Annotated[NonNegativeInt, Part(PositiveInt)] = 0,
    attention: Annotated[Scoring | None, Part(Scoring)] = "dot",
    filters: tuple[PositiveInt, PositiveInt] = (16, 32),
    kernel_3d: Annotated[Kernel, AS_3D] = (3, 3, 3),
    time_pool: Annotated[PositiveInt, AS_3D] = 1,
    dense_units: PositiveInt = 256,
    bn_order: Order = "relu_bn",
    bn_momentum: Share = 0.99,
    dropout: Share = 0.2,
    dropout_at: tuple[Place, ...] = ("frames", "lstm"),
    l2: Factor = 1e-5,
    pool: Annotated[Literal["mean", "sum"], WEIGHTED] = "mean",
    average: Annotated[Average, UNWEIGHTED] = "mean",
    head: Head = "softmax2",
    frame_network: Annotated[FrameNetwork, AS_2D] = "cnn",
    frame_width: Annotated[PositiveInt, AS_2D] = 64,
    spatial: Annotated[bool, AS_2D] = False,
    temporal: Annotated[Temporal, Only("lstm_units", (16,))] = "bilstm",
    name: str = "bline",
) -> keras.Model:
    """Builds one of the four networks, uncompiled.

    Args:
        input_shape: `(t, h, w, c)`; the paper's is (30, 64, 64, 1). Height and width are multiples
            of 4 or lose their remainder in pooling.
        conv: "2d" treats frames one by one, "3d" convolves over time too.
        lstm_units: Units per direction of the BiLSTM; 0 is without BiLSTM.
        attention: Temporal attention, by "dot" (Eq. 1–2), "additive" (Bahdanau's) or "gated"
            scores (Ilse 2018); None has `average` over time instead.
        filters: Filters of the two convolutions before and the two after the first pooling.
        kernel_3d: Kernel (time, height, width) of 3D convolutions.
        time_pool: Frames that each of the two poolings of the 3D network joins; the result is
            repeated, so that there is one feature vector per frame.
        dense_units: Length of a frame's feature vector.
        bn_order: "relu_bn" as in the first author's public Keras code, "bn_relu" as in the group's
            later port.
        bn_momentum: Share of the moving averages kept at a step; Keras's default needs several
            hundred steps to forget its start.
        dropout: Rate, 0 … 1.
        dropout_at: Where: after the features of "frames", after the "lstm", and after pooling over
            time ("features").
        l2: Factor of the L2 penalty on convolution, dense and LSTM kernels; its gradient is
            `2·l2·w`.
        pool: "mean" (Eq. for Ā) or "sum" of the attention-weighted frames.
        average: "mean", "max" or "last" (that each direction reads) over time without attention.
        head: "softmax2" (two logits) or "sigmoid1" (one).
        frame_network: "cnn" as in the paper; "vgg19" or "resnet101", then the mean over pixels.
        frame_width: Filters of the first stage of VGG19 and ResNet101; theirs is 64.
        spatial: Whether pixels of a frame's maps are weighted by a sigmoid of a 1×1 convolution.
        temporal: "bilstm" as in the paper; "tcn" (Bai 2018, not causal) or "heads" (self-attention)
            of the same width in its place.
        name: Name of the model.

    Returns:
        Model from clips `(b, t, h, w, c)` float32 in 0 … 1 to logits `(b, 2)` or `(b, 1)` float32.
        The layers `attention` and `spatial_mask`, where there are any, give the frame weights
        `(b, t)` and `(b, t, h', w', 1)` in 0 … 1.

    Raises:
        ValueError: An option is not one of those named.
    """
    _check_options(
        *(("conv", conv, Conv), ("bn_order", bn_order, Order), ("head", head, Head)),
        *(("attention", attention, Scoring), ("average", average, Average)),
        *(("frame_network", frame_network, FrameNetwork), ("temporal", temporal, Temporal)),
        *(("dropout_at", place, Place) for place in dropout_at),
    )
    penalty = keras.regularizers.L2(l2) if l2 else None
    normalize = partial(BatchNormalization, momentum=bn_momentum)
    kernel = kernel_3d if conv == "3d" else (3, 3)
    clip = keras.Input(input_shape, name="clip")
    x = clip
    for index, count in enumerate((filters[0], filters[0], filters[1], filters[1]), start=1):
        if frame_network != "cnn":
            break
        x = _conv_block(x, count, kernel, bn_order, normalize, penalty, name=f"conv{index}")
        if index % 2 == 0:
            x = _max_pool(x, conv, time_pool, name=f"pool{index // 2}")
    flat = layers.Flatten()
    if frame_network != "cnn":
        deep = deep_frames(frame_network, input_shape[1:], frame_width, bn_momentum)
        x, flat = TimeDistributed(deep, name=frame_network)(clip), layers.GlobalAveragePooling2D()
    if spatial:
        place = layers.Conv2D(1, 1, activation="sigmoid")
        mask = TimeDistributed(place, name="spatial_mask")(x)
        x = layers.Multiply(name="attended")([x, mask])
    x = TimeDistributed(flat, name="flatten")(x)
    dense = layers.Dense(dense_units, activation="relu", kernel_regularizer=penalty)
    x = TimeDistributed(dense, name="frame_features")(x)
    x = _every_frame(x, input_shape[0])
    x = layers.Dropout(dropout, name="frame_dropout")(x) if "frames" in dropout_at else x
    rate = dropout if "lstm" in dropout_at else None
    if lstm_units and temporal == "bilstm":
        x = _bilstm(x, lstm_units, rate, normalize, penalty)
    elif lstm_units:
        x = without_recurrence(x, temporal, 2 * lstm_units, rate or 0.0, normalize, penalty)
    x = _over_time(x, attention, pool, average)
    x = layers.Dropout(dropout, name="features_dropout")(x) if "features" in dropout_at else x
    logits = layers.Dense(HEADS[head], kernel_regularizer=penalty, dtype="float32", name="logits")(
        x
    )
    return keras.Model(clip, logits, name=name)


def _check_options(*given: tuple[str, Any, Any]) -> None:
    for option, value, kind in given:
        if value not in (allowed := get_args(kind)) and (option, value) != ("attention", None):
            raise ValueError(f"`{option}` must be one of {allowed}. Received: {option}={value!r}.")


def _every_frame(x: Tensor, frames: int):
    """A feature vector for each of the frames, where pooling over time has left fewer."""
    if x.shape[1] == frames:
        return x
    times = -(-frames // x.shape[1])
    x = layers.UpSampling1D(times, name="repeat")(x)
    return layers.Cropping1D((0, x.shape[1] - frames), name="crop")(x)


def _over_time(x: Tensor, attention: Scoring | None, pool: str, average: Average):
    if attention:
        weights = TemporalAttention(attention, name="attention")(x)
        return AttentionPooling(pool, name="features")([x, weights])
    if average == "last":
        half = x.shape[-1] // 2
        return layers.Concatenate(name="features")([x[:, -1, :half], x[:, 0, half:]])
    pooling = {"mean": layers.GlobalAveragePooling1D, "max": layers.GlobalMaxPooling1D}
    return pooling[average](name="features")(x)


def _conv_block(
    x: Tensor,
    filters: int,
    kernel: tuple[int, ...],
    bn_order: str,
    normalize: Callable[..., Any],
    penalty: Any,
    *,
    name: str,
):
    """Convolution, ReLU and normalization in the order asked for; only channels change."""
    if len(kernel) == 3:

        def wrap(layer: keras.Layer, name: str) -> keras.Layer:
            layer.name = name
            return layer

        convolution = layers.Conv3D(filters, kernel, padding="same", kernel_regularizer=penalty)
    else:
        wrap = TimeDistributed
        convolution = layers.Conv2D(filters, kernel, padding="same", kernel_regularizer=penalty)
    if bn_order == "relu_bn":
        convolution.activation = keras.activations.relu
        x = wrap(convolution, name=name)(x)
        return wrap(normalize(), name=f"{name}_bn")(x)
    x = wrap(convolution, name=name)(x)
    x = wrap(normalize(), name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _max_pool(x: Tensor, conv: str, time_pool: int, name: str):
    if conv == "2d":
        return TimeDistributed(layers.MaxPooling2D(2), name=name)(x)
    x = FrameMaxPooling(name=name)(x)
    if time_pool == 1:
        return x
    return layers.MaxPooling3D((time_pool, 1, 1), padding="same", name=f"{name}_time")(x)


def _bilstm(
    x: Tensor, units: int, dropout: float | None, normalize: Callable[..., Any], penalty: Any
):
    lstm = layers.LSTM(
        units, return_sequences=True, kernel_regularizer=penalty, recurrent_regularizer=penalty
    )
    x = layers.Bidirectional(lstm, name="bilstm")(x)
    x = normalize(name="bilstm_bn")(x)
    return x if dropout is None else layers.Dropout(dropout, name="bilstm_dropout")(x)


build_c2d_a = partial(build_bline, conv="2d", lstm_units=0, attention="dot", name="c2d_a")
build_c3d_a = partial(build_bline, conv="3d", lstm_units=0, attention="dot", name="c3d_a")
build_c2d_lstm = partial(build_bline, conv="2d", lstm_units=16, attention=None, name="c2d_lstm")
build_c2d_lstm_a = partial(
    build_bline, conv="2d", lstm_units=16, attention="dot", name="c2d_lstm_a"
)

MODELS = {
    "c2d_a": build_c2d_a,
    "c3d_a": build_c3d_a,
    "c2d_lstm": build_c2d_lstm,
    "c2d_lstm_a": build_c2d_lstm_a,
}
