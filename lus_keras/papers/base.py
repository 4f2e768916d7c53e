"""What a paper module has to say; everything else is configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras
    import numpy as np

    from lus_keras.config import PaperConfig


@dataclass(frozen=True)
class Paper:
    """A paper as code.

    Attributes:
        name: Name of its module and of its configuration.
        targets: What can be reproduced, and the networks each target needs: `model`, or `arm/model`
            of the configuration's `arms`.
        build: Makes a network by name, uncompiled, from the configuration.
        loss: Makes the loss of (labels, logits).
        metrics: Makes the metrics followed in training.
        decode: Logits `(n, k)` to probabilities `(n, classes)`.
        needs_real_data: Targets that cannot be had from simulated videos alone.
        watch: Makes the callbacks of Keras for a job and an epoch, for studies that log more than
            losses; None if there are none.
        notes: Sentences on a configuration that belong into every output; None if there are none.
        architecture: Target that is the paper's drawing of its networks; they are written as text.
    """

    name: str
    targets: Mapping[str, tuple[str, ...]]
    build: Callable[[str, PaperConfig], keras.Model]
    loss: Callable[[PaperConfig], keras.losses.Loss]
    metrics: Callable[[PaperConfig], list[Any]]
    decode: Callable[[np.ndarray], np.ndarray]
    needs_real_data: frozenset[str] = frozenset()
    watch: Callable[[Any, int], list[Any]] | None = None
    notes: Callable[[PaperConfig], list[str]] | None = None
    architecture: str = ""
