"""The networks written in plain Keras, 3 or 2, with built-in layers only.

`resnet3d_18` follows the architecture of keras-resnet3d and represents it. The keyword `module` is
`keras` or `tf_keras`.
"""

import importlib
from typing import Any

from lus_keras.benchmark.contenders import BATCHES, L2, OUTPUTS, RATES, SHAPES, batch_of
from lus_keras.benchmark.worker import Contender
from lus_keras.core.typing import Tensor


def c2d_lstm_a(k: Any, shape: tuple[int, ...]) -> Any:
    """C2D+LSTM+A with built-in layers of `keras` or `tf_keras`; shape: `(t, h, w, c)`."""
    layers, penalty = k.layers, k.regularizers.L2(L2["c2d_lstm_a"])
    each = layers.TimeDistributed
    clip = k.Input(shape)
    x = clip
    for filters, pooled in ((16, False), (16, True), (32, False), (32, True)):
        convolution = layers.Conv2D(
            filters, 3, padding="same", activation="relu", kernel_regularizer=penalty
        )
        x = each(layers.BatchNormalization())(each(convolution)(x))
        if pooled:
            x = each(layers.MaxPooling2D(2))(x)
    x = each(layers.Flatten())(x)
    x = each(layers.Dense(256, activation="relu", kernel_regularizer=penalty))(x)
    x = layers.Dropout(0.2)(x)
    lstm = layers.LSTM(
        16, return_sequences=True, kernel_regularizer=penalty, recurrent_regularizer=penalty
    )
    x = layers.Dropout(0.2)(layers.BatchNormalization()(layers.Bidirectional(lstm)(x)))
    weights = layers.Softmax(axis=1)(layers.Dense(1, use_bias=False)(x))
    x = layers.GlobalAveragePooling1D()(layers.Multiply()([x, weights]))
    logits = layers.Dense(2, kernel_regularizer=penalty, dtype="float32")(x)
    return k.Model(clip, logits)


def resnet3d_18(k: Any, shape: tuple[int, ...]) -> Any:
    """ResNet3D-18 with built-in layers of `keras` or `tf_keras`; shape: `(t, h, w, c)`."""
    layers = k.layers

    def convolve(x: Tensor, filters: int, size: int, strides: int | list[int] = 1) -> Tensor:
        return layers.Conv3D(
            filters,
            size,
            strides=strides,
            padding="same",
            kernel_initializer="he_normal",
            kernel_regularizer=k.regularizers.L2(L2["resnet3d_18"]),
        )(x)

    def normalize(x: Tensor):
        return layers.Activation("relu")(layers.BatchNormalization()(x))

    clip = k.Input(shape)
    x = normalize(convolve(clip, 64, 7, 2))
    x = layers.MaxPooling3D(3, strides=2, padding="same")(x)
    for stage in range(4):
        for block in range(2):
            filters, first = 64 * 2**stage, stage == block == 0
            strides = 2 if stage and not block else 1
            residual = convolve(x if first else normalize(x), filters, 3, strides)
            residual = convolve(normalize(residual), filters, 3)
            if x.shape[1:] != residual.shape[1:]:
                steps = [-(-a // b) for a, b in zip(x.shape[1:4], residual.shape[1:4], strict=True)]
                x = convolve(x, filters, 1, steps)
            x = layers.Add()([x, residual])
    x = layers.GlobalAveragePooling3D()(normalize(x))
    logits = layers.Dense(
        1,
        kernel_initializer="he_normal",
        kernel_regularizer=k.regularizers.L2(L2["resnet3d_18"]),
        dtype="float32",
    )(x)
    return k.Model(clip, logits)


BUILDERS = {"c2d_lstm_a": c2d_lstm_a, "resnet3d_18": resnet3d_18}


def loss_of(k: Any, network: str) -> Any:
    """Cross-entropy of logits; binary for networks with one logit."""
    if OUTPUTS[network] == 1:
        return k.losses.BinaryCrossentropy(from_logits=True)
    return k.losses.SparseCategoricalCrossentropy(from_logits=True)


def train(*, network: str, precision: str, module: str, batch: int | None = None) -> Contender:
    """Training steps of `keras` or `tf_keras` on one batch kept in memory."""
    from lus_keras.core.environment import start_tensorflow

    start_tensorflow()
    k = importlib.import_module(module)
    if precision == "bfloat16":
        k.mixed_precision.set_global_policy("mixed_bfloat16")
    model = BUILDERS[network](k, SHAPES[network])
    model.compile(k.optimizers.Adam(RATES[network]), loss_of(k, network))
    return training_steps(model, network, batch or BATCHES[network])


def training_steps(model: Any, network: str, batch: int) -> Contender:
    """Steps of a compiled Keras model, after two warm-up steps for its graph and buffers."""
    clips, labels = batch_of(network, batch)

    def step() -> float:
        model.train_on_batch(clips, labels)
        return batch

    step()
    step()
    return Contender(step, {"parameters": int(model.count_params())})


TASKS = {"train": train}
