"""Ordered classes from one score."""

import math
from typing import Any

import keras
from keras import ops

from lus_keras.core.typing import Shape, Tensor
from lus_keras.layers.registration import register

# Distance of CORAL's first thresholds, and what softplus makes it of.
SPREAD = 2.5
_INVERSE = math.log(math.expm1(SPREAD))


@register
class CoralLogits(keras.layers.Layer):
    """Logits of ordered classes from one score: `P(y > k) = sigmoid(score - threshold_k)`.

    CORAL (Cao 2020). The thresholds are ordered by construction, so that the probabilities of the
    classes, whose logarithms are the logits, are never below 0.

    Args:
        classes: Number of classes.
    """

    def __init__(self, classes: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, input_shape: Shape) -> None:
        """Creates the first threshold and the steps to the others, evenly spread around 0.

        So far apart, each class is the most probable one at some score. Of four classes whose
        thresholds are less than log 3 apart, those in the middle never are.
        """
        start = [SPREAD * (1.0 - self.classes / 2), *[_INVERSE] * (self.classes - 2)]
        self.steps = self.add_weight(
            shape=(self.classes - 1,), initializer=lambda *_, **__: ops.array(start), name="steps"
        )

    def call(self, inputs: Tensor) -> Tensor:
        """`(b, 1)` scores → `(b, classes)` logarithms of probabilities."""
        steps = ops.concatenate([self.steps[:1], ops.softplus(self.steps[1:])])
        above = ops.sigmoid(ops.cast(inputs, "float32") - ops.cumsum(steps))
        chances = -ops.diff(ops.pad(above, ((0, 0), (1, 1)), constant_values=0), axis=-1)
        first = 1.0 - above[:, :1]
        return ops.log(ops.concatenate([first, chances[:, 1:]], axis=-1) + 1e-7)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`(b, 1)` → `(b, classes)`."""
        return (input_shape[0], self.classes)

    def get_config(self) -> dict[str, Any]:
        """Adds `classes`."""
        return {**super().get_config(), "classes": self.classes}
