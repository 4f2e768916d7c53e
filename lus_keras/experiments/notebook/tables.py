"""Tables for notebooks: a network, results and claims of a run, settings of a protocol."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lus_keras import papers
from lus_keras.core.errors import ConfigError, RunError

if TYPE_CHECKING:
    import keras

# Layers that only rearrange or rectify say little of a network.
UNTOLD = ("InputLayer", "ReLU", "Activation", "ZeroPadding2D", "ZeroPadding3D", "Dropout")


def network(model: keras.Model) -> pd.DataFrame:
    """Summary of a network, one row per group of layers whose names start with the same word.

    Returns:
        Columns `part`, `layers`, `output` (shape without the batch axis) and `parameters`; the
        last row is the whole network.
    """
    parts: dict[str, list[Any]] = {}
    for layer in model.layers:
        parts.setdefault(layer.name.partition("_")[0], []).append(layer)
    rows = [
        {
            "part": part,
            "layers": ", ".join(
                f"{count} × {kind}" if count > 1 else kind
                for kind, count in Counter(map(_kind, layers)).items()
                if kind not in UNTOLD or kind == "InputLayer"
            ),
            "output": " × ".join(map(str, layers[-1].output.shape[1:])),
            "parameters": f"{sum(layer.count_params() for layer in layers):,}",
        }
        for part, layers in parts.items()
    ]
    output = " × ".join(map(str, model.output.shape[1:]))
    whole = {"part": "all", "layers": f"{len(model.layers)} layers", "output": output}
    rows.append({**whole, "parameters": f"{model.count_params():,}"})
    return pd.DataFrame(rows).set_index("part")


def _kind(layer: Any) -> str:
    inner = getattr(layer, "layer", None)
    return type(inner or layer).__name__


def table(run: str | Path, paper: str, target: str, *, metrics: Sequence[str] = ()) -> pd.DataFrame:
    """Reads a table of a run, `published | ours (95 % interval over patients)`.

    Args:
        run: Run directory.
        paper: Name of the paper.
        target: Table, such as `table1`.
        metrics: Metrics to show; if not given, those that the paper prints.

    Returns:
        One row per network, one column per metric; rows without any number are omitted.

    Raises:
        ConfigError: The paper has no such table.
        RunError: The run cannot be read.
    """
    from lus_keras.evaluation.report.terminal import cell_text
    from lus_keras.evaluation.run_record import of_paper, read_runs

    declared = papers.results(paper)
    makers = declared.tables if declared else {}
    if target not in makers:
        raise ConfigError(f"'{paper}' has no table '{target}'. It has: {', '.join(makers)}.")
    made = makers[target](*of_paper(read_runs(run), paper))
    said = {
        cell.row
        for cell in made.cells
        if cell.published is not None or cell.value is not None or cell.note.startswith("n/a")
    }
    shown = [row for row in made.row_labels if row in said]
    columns = {
        made.metric_labels[metric]: [cell_text(made.cell(row, metric), made) for row in shown]
        for metric in metrics or made.headline
    }
    return pd.DataFrame(columns, index=[made.row_labels[row] for row in shown])


def committed(name: str) -> Path:
    """Path of results in the repository.

    Args:
        name: Folder in `docs/results`.

    Returns:
        The folder with figures, tables and `results.json`.

    Raises:
        RunError: The folder does not exist, for example if the package was installed without its
            repository.
    """
    folder = Path(__file__).parents[3] / "docs" / "results" / name
    if not folder.is_dir():
        raise RunError(f"{folder}: is missing. Run the notebook in a clone of the repository.")
    return folder


def recorded(
    name: str, target: str, rows: Mapping[str, str], metrics: Mapping[str, str], *, digits: int = 2
) -> pd.DataFrame:
    """Reads a table of committed results, `published | ours (95 % interval over patients)`.

    Args:
        name: Folder in `docs/results`.
        target: Table, such as `table1`.
        rows: Printed names by row id.
        metrics: Printed names by metric id.
        digits: Digits after the point of our numbers.

    Returns:
        One row per network, one column per metric; a dash for missing numbers.

    Raises:
        RunError: The repository does not contain these results.
    """
    folder = committed(name)
    nested = folder / "report" / "results.json"
    text = (nested if nested.is_file() else folder / "results.json").read_text(encoding="utf-8")
    cells = {
        (cell["row"], cell["metric"]): cell
        for cell in json.loads(text)["rows"]
        if cell["table"] == target
    }
    return pd.DataFrame(
        {
            title: [_recorded_cell(cells.get((row, metric), {}), digits) for row in rows]
            for metric, title in metrics.items()
        },
        index=list(rows.values()),
    )


def _recorded_cell(cell: Mapping[str, Any], digits: int):
    value, published = cell.get("value"), cell.get("published")
    left = "–" if published is None else f"{published:g}"
    if value is None:
        return f"{left} | –"
    ours = f"{left} | {value:.{digits}f}"
    low, high = cell["ci_low"], cell["ci_high"]
    return ours if low is None else f"{ours} ({low:.{digits}f} to {high:.{digits}f})"


def claims(run: str | Path, paper: str) -> pd.DataFrame:
    """Reads the verdicts on a paper's claims.

    Returns:
        One row per claim: verdict, and difference with its 95 % interval over patients.

    Raises:
        RunError: The run cannot be read.
    """
    from lus_keras.evaluation.run_record import of_paper, read_runs

    declared = papers.results(paper)
    found = declared.claims(*of_paper(read_runs(run), paper)) if declared else []
    return pd.DataFrame(
        [
            {"claim": claim.text, "here it": claim.verdict, "difference": _difference(claim)}
            for claim in found
        ],
        columns=["claim", "here it", "difference"],
    ).set_index("claim")


def _difference(claim: Any) -> str:
    from lus_keras.evaluation.report.section import number

    if not claim.comparisons:
        return claim.note
    first = claim.comparisons[0]
    found = first.difference
    value, low, high = (
        number(end, 2, sign=True) for end in (found.value, found.ci_low, found.ci_high)
    )
    return f"{first.label} {value} ({low} to {high})"


def choices(paper: str, *labels: str) -> pd.DataFrame:
    """Lists the settings of a paper's protocol with their sources.

    Args:
        paper: Name of the paper.
        *labels: Sources to show: P printed in the paper, C public code, D derived from published
            numbers, I indirect evidence, X our choice. All if none is given.

    Returns:
        Columns `value`, `label` and `why`, by setting.
    """
    from lus_keras.core import config

    rows = config.load(paper).labeled_choices()
    kept = [row for row in rows if not labels or row["label"] in labels]
    return pd.DataFrame(kept).set_index("field")[["value", "label", "why"]]
