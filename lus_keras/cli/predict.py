"""`lus-keras predict`: probabilities of clips, videos and patients."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lus_keras.cli.networks import RUN, choice, load, named
from lus_keras.cli.options import JSON, OUT_FOLDER
from lus_keras.cli.output import Command, echo, name_files, number_of
from lus_keras.cli.videos import (
    APPEND,
    VIDEOS,
    checked,
    each,
    refuse_excluded,
    video_options,
    video_rows,
    warn_of_damage,
)

if TYPE_CHECKING:
    from lus_keras.inference.predict import Ensemble, VideoPrediction


@click.command(cls=Command, short_help="Predict videos with trained networks.")
@RUN
@VIDEOS
@choice
@video_options
@click.option("--out", type=OUT_FOLDER, help="Output folder.")
@click.option(
    "--pictures/--no-pictures", default=True, help="Whether to write PNG images and overlay videos."
)
@APPEND
@JSON
def predict(
    run: Path,
    videos: tuple[Path, ...],
    cropped: bool | None,
    damaged: bool,
    out: Path | None,
    pictures: bool,
    append: bool,
    as_json: bool,
    **options: Any,
) -> None:
    r"""Predict VIDEOS with the networks of RUN: probabilities of clips, videos and patients.

    VIDEOS are files, or folders with videos. RUN is a run directory, a folder within it, or the
    name of a pretrained network (see `lus-keras list`). The folds of a network are averaged.
    Predictions on videos used for training are optimistic. Truncated or damaged videos are listed
    and excluded; --damaged uses their readable frames. If --manifest has labels, videos are also
    scored (ROC-AUC and other metrics). For research only.

    \b
    lus-keras predict bline/c2d_lstm_a exam.mp4 --out predicted
    lus-keras predict bline/c2d_lstm_a --manifest covid-blues --no-pictures --out validated
    lus-keras predict runs/simulated-quick --model c2d_lstm_a exam.avi --out predicted
    lus-keras predict runs/simulated-quick --model c2d_lstm_a --manifest manifest.csv --json
    """
    rows, cropped = video_rows(videos, options, cropped)
    network = named(run, options)
    held = checked(network, options, rows, ("predict", out), append=append)
    models = load(network, decodes=True)
    from lus_keras.inference.predict import predict_video
    from lus_keras.inference.predict.metrics import FILE, video_metrics, write_metrics
    from lus_keras.inference.predict.write import as_json as to_json
    from lus_keras.inference.predict.write import write_predictions

    masks = out is not None
    found, problems = each(
        rows, lambda row: predict_video(models, row, cropped=cropped, masks=masks, damaged=damaged)
    )
    warn_of_damage(found)
    # Earlier predictions in the folder have labels that are unknown here.
    scored = [] if held else video_metrics(models, found)
    if as_json:
        echo(json.dumps({**to_json(models, found, problems), "metrics": scored}, indent=1))
    else:
        _print(models, found)
        _print_metrics(scored)
    if out is not None:
        files = write_predictions(
            models, found, out, pictures=pictures, refused=problems, held=held
        )
        if scored:
            files.append(write_metrics(out, models, Path(options["manifest"]).stem, scored))
        else:
            (out / FILE).unlink(missing_ok=True)
        if not as_json:
            name_files(files)
    refuse_excluded(problems, rows)


def _print_metrics(rows: list[dict[str, Any]]) -> None:
    """Prints the rows of `video_metrics`; nothing if no video has a label."""
    if not rows:
        return
    from rich.table import Table

    from lus_keras.core.progress import Console

    table = Table("metric, per video", "value", "95 % interval over patients", "majority class")
    table.title = f"{rows[0]['n_videos']} labeled videos of {rows[0]['n_patients']} patients"
    table.title_justify = "left"
    for row in rows:
        value, low, high, baseline = (
            "–" if row[name] is None else f"{row[name]:.3f}"
            for name in ("value", "ci_low", "ci_high", "baseline")
        )
        table.add_row(row["metric"].removeprefix("video_"), value, f"{low} to {high}", baseline)
    Console(highlight=False, width=None).print(table)


def _print(models: Ensemble, predictions: list[VideoPrediction]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from lus_keras.core.progress import Console

    table = Table("video", "patient", "clips", "predicted", *map(escape, models.labels))
    table.title = f"{models.name}, {number_of(len(models.networks), 'fold')}"
    table.title_justify = "left"
    for found in predictions:
        chances = [f"{value:.3f}" for value in found.mean]
        row, number = found.video, str(len(found.cuts))
        ids = (escape(name) for name in (row.video_id, row.patient_id))
        table.add_row(*ids, number, escape(found.answer), *chances)
    Console(highlight=False, width=None).print(table)
