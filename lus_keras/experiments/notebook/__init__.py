"""What a notebook shows of a paper, without noise: network, run, tables and pictures.

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
    """Starts TensorFlow without its notices and lets tables show whole sentences."""
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
    """Does what the command `lus-keras reproduce` does, and prints nothing.

    Args:
        *targets: Tables and figures, such as `table1`.
        preset: `paper`, `overnight`, `quick` or `smoke`.
        models: Only these networks; all that the targets need where none is given.
        data: `simulated`, a public data set or a manifest.
        overrides: `key=value` strings, as with `--set`.
        networks: Networks of your own: `file.py:function`, or functions.
        seeds: Trainings, each of another seed.

    Raises:
        ConfigError: A name or setting is wrong.
        DataError: The data are absent or break a rule.
        RunError: A network failed or diverged; what is finished is kept.
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
