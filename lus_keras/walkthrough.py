"""What a notebook shows of a paper, without noise: network, run, tables and pictures.

from lus_keras import walkthrough
run = walkthrough.reproduce("bline", "table1", preset="smoke", out="runs/demo")
walkthrough.table(run, "bline", "table1")
"""

from __future__ import annotations

import base64
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lus_keras.errors import ConfigError, RunError

if TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

# Layers that only rearrange or rectify say little of a network.
UNTOLD = ("InputLayer", "ReLU", "Activation", "ZeroPadding2D", "ZeroPadding3D", "Dropout")


@dataclass(frozen=True)
class Picture:
    """A picture that notebooks show as it is.

    Attributes:
        content: The file's bytes.
        kind: `image/png` or `image/jpeg`.
    """

    content: bytes = field(repr=False)
    kind: str = "image/png"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            self.kind: base64.b64encode(self.content).decode(),
            "text/plain": f"<picture, {len(self.content) // 1000} kB>",
        }


def start() -> None:
    """Starts TensorFlow without its notices and lets tables show whole sentences."""
    from lus_keras.environment import start_tensorflow

    start_tensorflow()
    pd.set_option("display.max_colwidth", None)


def picture(source: Path | Figure, *, width: int = 800, photo: bool = False) -> Picture:
    """Makes a small picture of a figure or a PNG, so that a notebook stays small.

    Args:
        source: Figure, or path of a PNG.
        width: Width in pixels; a narrower source keeps its own.
        photo: Whether it is mostly frames, which JPEG keeps in less; else it is a PNG of 64
            colours.

    Returns:
        The picture.

    Raises:
        FileNotFoundError: There is no such PNG.
    """
    from PIL import Image

    from lus_keras.figures import png_bytes

    content = source.read_bytes() if isinstance(source, Path) else png_bytes(source)
    image = Image.open(io.BytesIO(content)).convert("RGB")
    if image.width > width:
        height = round(image.height * width / image.width)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    if photo:
        image.save(stream, "JPEG", quality=70, optimize=True)
        return Picture(stream.getvalue(), "image/jpeg")
    image.quantize(64, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return Picture(stream.getvalue())


def network(model: keras.Model) -> pd.DataFrame:
    """Draws a network as a table: a row for layers whose names start with the same word.

    Args:
        model: Any built model.

    Returns:
        Columns `part`, `layers`, `output` (shape without the batch) and `parameters`; the last row
        is the whole network.
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


def reproduce(
    paper: str,
    *targets: str,
    out: str | Path,
    preset: str = "paper",
    models: Sequence[str] = (),
    data: str = "simulated",
    overrides: Sequence[str] = (),
) -> Path:
    """Does what the command `lus-keras reproduce` does, and prints nothing.

    Args:
        paper: Name of the paper.
        *targets: Tables and figures, such as `table1`.
        out: Run directory.
        preset: `paper`, `quick` or `smoke`.
        models: Only these networks; all that the targets need where none is given.
        data: `simulated`, a public data set or a manifest.
        overrides: `key=value` strings, as with `--set`.

    Returns:
        The run directory.

    Raises:
        ConfigError: A name or setting is wrong.
        DataError: The data are absent or break a rule.
        RunError: A network failed or diverged; what is finished is kept.
    """
    from rich.console import Console

    from lus_keras.environment import start_tensorflow
    from lus_keras.progress import Reporter
    from lus_keras.reproduce import Request
    from lus_keras.reproduce import reproduce as work

    start_tensorflow()
    request = Request(
        targets,
        papers=(paper,),
        data=data,
        preset=preset,
        models=tuple(models),
        overrides=tuple(overrides),
        out=Path(out),
    )
    # Within a notebook rich would print there, whatever its file.
    silent = Console(file=io.StringIO(), force_jupyter=False)
    result = work(request, Reporter(silent))
    if result.exit_code:
        statuses = ", ".join(sorted({outcome.status for outcome in result.outcomes}))
        raise RunError(f"{out}: not every network was trained ({statuses}). See its run.json.")
    return result.out


def table(run: str | Path, paper: str, target: str, *, metrics: Sequence[str] = ()) -> pd.DataFrame:
    """Reads a table of a run, `published | ours (95 % interval over patients)`.

    Args:
        run: Run directory.
        paper: Name of the paper.
        target: Name of the table.
        metrics: Metrics to show; those that the paper prints where none is given.

    Returns:
        A row a network, a column a metric; rows of which nothing is known are left out.

    Raises:
        ConfigError: The paper has no such table.
        RunError: The run cannot be read.
    """
    from lus_keras.report.section import results_module
    from lus_keras.report.terminal import cell_text
    from lus_keras.results import read_run

    makers = getattr(results_module(paper), "TABLES", {})
    if target not in makers:
        raise ConfigError(f"'{paper}' has no table '{target}'. It has: {', '.join(makers)}.")
    made = makers[target](read_run(run)[1][paper])
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


def claims(run: str | Path, paper: str) -> pd.DataFrame:
    """Reads what became of the orders that a paper claims.

    Args:
        run: Run directory.
        paper: Name of the paper.

    Returns:
        A row a claim: verdict, and the difference with its 95 % interval over patients.

    Raises:
        RunError: The run cannot be read.
    """
    from lus_keras.report.section import results_module
    from lus_keras.results import read_run

    module = results_module(paper)
    found = module.claims(read_run(run)[1][paper]) if module else []
    return pd.DataFrame(
        [
            {"claim": claim.text, "here it": claim.verdict, "difference": _difference(claim)}
            for claim in found
        ],
        columns=["claim", "here it", "difference"],
    ).set_index("claim")


def _difference(claim: Any) -> str:
    from lus_keras.report.section import number

    if not claim.comparisons:
        return claim.note
    first = claim.comparisons[0]
    found = first.difference
    value, low, high = (
        number(end, 2, sign=True) for end in (found.value, found.ci_low, found.ci_high)
    )
    return f"{first.label} {value} ({low} to {high})"


def figure(run: str | Path, name: str, *, width: int = 800, photo: bool = False) -> Picture:
    """Shows a figure of a run's report.

    Args:
        run: Run directory.
        name: Stem of its file, such as `bline_figure1`.
        width: Width in pixels, at most.
        photo: As in `picture`.

    Returns:
        The picture.

    Raises:
        RunError: The report has no such figure; those it has are named.
    """
    folder = Path(run) / "report" / "figures"
    path = folder / f"{name}.png"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.png"))) or "none"
        raise RunError(f"{path}: there is no such figure. The report has: {there}.")
    return picture(path, width=width, photo=photo)


def frames(task: str, *, per_class: int = 3, seed: int = 0, width: int = 640) -> Picture:
    """Shows simulated frames of each class of a paper's cohort.

    Args:
        task: Name of the paper.
        per_class: Frames a class.
        seed: Seed of the cohort.
        width: Width in pixels, at most.

    Returns:
        The picture; captions tell patient and measured label.
    """
    from lus_keras import contact_sheet

    shown = contact_sheet.simulated_pictures(task, per_class=per_class, seed=seed)
    return picture(contact_sheet.contact_sheet(task, shown, [], ""), width=width, photo=True)


def choices(paper: str, *labels: str) -> pd.DataFrame:
    """Lists the settings of a paper's protocol with the label of where each comes from.

    Args:
        paper: Name of the paper.
        *labels: Only these: P printed in the paper, C public code, D derived from published
            numbers, I indirect evidence, X our choice. All where none is given.

    Returns:
        Columns `value`, `label` and `why`, by setting.
    """
    from lus_keras import config

    rows = config.load(paper).labelled_choices()
    kept = [row for row in rows if not labels or row["label"] in labels]
    return pd.DataFrame(kept).set_index("field")[["value", "label", "why"]]
