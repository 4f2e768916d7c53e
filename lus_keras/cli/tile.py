"""`lus-keras data tile`: the lung-sliding paper's six data sets as video files."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lus_keras.cli.options import BOX, COUNT, OUT_FOLDER, PATH, PATHS_ROOT, POSITIVE, Box
from lus_keras.cli.output import Command, echo, name_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lus_keras.data.manifest import Video
    from lus_keras.data.tiling import DataSet


class _SeveralNumbers(Command):
    """Command that accepts `--tile 30 60 90` for `--tile 30 --tile 60 --tile 90`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        named = number = False
        for word in args:
            if number and word.isdigit():
                spread += ["--tile", word]
                continue
            spread.append(word)
            named, number = word == "--tile", named
        return super().parse_args(ctx, spread)


def _size(ctx: click.Context, option: click.Parameter, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,3})x([1-9]\d{0,3})", text)
    if not match:
        raise click.BadParameter(f"write HEIGHTxWIDTH, such as 480x640. Received {text!r}.")
    return int(match[1]), int(match[2])


@click.command(cls=_SeveralNumbers, short_help="Write the data sets of tiles of the sliding paper.")
@click.argument("source", metavar="MANIFEST|VIDEO", type=PATH)
@click.option("--out", type=OUT_FOLDER, required=True, help="Output folder.")
@click.option(
    "--tile", "sizes", type=COUNT, multiple=True, default=(30, 60, 90),
    show_default=True, help="Tile sizes in pixels.",
)  # fmt: skip
@click.option(
    "--rows",
    type=COUNT,
    default=2,
    show_default=True,
    help="Number of rows of tiles, from the top, in data sets such as 2_30x30.",
)
@click.option(
    "--fps", type=POSITIVE, default=30.0, show_default=True, help="Frame rate of tiles in Hz."
)
@click.option(
    "--size",
    default="480x640",
    show_default=True,
    callback=_size,
    help="Size of resized frames, HEIGHTxWIDTH in pixels.",
)
@click.option(
    "--seconds",
    type=POSITIVE,
    default=2.0,
    show_default=True,
    help="Duration of a clip in seconds.",
)
@click.option(
    "--roi",
    type=BOX,
    metavar="X,Y,W,H",
    help="Region of interest of videos that have none in the manifest, in pixels of the file.",
)
@PATHS_ROOT
def tile(
    source: Path,
    out: Path,
    sizes: tuple[int, ...],
    rows: int,
    fps: float,
    size: tuple[int, int],
    seconds: float,
    roi: Box | None,
    root: Path | None,
) -> None:
    r"""Write the lung-sliding paper's data sets of tiles as lossless videos with manifests.

    Videos are resampled to 30 frames per second and resized to 480x640 pixels. Every two-second
    clip of the region of interest is cut into tiles: the first two rows (2_30x30, …) and all rows
    (all_30x30, …).

    \b
    lus-keras data tile manifest.csv --out tiles
    lus-keras data tile manifest.csv --out tiles --tile 30 60 90 --rows 2
    lus-keras data tile video.mp4 --out tiles --roi 210,96,240,300
    """
    from lus_keras.core.progress import Reporter
    from lus_keras.data import tiling

    clips = tiling.data_sets(sizes, rows=rows, fps=fps, size=size, seconds=seconds)
    videos = _videos(source, root, roi)
    with Reporter() as reporter:

        def progress(done: int, total: int) -> None:
            if reporter.live or done == total:
                reporter.advance("cutting videos", done, total)

        made = tiling.write_tiles(videos, clips, out, progress=progress)
    _print_counts(made)
    name_files([data_set.manifest for data_set in made if data_set.manifest])


def _videos(source: Path, root: Path | None, roi: Box | None) -> list[Video]:
    from lus_keras.data.manifest import Video, read_manifest

    if source.suffix.lower() == ".csv":
        rows = read_manifest(source, root=root)
    else:
        rows = [Video(str(source.absolute()), source.stem, source.stem)]
    return [row if row.roi else dataclasses.replace(row, roi=roi) for row in rows]


def _print_counts(made: Sequence[DataSet]) -> None:
    from rich.table import Table

    from lus_keras.core.progress import Console
    from lus_keras.data.tiling import published_counts

    published = published_counts()
    table = Table(title="Tiles, compared with the counts in the lung-sliding paper (Figure 4)")
    table.add_column("data set")
    for column in ("tiles", "with sliding", "without", "paper: tiles", "with", "without"):
        table.add_column(column, justify="right")
    for data_set in made:
        printed = published.get(data_set.name, {})
        counts = (data_set.tiles, data_set.present, data_set.absent)
        paper = (str(printed.get(key, "–")) for key in ("total", "present", "absent"))
        table.add_row(data_set.name, *map(str, counts), *paper)
    Console().print(table)
    unlabeled = sum(data_set.tiles - data_set.present - data_set.absent for data_set in made)
    if unlabeled:
        echo(f"{unlabeled} tiles are from videos without a label in the column `sliding`.")
    if "2_90x90" in {data_set.name for data_set in made} & set(published):
        echo("The paper prints 663 tiles for 2_90x90; 230 + 96 = 326.")
