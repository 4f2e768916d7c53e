"""Networks: one module per family, each with a table `MODELS` of name → builder.

Modules are found by their file name; a new family needs no registration.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lus_keras.core.environment import check_backend, fixed_settings

if TYPE_CHECKING:
    import keras


def builders() -> dict[str, Callable[..., keras.Model]]:
    """Builders of all networks by name, in order of family and definition; imports Keras.

    Raises:
        ConfigError: The backend of Keras is not installed.
    """
    check_backend()
    found: dict[str, Callable[..., keras.Model]] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg):
        found.update(getattr(importlib.import_module(f"{__name__}.{module}"), "MODELS", {}))
    return found


def list_models() -> list[str]:
    """Names of all networks, for `build_model`; imports Keras.

    Returns:
        Names in order of family and definition.
    """
    return list(builders())


def build_model(name: str, *, input_shape: tuple[int, ...], **options: Any) -> keras.Model:
    """Builds a network by name, uncompiled, from inputs to logits.

    Args:
        name: One of `list_models()`.
        input_shape: Shape of one input without the batch axis, channels last: `(t, h, w, c)` for
            a clip, `(h, w, c)` for a frame (`resnet152`) or for columns over time
            (`mmode_resnet18`).
        **options: Keyword arguments of the network's builder, such as `dropout` or `num_outputs`.

    Returns:
        Model from float32 inputs `(b, …)`, scaled according to `clip.scaling` of the paper's
        configuration (mostly 0 … 1), to float32 logits `(b, k)`. Every network has the layers
        `features` (pooled) and `logits` (last); networks with temporal attention also have
        `attention`, the frame weights `(b, t)`.

    Raises:
        ConfigError: The backend of Keras is not installed.
        ValueError: The name is unknown, or the builder rejects an option.
    """
    known = builders()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"`name` must be one of {sorted(known)}. Received: name={name!r}.{hint}")
    # A user's keras.json may have turned the axes or the precision round.
    with fixed_settings():
        return known[name](tuple(input_shape), **options)
