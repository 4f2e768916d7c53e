"""A compiled network that can be reset: its graph is traced once, not once per fold."""

import functools
import gc
import random
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np

from lus_keras.core.config import FitConfig
from lus_keras.core.environment import computes_in_bfloat16
from lus_keras.core.errors import ConfigError
from lus_keras.models.predictor import jit_compile, predictor_of


def resolve_precision(precision: str) -> str:
    """Resolves `auto` to the faster precision: bfloat16 if the processor supports it natively."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if computes_in_bfloat16() else "float32"


def make_optimizer(fit: FitConfig) -> keras.optimizers.Optimizer:
    """Makes the configured optimizer: Keras' Adam, or SGD with PyTorch's coupled weight decay."""
    from lus_keras.experiments.training.gradients import logging
    from lus_keras.optimizers import Adam, CoupledSGD

    adam: type[keras.optimizers.Optimizer] = Adam
    sgd: type[keras.optimizers.Optimizer] = CoupledSGD
    if fit.log_gradients:
        adam, sgd = logging(adam), logging(sgd)
    shared = {
        "global_clipnorm": fit.clip_norm,
        # Keras takes None, not 1, for an update at every step.
        "gradient_accumulation_steps": fit.accumulate if fit.accumulate > 1 else None,
    }
    if fit.optimizer == "adam":
        return adam(fit.learning_rate, **shared)
    return sgd(
        fit.learning_rate,
        momentum=fit.momentum,
        weight_decay=fit.weight_decay,
        rate_multipliers=fit.rate_multipliers,
        **shared,
    )


@contextmanager
def _dtype_policy(name: str):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def release() -> None:
    """Frees Keras' memory of networks that are no longer used."""
    keras.utils.clear_session()
    gc.collect()


def mirrored_strategy(batch_size: int) -> Any:
    """Strategy that shares each batch evenly among all devices: GPUs, or logical processors.

    The batch size remains that of the paper; gradients are means over the whole batch. Batch
    normalization uses the statistics of each device's share, and moving averages from the first.

    Args:
        batch_size: Clips per batch over all devices.

    Raises:
        ConfigError: The Keras backend is not TensorFlow, or the batch cannot be shared evenly.
    """
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"--strategy mirrored: needs TensorFlow. KERAS_BACKEND is '{keras.backend.backend()}'. "
            "Set KERAS_BACKEND=tensorflow."
        )
    import tensorflow as tf

    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if batch_size % len(devices):
        raise ConfigError(
            f"--strategy mirrored: fit.batch_size {batch_size} cannot be split evenly across "
            f"{len(devices)} devices. Choose a multiple with --set fit.batch_size=…, or fewer "
            "devices with CUDA_VISIBLE_DEVICES."
        )
    return _strategy_of(tuple(device.name for device in devices))


@functools.cache
def _strategy_of(devices: tuple[str, ...]) -> Any:
    """The only strategy of this process: a second would reuse the communication keys."""
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(devices)


class Network:
    """A network, its training graph and its prediction graph.

    Args:
        build: Builds the uncompiled model from clips to logits; called again at every reset.
        loss: Keras loss of (labels, logits).
        metrics: Makes the metrics to record during training.
        fit: Settings of the training.
        mirrored: Whether to train on all devices.

    Attributes:
        evaluator: The model for evaluation, on one device.
        predictor: Model from clips to logits, and attention if the network has it.
        masker: Model from clips to the layer `spatial_mask`; None for networks without one.
    """

    def __init__(
        self,
        build: Callable[[], keras.Model],
        *,
        loss: keras.losses.Loss,
        metrics: Callable[[], list[keras.metrics.Metric]],
        fit: FitConfig,
        mirrored: bool = False,
    ):
        self._build = build
        self.precision = resolve_precision(fit.precision)
        strategy = mirrored_strategy(fit.batch_size) if mirrored else None
        self.devices = strategy.num_replicas_in_sync if strategy else 1
        # XLA has no deterministic gradient of max pooling either.
        options: dict[str, Any] = {"loss": loss, "jit_compile": jit_compile()}
        with strategy.scope() if strategy else nullcontext():
            with _dtype_policy(self.precision):
                self.model = build()
            self.model.compile(make_optimizer(fit), metrics=metrics(), **options)
            self.model.optimizer.build(self.model.trainable_variables)
        self.evaluator = self.model
        if strategy:
            # A last batch with fewer clips than devices would leave some devices without clips.
            self.evaluator = keras.Model(self.model.input, self.model.output)
            self.evaluator.compile(metrics=metrics(), **options)
        self._fresh_optimizer = self.optimizer_state()
        # Masks of all clips would not fit into memory: they are computed clip by clip.
        self.predictor = predictor_of(self.model, ("attention",))
        self.masker: keras.Model | None = None
        if any(layer.name == "spatial_mask" for layer in self.model.layers):
            mask = self.model.get_layer("spatial_mask").output
            self.masker = keras.Model(self.model.input, mask)
            self.masker.compile(jit_compile=jit_compile())

    def reset(self, seed: int) -> None:
        """Reinitializes the weights, as a function of the seed only, and the optimizer."""
        # Keras draws seeds for weights and dropout from Python's generator.
        # `keras.utils.set_random_seed` would also seed TensorFlow, which discards the kernels of
        # every graph and costs seconds per fold.
        random.seed(seed)
        with _dtype_policy(self.precision):
            fresh = self._build()
        self.restore(fresh.get_weights(), self._fresh_optimizer)

    def restore(self, weights: list[np.ndarray], optimizer: list[np.ndarray]) -> None:
        """Sets weights and optimizer variables as returned by `weights` and `optimizer_state`."""
        self.model.set_weights(weights)
        for variable, value in zip(self.model.optimizer.variables, optimizer, strict=True):
            variable.assign(value)

    def weights(self) -> list[np.ndarray]:
        """Copies of the model's weights."""
        return self.model.get_weights()

    def optimizer_state(self) -> list[np.ndarray]:
        """Copies of the optimizer's variables, including the step counter."""
        return [keras.ops.convert_to_numpy(v) for v in self.model.optimizer.variables]

    def seed_dropout(self, *key: int) -> None:
        """Sets the state of every random layer from a key, independent of earlier training.

        Keras excludes these states from saved weights; without this, a resumed run would draw
        different dropout masks than an uninterrupted one.
        """
        states = [v for v in self.model.variables if v.name == "seed_generator_state"]
        for number, state in enumerate(states):
            words = np.random.SeedSequence([*key, number]).generate_state(int(np.prod(state.shape)))
            state.assign(words.reshape(state.shape).astype(state.dtype))
