"""The video network of Corso et al. 2023: AlexNet with spatial attention, BiLSTM, severity 0 … 3.

clip (t, h, w, 3) → AlexNet or ResNet18 → spatial mask ⊙ → mean → BiLSTM → features → logits

The original is PyTorch: initial values, momentum and epsilon of normalization, padding and the two
biases of its LSTM are kept.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

import keras
from keras import layers
from pydantic import PositiveInt

from lus_keras.core.typing import Tensor
from lus_keras.layers import BatchNormalization, CoralLogits, TimeDistributed
from lus_keras.models.options import OfClasses
from lus_keras.models.torch_layers import (
    FrameMask,
    SummedUniform,
    TorchLSTMCell,
    ZeroMasked,
    kernel_uniform,
    uniform,
)

# Kernel, stride, padding, and whether a max pooling of 3, stride 2, follows.
ALEXNET = ((11, 4, 2, True), (5, 1, 2, True), (3, 1, 1, False), (3, 1, 1, False), (3, 1, 1, True))
SMALLEST = 63
Backbone = Literal["alexnet", "resnet18"]
Activation = Literal["relu", "leaky_relu"]
LstmInit = Literal["uniform", "glorot", "orthogonal"]
Filters = tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt, PositiveInt]
# Slope below zero; PyTorch's default where it leaks (Keras's is 0.2 or 0.3).
SLOPES = {"relu": 0.0, "leaky_relu": 0.01}
Head = Literal["softmax", "coral"]


def build_alexnet_bilstm(
    input_shape: tuple[int, int, int, int],
    *,
    num_outputs: Annotated[PositiveInt, OfClasses()] = 4,
    backbone: Backbone = "alexnet",
    filters: Filters = (64, 192, 384, 256, 256),
    attention_filters: tuple[PositiveInt, PositiveInt] = (16, 8),
    lstm_units: PositiveInt = 256,
    activation: Activation = "relu",
    attention_activation: Activation = "relu",
    lstm_init: LstmInit = "uniform",
    masking: bool = False,
    head: Head = "softmax",
    name: str = "alexnet_attention_bilstm",
) -> keras.Model:
    """Builds the network, uncompiled.

    Args:
        input_shape: `(t, h, w, c)`; the paper's is (252, 256, 256, 3). The last layer reads all
            frames, so `t` is fixed. From 63 pixels a side; the mask is 1×1 below 127.
        backbone: "alexnet", or "resnet18" as torchvision has it without its pooling.
        filters: Of AlexNet's convolutions; ResNet18 starts with the first and doubles it.
        attention_filters: Filters of the two hidden convolutions of the spatial mask.
        activation: "relu", or "leaky_relu" (slope 0.01) in the backbone.
        attention_activation: "relu", or "leaky_relu", also in place of the mask's sigmoid.
        lstm_init: First weights of the BiLSTM: "uniform" as PyTorch draws them, "glorot" (Glorot's
            kernels, biases 0), "orthogonal" (Keras's: recurrent kernels orthogonal, forget bias 1).
        masking: The BiLSTM steps over frames that are zero in every pixel; the paper's does not.
        head: "softmax", or "coral" (Cao 2020): one score and ordered thresholds; not the paper's.

    Returns:
        Model from clips `(b, t, h, w, c)` float32, channels normalized, to logits
        `(b, num_outputs)` float32. The layer `spatial_mask` gives `(b, t, h', w', 1)` in 0 … 1.

    Raises:
        ValueError: A side is too short for the backbone, or an option is not known.
    """
    _check(
        input_shape,
        ("backbone", backbone, get_args(Backbone)),
        ("activation", activation, get_args(Activation)),
        ("attention_activation", attention_activation, get_args(Activation)),
        ("lstm_init", lstm_init, get_args(LstmInit)),
        ("head", head, get_args(Head)),
    )
    clip = keras.Input(input_shape, name="clip")
    maps = BACKBONES[backbone](clip, filters, activation)
    weights = _spatial_mask(maps, attention_filters, attention_activation)
    x = layers.Multiply(name="attended")([maps, weights])
    x = TimeDistributed(layers.GlobalAveragePooling2D(), name="frame_features")(x)
    mask = FrameMask(name="frame_mask")(clip) if masking else None
    x = _bilstm(lstm_units, lstm_init)(x, mask=mask)
    if masking:
        x = ZeroMasked(name="unpadded")(x)
    x = layers.Flatten(name="features")(x)
    return keras.Model(clip, _logits(x, num_outputs, head == "coral"), name=name)


def _logits(x: Tensor, outputs: int, coral: bool):
    dense = layers.Dense(
        1 if coral else outputs,
        kernel_initializer=kernel_uniform(),
        bias_initializer=uniform(x.shape[-1]),
        dtype="float32",
        name="score" if coral else "logits",
    )
    return CoralLogits(outputs, dtype="float32", name="logits")(dense(x)) if coral else dense(x)


def _check(input_shape: tuple[int, ...], *options: tuple[str, str, Iterable[str]]) -> None:
    if len(input_shape) != 4 or min(input_shape[1:3]) < SMALLEST:
        raise ValueError(
            f"`input_shape` must be (t, h, w, c) with sides of at least {SMALLEST} pixels. "
            f"Received: input_shape={input_shape}."
        )
    for name, value, known in options:
        if value not in known:
            raise ValueError(f"`{name}` must be one of {list(known)}. Received: {name}={value!r}.")


def _convolution(channels: int, filters: int, kernel: int, **options: Any) -> layers.Conv2D:
    return layers.Conv2D(
        filters,
        kernel,
        kernel_initializer=kernel_uniform(),
        bias_initializer=uniform(channels * kernel**2),
        **options,
    )


def _alexnet(x: Tensor, filters: tuple[int, ...], activation: str):
    """AlexNet's `features`: t maps of h/32 × w/32, without the adaptive pooling behind them."""
    for index, (count, (kernel, strides, padding, pool)) in enumerate(
        zip(filters, ALEXNET, strict=True), start=1
    ):
        # "same" may pad more on one side where the stride is not 1; PyTorch pads both alike.
        if strides > 1:
            pad = layers.ZeroPadding2D(padding)
            x = TimeDistributed(pad, name=f"backbone_pad{index}")(x)
        convolution = _convolution(
            x.shape[-1],
            count,
            kernel,
            strides=strides,
            padding="valid" if strides > 1 else "same",
        )
        x = TimeDistributed(convolution, name=f"backbone_conv{index}")(x)
        x = layers.ReLU(negative_slope=SLOPES[activation], name=f"backbone_relu{index}")(x)
        if pool:
            x = TimeDistributed(layers.MaxPooling2D(3, 2), name=f"backbone_pool{index}")(x)
    return x


def _resnet18(x: Tensor, filters: tuple[int, ...], activation: str):
    """ResNet18 without its pooling: two blocks of two 3×3 convolutions in each of four stages."""
    slope, stem, width = SLOPES[activation], "backbone_conv1", filters[0]
    x = layers.ReLU(negative_slope=slope, name=f"{stem}_relu")(_conv_bn(x, width, 7, 2, stem))
    pool = layers.MaxPooling2D(3, 2)
    # Zeros around the map are as good as -∞ after a ReLU.
    x = TimeDistributed(layers.ZeroPadding2D(1), name="backbone_pool_pad")(x)
    x = TimeDistributed(pool, name="backbone_pool")(x)
    for stage in range(4):
        for block in range(2):
            name = f"backbone_stage{stage + 1}_block{block + 1}"
            strides = 2 if stage and not block else 1
            shortcut, count = x, width * 2**stage
            if strides > 1:
                shortcut = _conv_bn(x, count, 1, strides, f"{name}_shortcut")
            x = _conv_bn(x, count, 3, strides, f"{name}_conv1")
            x = layers.ReLU(negative_slope=slope, name=f"{name}_relu1")(x)
            x = _conv_bn(x, count, 3, 1, f"{name}_conv2")
            x = layers.Add(name=f"{name}_add")([x, shortcut])
            x = layers.ReLU(negative_slope=slope, name=f"{name}_relu2")(x)
    return x


def _conv_bn(x: Tensor, filters: int, kernel: int, strides: int, name: str):
    """Convolution without bias and normalization, started as torchvision's ResNets are."""
    if kernel > 1:
        x = TimeDistributed(layers.ZeroPadding2D(kernel // 2), name=f"{name}_pad")(x)
    he = keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")
    convolution = layers.Conv2D(filters, kernel, strides, use_bias=False, kernel_initializer=he)
    x = TimeDistributed(convolution, name=name)(x)
    normalize = BatchNormalization(epsilon=1e-5, momentum=0.9)
    return TimeDistributed(normalize, name=f"{name}_bn")(x)


def _spatial_mask(maps: Tensor, filters: tuple[int, int], activation: str):
    """Two 3×3 convolutions with normalization, a third with a sigmoid: one weight a place."""
    x = maps
    for index, count in enumerate(filters, start=1):
        convolution = _convolution(x.shape[-1], count, 3, padding="same")
        x = TimeDistributed(convolution, name=f"attention_conv{index}")(x)
        normalize = BatchNormalization(epsilon=1e-5, momentum=0.9)
        x = TimeDistributed(normalize, name=f"attention_bn{index}")(x)
        x = layers.ReLU(negative_slope=SLOPES[activation], name=f"attention_relu{index}")(x)
    last = _convolution(x.shape[-1], 1, 3, padding="same", activation=_mask_end(activation))
    return TimeDistributed(last, name="spatial_mask")(x)


def _mask_end(activation: str):
    if activation == "relu":
        return "sigmoid"
    return layers.ReLU(negative_slope=SLOPES[activation])


def _bilstm(units: int, init: str) -> layers.Bidirectional:
    kernels = {
        "uniform": (uniform(units), uniform(units), SummedUniform(units)),
        "glorot": ("glorot_uniform", "glorot_uniform", "zeros"),
        "orthogonal": ("glorot_uniform", "orthogonal", "zeros"),
    }
    kernel, recurrent, bias = kernels[init]
    cell = TorchLSTMCell(
        units,
        kernel_initializer=kernel,
        recurrent_initializer=recurrent,
        bias_initializer=bias,
        unit_forget_bias=init == "orthogonal",
    )
    steps = layers.RNN(cell, return_sequences=True)
    return layers.Bidirectional(steps, name="bilstm")


BACKBONES = {"alexnet": _alexnet, "resnet18": _resnet18}
MODELS = {"alexnet_attention_bilstm": build_alexnet_bilstm}
