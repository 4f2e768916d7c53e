"""Videos on the command line, for `predict` and `explain`: their options, checks and faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lus_keras.cli.options import BOX, PATH, POSITIVE, ROOT, together
from lus_keras.cli.output import echo
from lus_keras.core.errors import ConfigError, DataError, RunError

if TYPE_CHECKING:
    from lus_keras.data.manifest import Video
    from lus_keras.inference.predict import VideoPrediction
    from lus_keras.inference.predict.find import Found, FoundPretrained

VIDEOS = click.argument("videos", nargs=-1, type=PATH)
APPEND = click.option(
    "--append", is_flag=True, help="Add to the results that are already in the output folder."
)
# Options that describe the videos.
video_options = together(
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
        "--roi",
        type=BOX,
        metavar="X,Y,W,H",
        help="Region of interest of all videos, in pixels of the file.",
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


def video_rows(
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


def checked(
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
    from lus_keras.inference.checks import check_class, check_videos

    description = network.description
    check_class(options.get("explained", ""), description.labels)
    check_videos(rows)
    command, out = target
    if out is None:
        return {}
    return check_folder(out, command, description.name, rows, append=append)


def each(rows: list[Video], work: Callable[[Video], Any]) -> tuple[list[Any], list[str]]:
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


def warn_of_damage(predictions: list[VideoPrediction]) -> None:
    """Prints a warning about the losses of every damaged video."""
    for found in predictions:
        if found.damage:
            echo(
                f"Warning: {found.video.video}: is damaged: {found.damage} Only readable frames "
                "were used.",
                err=True,
            )


def refuse_excluded(problems: list[str], rows: list[Video]) -> None:
    """Ends with the exit code of partial work if videos were excluded.

    Raises:
        RunError: Videos were excluded; all are listed.
    """
    if problems:
        count = f"{len(problems)} of {len(rows)} videos were excluded; the others are complete:"
        raise RunError.from_problems([count, *problems])
