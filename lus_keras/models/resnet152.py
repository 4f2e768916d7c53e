"""ResNet152 for single frames: v1.5 as in torchvision, or v1 as in keras.applications.

frame (h, w, 3) → stem → stage1 … stage4 (bottlenecks) → features (2048) → logits

Duan et al. 2022 name ResNet152 and no variant. v1.5 halves the map in the 3×3 convolution of a
stage's first block, v1 in the 1×1 before it, and v1 has biases in its convolutions.
"""

from functools import partial
from typing import Annotated, Literal

import keras
import numpy as np
from keras import layers, ops
from pydantic import PositiveInt

from lus_keras.core.typing import Shape, Tensor
from lus_keras.layers import BatchNormalization, FramesAsChannels
from lus_keras.models.options import OfClasses, Share
from lus_keras.models.torch_layers import kernel_uniform, uniform

Variant = Literal["v1.5", "v1"]
RESNET50, RESNET101, RESNET152 = (3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)
# Blocks of the four stages → network of keras.applications.
V1 = {RESNET50: "ResNet50", RESNET101: "ResNet101", RESNET152: "ResNet152"}
EXPANSION = 4
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN = (123.68, 116.779, 103.939)


def build_resnet152(
    input_shape: tuple[int, ...],
    *,
    num_outputs: Annotated[PositiveInt, OfClasses()] = 4,
    variant: Variant = "v1.5",
    blocks: tuple[PositiveInt, ...] = RESNET152,
    width: PositiveInt = 64,
    bn_momentum: Share | None = None,
    name: str = "resnet152",
) -> keras.Model:
    """Builds the network, uncompiled.

    Args:
        input_shape: `(h, w, c)`; the paper's is taken to be (224, 224, 3). `(t, h, w, c)` takes a
            frame with its neighbors: the first channel of each of t frames is a channel.
        variant: "v1.5", or "v1", which has its own preprocessing as its first layer.
        blocks: Bottlenecks of each stage; v1 takes those of ResNet50, 101 and 152.
        width: Filters of the stem and of the first stage; v1 takes 64 only.
        bn_momentum: Share of the moving averages kept at a step; 0.9 in v1.5 and 0.99 in v1 if not
            given.

    Returns:
        Model from frames `(b, h, w, c)` or `(b, t, h, w, c)` float32 (RGB in 0 … 1, minus the mean
        of ImageNet, divided by its standard deviation) to logits `(b, num_outputs)` float32.

    Raises:
        ValueError: `variant` is not known, or v1 does not come in this shape.
    """
    frame = keras.Input(input_shape, name="frame")
    x = frame if len(input_shape) == 3 else FramesAsChannels(name="neighbors")(frame)
    if variant == "v1.5":
        x = _v1_5(x, blocks, width, 0.9 if bn_momentum is None else bn_momentum)
    elif variant == "v1":
        x = _v1(x, tuple(blocks), width)
    else:
        raise ValueError(f"`variant` must be 'v1.5' or 'v1'. Received: variant={variant!r}.")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    head = layers.Dense(
        num_outputs,
        kernel_initializer=kernel_uniform(),
        bias_initializer=uniform(x.shape[-1]),
        dtype="float32",
        name="logits",
    )
    model = keras.Model(frame, head(x), name=name)
    if variant == "v1.5":
        return model
    return keras.models.clone_model(model, clone_function=partial(_fuse, bn_momentum))


def _v1_5(frame: Tensor, blocks: tuple[int, ...], width: int, momentum: float):
    x = _conv_bn(frame, width, 7, strides=2, momentum=momentum, name="stem")
    # Zeros around the map are as good as -∞ after a ReLU.
    x = layers.ZeroPadding2D(1, name="stem_pool_pad")(layers.ReLU(name="stem_relu")(x))
    x = layers.MaxPooling2D(3, 2, name="stem_pool")(x)
    for stage, count in enumerate(blocks, start=1):
        for block in range(1, count + 1):
            strides = 2 if stage > 1 and block == 1 else 1
            filters = width * 2 ** (stage - 1)
            x = _bottleneck(x, filters, strides, momentum, name=f"stage{stage}_block{block}")
    return x


def _bottleneck(x: Tensor, filters: int, strides: int, momentum: float, name: str):
    """1×1, 3×3 (with the stride) and 1×1 convolutions beside a shortcut."""
    conv_bn = partial(_conv_bn, momentum=momentum)
    shortcut, wide = x, EXPANSION * filters
    if strides > 1 or x.shape[-1] != wide:
        shortcut = conv_bn(x, wide, 1, strides=strides, name=f"{name}_shortcut")
    x = layers.ReLU(name=f"{name}_relu1")(conv_bn(x, filters, 1, name=name, index="1"))
    x = conv_bn(x, filters, 3, strides=strides, name=name, index="2")
    x = conv_bn(layers.ReLU(name=f"{name}_relu2")(x), wide, 1, name=name, index="3")
    return layers.ReLU(name=name)(layers.Add(name=f"{name}_add")([shortcut, x]))


def _conv_bn(
    x: Tensor,
    filters: int,
    kernel: int,
    *,
    momentum: float,
    strides: int = 1,
    name: str,
    index: str = "",
):
    """Convolution without bias, padded alike on all sides, and normalization, as in PyTorch."""
    if strides > 1 and kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad{index}")(x)
    x = layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same" if strides == 1 else "valid",
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(
            2, mode="fan_out", distribution="untruncated_normal"
        ),
        name=f"{name}_conv{index}",
    )(x)
    return BatchNormalization(epsilon=1e-5, momentum=momentum, name=f"{name}_bn{index}")(x)


@keras.saving.register_keras_serializable("lus_keras")
class CaffeColours(keras.layers.Layer):
    """Preprocessing of keras.applications' ResNets, from frames normalized as for PyTorch.

    Back to RGB 0 … 255, minus ImageNet's mean in these units, then BGR.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """`(…, 3)` RGB normalized → `(…, 3)` BGR, mean subtracted, in units of gray levels."""
        mean, std = 255 * np.array(IMAGENET_MEAN), 255 * np.array(IMAGENET_STD)
        values = ops.cast(inputs, "float32") * std.astype("float32")
        values = values + (mean - CAFFE_MEAN).astype("float32")
        return ops.cast(ops.flip(values, axis=-1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's."""
        return input_shape


def _v1(frame: Tensor, blocks: tuple[int, ...], width: int):
    if blocks not in V1 or width != 64 or frame.shape[-1] != 3:
        raise ValueError(
            f"variant 'v1' must have `blocks` of {sorted(V1)}, `width` 64 and 3 channels. "
            f"Received: blocks={blocks}, width={width}, channels={frame.shape[-1]}."
        )
    build = getattr(keras.applications, V1[blocks])
    colors = CaffeColours(name="preprocessing")(frame)
    return build(include_top=False, weights=None, input_tensor=colors).output


def _fuse(momentum: float | None, layer: keras.layers.Layer) -> keras.layers.Layer:
    """The same layer, with our normalization in place of Keras's."""
    if not isinstance(layer, layers.BatchNormalization):
        return type(layer).from_config(layer.get_config())
    changed = {} if momentum is None else {"momentum": momentum}
    return BatchNormalization.from_config({**layer.get_config(), **changed})


# Its depth is what the row is.
MODELS = {
    "resnet152": partial(build_resnet152, blocks=RESNET152),
    "resnet50": partial(build_resnet152, blocks=RESNET50, name="resnet50"),
}
