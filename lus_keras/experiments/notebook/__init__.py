"""Helpers for notebooks: run a paper, and show its network, tables and figures.

from lus_keras.experiments import notebook
run = notebook.reproduce("bline", "table1", preset="smoke", out="runs/demo")
notebook.table(run, "bline", "table1")
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from lus_keras.core.errors import RunError
from lus_keras.experiments.notebook.pictures import Picture, figure, frames, picture
from lus_keras.experiments.notebook.tables import (
    choices,
    claims,
    committed,
    network,
    recorded,
    table,
)

__all__ = [
    "Picture",
    "choices",
    "claims",
    "committed",
    "figure",
    "frames",
    "network",
    "picture",
    "recorded",
    "reproduce",
    "start",
    "table",
]


def start() -> None:
    """Starts TensorFlow without its messages and lets pandas show full texts in tables."""
    from lus_keras.core.environment import start_tensorflow

    start_tensorflow()
    pd.set_option("display.max_colwidth", None)


def reproduce(
    paper: str,
    *targets: str,
    out: str | Path,
    preset: str = "paper",
    models: Sequence[str] = (),
    data: str = "simulated",
    overrides: Sequence[str] = (),
    networks: Sequence[str | Callable[..., Any]] = (),
    root: str | Path | None = None,
    seeds: int = 1,
) -> Path:
    """Equivalent of the command `lus-keras reproduce`, without output.

    Args:
        paper: Name of the paper, such as `bline`.
        *targets: Tables and figures, such as `table1`.
        out: Run directory; finished folds in it are kept.
        preset: `paper`, `overnight`, `quick` or `smoke`.
        models: Networks to train; if not given, all that the targets need.
        data: `simulated`, the name of a public data set, or the path of a manifest.
        overrides: `key=value` strings, as with `--set`.
        networks: Your own networks: `file.py:function`, or functions.
        root: Folder of the data.
        seeds: Number of trainings with different seeds.

    Returns:
        The run directory.

    Raises:
        ConfigError: A name or setting is wrong.
        DataError: The data are missing or invalid.
        RunError: A network failed or diverged; finished folds are kept.
    """
    from lus_keras.core.environment import start_tensorflow
    from lus_keras.core.progress import Console, Reporter
    from lus_keras.experiments.reproduce import Request
    from lus_keras.experiments.reproduce import reproduce as work

    start_tensorflow()
    request = Request(
        targets,
        papers=(paper,),
        data=data,
        preset=preset,
        models=tuple(models),
        overrides=tuple(overrides),
        out=Path(out),
        networks=tuple(networks),
        root=None if root is None else Path(root),
        seeds=seeds,
    )
    # Within a notebook rich would print there, whatever its file.
    silent = Console(file=io.StringIO(), force_jupyter=False)
    result = work(request, Reporter(silent))
    if result.exit_code:
        statuses = ", ".join(sorted({outcome.status for outcome in result.outcomes}))
        raise RunError(f"{out}: not every network was trained ({statuses}). See its run.json.")
    return result.out
