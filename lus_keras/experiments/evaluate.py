"""Evaluation of a user's network with a paper's protocol, from Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lus_keras import papers
from lus_keras.core.files import read_json
from lus_keras.experiments import notebook
from lus_keras.experiments.reproduce.request import data_name
from lus_keras.papers.own import from_file, from_function

if TYPE_CHECKING:
    import keras

COLUMNS = (
    *("row", "metric", "published", "value", "ci_low", "ci_high", "fold_sd", "baseline"),
    *("n_patients", "n_clips", "n_folds", "n_seeds", "seed_sd", "note"),
)


def evaluate(
    build: str | Callable[..., keras.Model],
    paper: str,
    *,
    data: str = "simulated",
    preset: str = "quick",
    target: str = "",
    beside: Sequence[str] = (),
    overrides: Sequence[str] = (),
    seeds: int = 1,
    root: str | Path | None = None,
    out: str | Path | None = None,
) -> pd.DataFrame:
    """Trains and tests your own network with a paper's protocol, folds by patient, and metrics.

    Args:
        build: Function with the keyword `input_shape`, and optionally options such as
            `num_outputs`, that returns an uncompiled Keras model whose last layer is named
            `logits`; or `file.py:function`.
        paper: Name of the paper, such as `bline`.
        data: `simulated`, the name of a public data set, or the path of a manifest.
        preset: `paper`, `overnight`, `quick` or `smoke`.
        target: Table of the paper; if not given, its first one that tests networks.
        beside: Networks of the paper to train as well, such as `c2d_lstm_a`.
        overrides: `key=value` strings, as with `--set`.
        seeds: Number of trainings with different seeds; verdicts on claims need at least three.
        root: Folder of the data.
        out: Run directory; if not given, named after function, data and preset.

    Returns:
        The table, one row per network and metric: value, 95 % interval over patients, published
        number, counts. `attrs["run"]` is the run directory, which contains the report.

    Raises:
        ConfigError: The network does not fit the paper, or a name or setting is wrong.
        DataError: The data are missing or invalid.
        RunError: A fold failed or diverged.
    """
    own = from_file(build) if isinstance(build, str) else from_function(build)
    target = target or _first_table(paper)
    name = f"{own.function}-{own.sha256[:6]}-{data_name(data)}-{preset}"
    run = notebook.reproduce(
        *(paper, target),
        out=out or Path("runs") / name,
        preset=preset,
        models=(own.function, *beside),
        data=data,
        overrides=overrides,
        networks=(build,),
        root=root,
        seeds=seeds,
    )
    rows = read_json(run / "report" / "results.json")["rows"]
    wanted = (paper, target.replace("-", "_"))
    kept = [row for row in rows if (row["paper"], row["table"]) == wanted]
    table = pd.DataFrame(kept, columns=list(COLUMNS))
    table.attrs["run"] = str(run)
    return table


def _first_table(paper: str) -> str:
    """The first target of a paper that tests networks."""
    targets = papers.get(paper).targets
    return next(
        name for name, entries in targets.items() if any(e.rpartition("/")[2] for e in entries)
    )
