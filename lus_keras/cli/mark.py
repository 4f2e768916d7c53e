"""`lus-keras data annotate|mark`: labels and regions, marked in a browser or given as options."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lus_keras.cli.options import FILE, OUT_FILE, PATH, PATHS_ROOT, POSITIVE, Box
from lus_keras.cli.output import Command, echo, name_files, number_of
from lus_keras.core.errors import ConfigError

if TYPE_CHECKING:
    from lus_keras.data.importers.naming import NamePattern
    from lus_keras.data.manifest import Video


@click.command(cls=Command, short_help="Write a page to annotate videos in a browser.")
@click.argument("videos", nargs=-1, required=True, type=PATH)
@click.option("--out", type=OUT_FILE, required=True, help="HTML page to write, such as page.html.")
@click.option(
    "--patient",
    metavar="REGEX",
    help="Regular expression for file names, with named groups patient, exam and zone.",
)
@click.option("--fps", type=POSITIVE, help="Frame rate of image sequences in Hz.")
@click.option(
    "--size",
    type=click.IntRange(64, 4096),
    default=640,
    show_default=True,
    help="Longest side of the images in pixels.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=70,
    show_default=True,
    help="WebP quality of the images.",
)
@PATHS_ROOT
def annotate(
    videos: tuple[Path, ...],
    out: Path,
    patient: str | None,
    fps: float | None,
    size: int,
    quality: int,
    root: Path | None,
) -> None:
    r"""Write a page to annotate VIDEOS in a browser: B-line intervals, labels, region of interest.

    VIDEOS are files, folders, or a manifest.csv, whose labels the page shows. The page contains the
    frames, needs no network and sends nothing. Open it in a browser, annotate, save the JSON file,
    and make a manifest from this file with import-annotations.

    \b
    lus-keras data annotate videos --out page.html --patient '(?P<patient>p\d+)_.*'
    lus-keras data import-annotations page.json videos --out manifest.csv
    """
    from lus_keras.data.annotation import Picturing, write_page
    from lus_keras.data.importers.naming import NamePattern, find_videos
    from lus_keras.data.manifest import read_manifest

    names = NamePattern.parse(patient) if patient else None
    tables = [path for path in videos if path.suffix.lower() == ".csv"]
    rows = [row for path in tables for row in read_manifest(path, root=root)]
    if others := [path for path in videos if path not in tables]:
        known = {row.video for row in rows}
        found = (path for path in find_videos(others) if str(path) not in known)
        rows += [_row(path, names) for path in found]
    rows = [replace(row, fps=row.fps or fps) for row in rows] if fps else rows
    write_page(rows, out, Picturing(size, quality))
    echo(
        f"{number_of(len(rows), 'video')}, {out.stat().st_size / 1e6:.1f} MB. Open the page in a "
        "browser."
    )
    echo(f"Then: lus-keras data import-annotations {out.stem}.json VIDEOS --out manifest.csv")
    name_files([out])


def _row(path: Path, names: NamePattern | None) -> Video:
    from lus_keras.data.manifest import Video

    try:
        ids = names.read(path) if names else {}
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return Video(**({"patient_id": ""} | ids | {"video": str(path), "video_id": path.stem}))


@click.command(cls=Command, short_help="Enter known regions of interest into a manifest.")
@click.argument("manifest", type=FILE)
@click.option("--out", type=OUT_FILE, required=True, help="Manifest to write, such as marked.csv.")
@click.option(
    "--roi",
    "given",
    multiple=True,
    required=True,
    metavar="VIDEO_ID=X,Y,W,H",
    help="Region of interest of a video in pixels of the file (repeatable).",
)
@PATHS_ROOT
def mark(manifest: Path, out: Path, given: tuple[str, ...], root: Path | None) -> None:
    r"""Enter known regions of interest into MANIFEST; draw others with `data annotate`.

    \b
    lus-keras data mark manifest.csv --out marked.csv --roi p01_z3=210,96,240,300
    """
    from lus_keras.data.manifest import read_manifest, write_manifest
    from lus_keras.data.regions import mark_given

    boxes = dict(_box(text) for text in given)
    videos = mark_given(read_manifest(manifest, root=root), boxes)
    write_manifest(videos, out, root=root)
    unmarked = [video.video_id for video in videos if not video.roi]
    echo(f"{len(videos) - len(unmarked)} of {len(videos)} videos have a region of interest.")
    if unmarked:
        echo(f"Without: {', '.join(unmarked)}")
    name_files([out])


def _box(text: str) -> tuple[str, Box]:
    from lus_keras.data.fields import parse_box

    video_id, _, box = text.rpartition("=")
    try:
        if not video_id:
            raise ValueError(f"write VIDEO_ID=x,y,w,h. Received {text!r}.")
        return video_id, parse_box("--roi", box)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
