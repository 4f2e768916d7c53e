"""Trained networks on the command line: options that name one, finding it, loading it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lus_keras.cli.options import PATH, WHOLE, together

if TYPE_CHECKING:
    from lus_keras.inference.predict import Ensemble
    from lus_keras.inference.predict.find import Found, FoundPretrained

RUN = click.argument("run", type=PATH)
CHOICE = ("paper", "model", "variant", "fold")
# Options that select a network of a run.
choice = together(
    click.option("--paper", help="Paper, if the run contains several."),
    click.option("--model", help="Network or VARIANT/NETWORK, if the run contains several."),
    click.option("--variant", help="Variant, if the run contains several."),
    click.option("--fold", type=WHOLE, help="Use only this fold, counted from 0."),
)


def named(run: Path, options: dict[str, Any]) -> Found | FoundPretrained:
    """Finds the network named on the command line; a wrong path is told before TensorFlow loads.

    Args:
        run: Run directory, a folder within it, or the name of a pretrained network.
        options: Options `paper`, `model`, `variant` and `fold`.
    """
    from lus_keras.inference.predict.find import find_named

    return find_named(run, **{name: options[name] for name in CHOICE})


def load(network: Found | FoundPretrained, *, decodes: bool = False) -> Ensemble:
    """Loads a network that `named` found.

    Args:
        decodes: Whether videos will be decoded, so that the decoder starts in the background.
    """
    from lus_keras.core.environment import start_tensorflow

    if decodes:
        from lus_keras.data.cache.stream import start_decoder

        start_decoder()
    start_tensorflow()
    from lus_keras.inference.predict.load import load_found

    return load_found(network)
