"""`lus-keras explain`: saliency maps of videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lus_keras.cli.networks import RUN, choice, load, named
from lus_keras.cli.options import COUNT, OUT_FOLDER
from lus_keras.cli.output import Command, echo, name_files
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
from lus_keras.core.files import read_json, write_json


@click.command(cls=Command, short_help="Write saliency maps for videos.")
@RUN
@VIDEOS
@choice
@video_options
@click.option(
    "--clips", type=COUNT, default=1, show_default=True, help="Number of clips per video."
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    help="Method: vanilla, smooth, grad-cam, integrated (repeatable).  [default: the first three]",
)
@click.option(
    "--samples",
    type=COUNT,
    default=20,
    show_default=True,
    help="Number of noisy copies for SmoothGrad.",
)
@click.option(
    "--engine",
    type=click.Choice(["fast", "tf-keras-vis"]),
    default="fast",
    show_default=True,
    help="Compiled gradients (fast) or the library tf-keras-vis; maps agree to 1e-5.",
)
@click.option(
    "--order",
    type=click.Choice(["mean_abs", "abs_mean"]),
    default="mean_abs",
    show_default=True,
    help="SmoothGrad as in tf-keras-vis (mean_abs: mean of |g|) or as its authors define it "
    "(abs_mean: |mean of g|).",
)
@click.option(
    "--class", "explained", default="", help="Class to explain.  [default: the predicted class]"
)
@click.option("--out", type=OUT_FOLDER, required=True, help="Output folder.")
@APPEND
def explain(
    run: Path,
    videos: tuple[Path, ...],
    cropped: bool | None,
    damaged: bool,
    clips: int,
    methods: tuple[str, ...],
    out: Path,
    append: bool,
    **options: Any,
) -> None:
    r"""Write saliency, SmoothGrad and Grad-CAM maps of VIDEOS for the network of RUN.

    The clips with the highest probability of the explained class are shown; maps are from the first
    fold, or from --fold. A correlation near 1 with the map of random weights means that a map
    reflects the input, not what was learned.

    \b
    lus-keras explain runs/simulated-quick --model c2d_lstm_a exam.avi --out explained
    lus-keras explain runs/simulated-quick --model c2d_a exam.avi --method smooth --out explained
    """
    from lus_keras.inference.checks import STANDARD, check_methods

    check_methods(methods)
    rows, cropped = video_rows(videos, options, cropped)
    network = named(run, options)
    held = checked(network, options, rows, ("explain", out), append=append)
    models = load(network, decodes=True)
    from lus_keras.inference.append import merged_sanity
    from lus_keras.inference.explain import as_json, explain_video, write_explanations

    settings: dict[str, Any] = {"methods": methods or STANDARD, "clips": clips}
    settings |= {"cropped": cropped, "damaged": damaged}
    settings |= {name: options[name] for name in ("samples", "engine", "order", "explained")}
    found, problems = each(rows, lambda row: explain_video(models, row, **settings))
    warn_of_damage([video[0].prediction for video in found])
    explained = [each for video in found for each in video]
    files = write_explanations(models, explained, out)
    if held:
        merged = merged_sanity(held, read_json(files[-1]))
        write_json(files[-1], merged)
    for method, value in as_json(models, explained)["mean"].items():
        said = "n/a (constant map)" if value is None else f"{value:+.3f}"
        echo(f"{method:<10} rank correlation with random weights: {said}")
    name_files(files)
    refuse_excluded(problems, rows)
