"""A network in words: its layers, shapes and parameters."""

from __future__ import annotations

import keras


def describe_architecture(model: keras.Model) -> str:
    """Summary of a network as text, one line a layer, and its parameter totals.

    Args:
        model: Any built model.

    Returns:
        Lines joined by line breaks, ending with one.
    """
    lines: list[str] = []
    model.summary(line_length=88, print_fn=lines.append, expand_nested=True)
    return "\n".join(lines) + "\n"
