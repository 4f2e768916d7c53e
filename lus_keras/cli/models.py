"""`lus-keras predict|explain`: predictions of trained networks, and their explanation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lus_keras.cli.options import BOX, COUNT, FOLDER, JSON, PATH, POSITIVE, ROOT, WHOLE, together
from lus_keras.cli.output import Command, echo, name_files, number_of
from lus_keras.core.errors import ConfigError, DataError, RunError
from lus_keras.core.files import read_json, write_json

if TYPE_CHECKING:
    from lus_keras.data.manifest import Video
    from lus_keras.inference.predict import Ensemble, VideoPrediction
    from lus_keras.inference.predict.find import Found, FoundPretrained

RUN = click.argument("run", type=PATH)
APPEND = click.option(
    "--append", is_flag=True, help="Add to the results already in the output folder."
)
_VIDEOS = click.argument("videos", nargs=-1, type=PATH)


CHOICE = ("paper", "model", "variant", "fold")
# Options that select a network of a run.
choice = together(
    click.option("--paper", help="Paper, if the run has several."),
    click.option("--model", help="Network or VARIANT/NETWORK, if the run has several."),
    click.option("--variant", help="Variant, if the run has several."),
    click.option("--fold", type=WHOLE, help="Use only this fold."),
)
# Options that describe the videos.
_data = together(
    click.option(
        "--manifest",
        help="Manifest or data set with ids, regions and labels; all its videos are used unless "
        "VIDEOS are given.",
    ),
    click.option(
        "--assume-fps",
        type=POSITIVE,
        help="Frame rate in Hz of image sequences and of videos that state none.",
    ),
    ROOT,
    click.option(
        "--roi", type=BOX, metavar="X,Y,W,H", help="Region of interest of all videos, in pixels."
    ),
    click.option(
        "--cropped/--crop",
        default=None,
        help="Whether videos are already cropped to the ultrasound sector.  "
        "[default: as the data set or the training videos]",
    ),
    click.option(
        "--damaged", is_flag=True, help="Use the readable frames of damaged videos, with a warning."
    ),
)


@click.command(cls=Command, short_help="Predict videos with trained networks.")
@RUN
@_VIDEOS
@choice
@_data
@click.option("--out", type=FOLDER, help="Output folder.")
@click.option("--pictures/--no-pictures", default=True, help="Write PNG images and overlay videos.")
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
    rows, cropped = _rows(videos, options, cropped)
    network = named(run, options)
    held = _checked(network, options, rows, ("predict", out), append=append)
    models = load(network, decodes=True)
    from lus_keras.inference.predict import predict_video
    from lus_keras.inference.predict.metrics import FILE, video_metrics, write_metrics
    from lus_keras.inference.predict.write import as_json as to_json
    from lus_keras.inference.predict.write import write_predictions

    masks = out is not None
    found, problems = _each(
        rows, lambda row: predict_video(models, row, cropped=cropped, masks=masks, damaged=damaged)
    )
    _warn(found)
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
    _refuse(problems, rows)


@click.command(cls=Command, short_help="Write saliency maps for videos.")
@RUN
@_VIDEOS
@choice
@_data
@click.option(
    "--clips", type=COUNT, default=1, show_default=True, help="Number of clips per video."
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    help="Method: vanilla, smooth, grad-cam or integrated (repeatable).",
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
@click.option("--out", type=FOLDER, required=True, help="Output folder.")
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
    rows, cropped = _rows(videos, options, cropped)
    network = named(run, options)
    held = _checked(network, options, rows, ("explain", out), append=append)
    models = load(network, decodes=True)
    from lus_keras.inference.append import merged_sanity
    from lus_keras.inference.explain import as_json, explain_video, write_explanations

    settings: dict[str, Any] = {"methods": methods or STANDARD, "clips": clips}
    settings |= {"cropped": cropped, "damaged": damaged}
    settings |= {name: options[name] for name in ("samples", "engine", "order", "explained")}
    found, problems = _each(rows, lambda row: explain_video(models, row, **settings))
    _warn([video[0].prediction for video in found])
    explained = [each for video in found for each in video]
    files = write_explanations(models, explained, out)
    if held:
        merged = merged_sanity(held, read_json(files[-1]))
        write_json(files[-1], merged)
    for method, value in as_json(models, explained)["mean"].items():
        said = "n/a (constant map)" if value is None else f"{value:+.3f}"
        echo(f"{method:<10} rank correlation with random weights: {said}")
    name_files(files)
    _refuse(problems, rows)


def _checked(
    network: Found | FoundPretrained,
    options: dict[str, Any],
    rows: list[Video],
    target: tuple[str, Path | None],
    *,
    append: bool,
) -> dict[str, Any]:
    """Checks everything that can be checked before TensorFlow is loaded.

    Args:
        target: Command and its output folder.

    Returns:
        Results that the folder holds and that `append` keeps.
    """
    from lus_keras.inference.append import check_folder
    from lus_keras.inference.checks import check_class, check_videos, check_writable

    description = network.description
    check_class(options.get("explained", ""), description.labels)
    check_videos(rows)
    command, out = target
    if out is None:
        return {}
    check_writable(out)
    return check_folder(out, command, description.name, rows, append=append)


def named(run: Path, options: dict[str, Any]) -> Found | FoundPretrained:
    """Finds the network named on the command line; a wrong path is told before TensorFlow loads.

    Args:
        run: Run directory, a folder within it, or the name of a pretrained network.
        options: Options `paper`, `model`, `variant` and `fold`.
    """
    from lus_keras.inference.predict.find import find_named

    return find_named(run, **{name: options[name] for name in CHOICE})


def _each(rows: list[Video], work: Callable[[Video], Any]) -> tuple[list[Any], list[str]]:
    """Results of the usable videos, and messages about the others.

    Raises:
        DataError: No video can be used.
    """
    found, problems = [], []
    for row in rows:
        try:
            found.append(work(row))
        except DataError as error:
            problems.append(str(error))
    if not found:
        raise DataError.from_problems(problems)
    return found, problems


def _warn(predictions: list[VideoPrediction]) -> None:
    """Prints a warning about the losses of every damaged video."""
    for found in predictions:
        if found.damage:
            echo(
                f"Warning: {found.video.video}: is damaged: {found.damage} Only readable frames "
                "were used.",
                err=True,
            )


def _refuse(problems: list[str], rows: list[Video]) -> None:
    """Ends with the exit code of partial work if videos were excluded.

    Raises:
        RunError: Videos were excluded; all are listed.
    """
    if problems:
        count = f"{len(problems)} of {len(rows)} videos were excluded; the others are complete:"
        raise RunError.from_problems([count, *problems])


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


def _rows(
    paths: tuple[Path, ...], options: dict[str, Any], cropped: bool | None
) -> tuple[list[Video], bool | None]:
    """Manifest rows of the named videos, or of the whole manifest; whether they are cropped."""
    from lus_keras.data import datasets
    from lus_keras.data.manifest import read_manifest
    from lus_keras.inference.rows import as_video, told_apart

    known: list[Video] = []
    if options["manifest"] and options["manifest"] in datasets.names():
        data = datasets.load(options["manifest"], root=options["root"])
        known, cropped = list(data.videos), data.cropped if cropped is None else cropped
    elif options["manifest"]:
        known = read_manifest(options["manifest"], root=options["root"])
    elif not paths:
        raise ConfigError("VIDEOS: none given. Give videos, or a --manifest.")
    root = options["root"] or Path()
    rows = list(known)
    if paths:
        by_path = {Path(row.video).resolve(): row for row in known}
        places = [place for path in paths for place in _videos_of(path if known else root / path)]
        strangers = [path for path in places if known and path.resolve() not in by_path]
        if strangers:
            raise DataError.from_problems(
                f"{options['manifest']}: has no row for {path}. Give a video of the manifest."
                for path in strangers
            )
        named = dict.fromkeys(places)
        rows = [by_path.get(path.resolve()) or as_video(path) for path in named]
        rows = rows if known else told_apart(rows)
    if options["assume_fps"]:
        rows = [replace(row, fps=row.fps or options["assume_fps"]) for row in rows]
    return [replace(row, roi=row.roi or options["roi"]) for row in rows], cropped


def _videos_of(place: Path) -> list[Path]:
    """A video or folder of images itself; all videos in any other folder."""
    from lus_keras.core.files import is_picture_folder
    from lus_keras.data.importers.naming import find_videos

    is_folder = place.is_dir() and not is_picture_folder(place)
    return find_videos([place]) if is_folder else [place]


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
