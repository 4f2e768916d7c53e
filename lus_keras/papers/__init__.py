"""Papers: one module each, found by its file name; numbers and names are in `configs/`.

A module `papers/<name>.py` defines `PAPER`; `configs/<name>.yaml` is its configuration.
"""

from __future__ import annotations

import importlib

from lus_keras import config
from lus_keras.errors import ConfigError
from lus_keras.papers.base import Paper


def names() -> list[str]:
    """Names of all papers."""
    return config.papers()


def get(name: str) -> Paper:
    """Imports a paper.

    Args:
        name: One of `names()`.

    Returns:
        What the paper computes.

    Raises:
        ConfigError: There is no paper of that name.
    """
    if name not in names():
        raise ConfigError(f"unknown paper '{name}'.{config.did_you_mean(name, names())}")
    return importlib.import_module(f"{__name__}.{name}").PAPER
