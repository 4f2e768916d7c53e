"""Adam in one pass, and PyTorch's SGD with coupled decay and learning rates by layer."""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from lus_keras.core.typing import Tensor


@keras.saving.register_keras_serializable("lus_keras")
class Adam(keras.optimizers.Adam):
    """Keras's Adam, computed by TensorFlow's fused kernel.

    Keras 3 computes the update op by op, in a dozen passes over all weights; with tens of millions
    of weights that is a seventh of a training step. The formula is the same.
    """

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        """Updates one variable `(…)` by its gradient `(…)`."""
        if not self._is_fusable(gradient, variable):
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index, steps = self._get_variable_index(variable), tf.cast(self.iterations + 1, "float32")
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(tf.constant(self.beta_1, "float32"), steps),
            beta2_power=tf.pow(tf.constant(self.beta_2, "float32"), steps),
            lr=tf.cast(learning_rate, "float32"),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, "float32"),
        )

    def _is_fusable(self, gradient: Tensor, variable: Tensor) -> bool:
        if keras.backend.backend() != "tensorflow" or self.amsgrad:
            return False
        import tensorflow as tf

        # Copies of a variable on several devices have a handle each.
        alone = not tf.distribute.has_strategy()
        return alone and isinstance(gradient, tf.Tensor) and variable.dtype == "float32"


def _handle(variable: Any) -> Any:
    """The resource of a TensorFlow variable, which Keras may have wrapped."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


@keras.saving.register_keras_serializable("lus_keras")
class CoupledSGD(keras.optimizers.Optimizer):
    """Stochastic gradient descent with PyTorch's update.

        g ← g + weight_decay·w        every parameter, biases and normalization included
        v ← momentum·v + g
        w ← w - rate·factor·v

    Keras's own `weight_decay` is decoupled: it shrinks `w` independently of the momentum. Here the
    decay passes through the momentum, like an L2 penalty of `weight_decay/2`, but is not part of
    the loss.

    Args:
        learning_rate: Learning rate, or a schedule.
        momentum: Share of the velocity kept in each step, 0 … 1.
        weight_decay: Factor of the decay, at least 0.
        rate_multipliers: Factor of the learning rate by prefix of the layer's name; the longest
            matching prefix applies, other layers have factor 1.
        **kwargs: Other keywords of `keras.optimizers.Optimizer`, such as `global_clipnorm`.

    Raises:
        ValueError: `momentum` or `weight_decay` is out of range, or, in `build`, a prefix matches
            no layer.

    References:
        `torch.optim.SGD`, as used by Corso 2023 (Sec. V: learning rate 0.001, momentum 0.7, decay
        0.001, a tenth of the rate for the convolutions).
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        rate_multipliers: Mapping[str, float] | None = None,
        name: str = "coupled_sgd",
        **kwargs: Any,
    ):
        if not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be in 0 … 1. Received: momentum={momentum}.")
        if weight_decay < 0:
            raise ValueError(
                f"`weight_decay` must not be negative. Received: weight_decay={weight_decay}."
            )
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.momentum = float(momentum)
        # Not `self.weight_decay`: Keras would apply that one too, in its own way.
        self.coupled_decay = float(weight_decay)
        self.rate_multipliers = dict(rate_multipliers or {})

    def build(self, variables: list[keras.Variable]) -> None:
        """Creates a velocity for each variable."""
        if self.built:
            return
        super().build(variables)
        layers = [variable.path.partition("/")[0] for variable in variables]
        unused = [p for p in self.rate_multipliers if not any(n.startswith(p) for n in layers)]
        if unused:
            raise ValueError(
                "`rate_multipliers` must contain names of layers of the model. Received: "
                f"{unused}; layers with weights: {list(dict.fromkeys(layers))}."
            )
        self._multipliers = [self._multiplier(layer) for layer in layers]
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient: Tensor, variable: Tensor, learning_rate: Tensor) -> None:
        """Updates one variable `(…)` by its gradient `(…)`."""
        gradient = ops.cast(gradient, variable.dtype) + self.coupled_decay * variable
        index = self._get_variable_index(variable)
        velocity = self.velocities[index]
        self.assign(velocity, self.momentum * velocity + gradient)
        rate = ops.cast(learning_rate, variable.dtype) * self._multipliers[index]
        self.assign_sub(variable, rate * velocity)

    def get_config(self) -> dict[str, Any]:
        """Adds what `__init__` takes."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.coupled_decay,
            "rate_multipliers": self.rate_multipliers,
        }

    def _multiplier(self, layer: str) -> float:
        fitting = [prefix for prefix in self.rate_multipliers if layer.startswith(prefix)]
        return float(self.rate_multipliers[max(fitting, key=len)]) if fitting else 1.0
