"""Networks: one module a family, each with a table `MODELS` of name → builder.

A module is found by its file, so a new family needs no list edited.
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
    """All builders by model name, in order of family and definition; imports Keras.

    Raises:
        ConfigError: Keras' backend is not installed.
    """
    check_backend()
    found: dict[str, Callable[..., keras.Model]] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.ispkg):
        found.update(getattr(importlib.import_module(f"{__name__}.{module}"), "MODELS", {}))
    return found


def list_models() -> list[str]:
    """Names that `build_model` takes; imports Keras.

    Returns:
        Names, in order of family and definition.
    """
    return list(builders())


def build_model(name: str, *, input_shape: tuple[int, ...], **options: Any) -> keras.Model:
    """Builds a network by name, uncompiled, from inputs to logits.

    Args:
        name: One of `list_models()`.
        input_shape: Shape of one input without the batch axis, channels last: `(t, h, w, c)` of a
            clip, `(h, w, c)` of a frame (`resnet152`) or of columns over time (`mmode_resnet18`).
        **options: Keywords of that network's builder, such as `dropout` or `num_outputs`.

    Returns:
        Model from float32 inputs `(b, …)`, scaled as the paper's configuration has it
        (`clip.scaling`, mostly 0 … 1), to float32 logits `(b, k)`. Every network has the layers
        `features` (pooled) and `logits` (last), and `attention`, `(b, t)` weights of the frames,
        where there is one.

    Raises:
        ValueError: The name is not known, or the builder refuses an option.
    """
    known = builders()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"`name` must be one of {sorted(known)}. Received: name={name!r}.{hint}")
    # A user's keras.json may have turned the axes or the precision round.
    with fixed_settings():
        return known[name](tuple(input_shape), **options)
