"""`lus-keras data mark`: regions of interest, drawn in a window or given."""

from __future__ import annotations

from pathlib import Path

import click

from lus_keras.cli.output import Command, echo, name_files

_PATH = click.Path(path_type=Path, dir_okay=False)


@click.command(cls=Command)
@click.argument("manifest", type=_PATH)
@click.option("--out", type=_PATH, required=True, help="Manifest to write, such as marked.csv.")
@click.option(
    "--roi", "given", multiple=True, metavar="VIDEO_ID=X,Y,W,H", help="Mark without a window."
)
@click.option("--root", type=click.Path(path_type=Path), help="Folder that paths start from.")
def mark(manifest: Path, out: Path, given: tuple[str, ...], root: Path | None) -> None:
    r"""Mark the region of interest of each video of MANIFEST that has none.

    A window shows the maximum of each pixel over the first two seconds. Draw a box; Space or Enter
    accepts it, c skips the video. Every box is saved immediately; run the same command again to
    resume. With --roi no window is opened.

    \b
    lus-keras data mark manifest.csv --out marked.csv
    lus-keras data mark manifest.csv --out marked.csv --roi p01_z3=210,96,240,300
    """
    from lus_keras.data import regions
    from lus_keras.data.manifest import read_manifest

    boxes = dict(_box(text) for text in given)
    videos = regions.with_progress(read_manifest(manifest, root=root), out, root)
    save = regions.save_to(out, root)
    if boxes:
        videos = regions.mark_given(videos, boxes)
    elif any(video.roi is None for video in videos):
        regions.check_window()
    save(videos)
    if not boxes:
        regions.mark_in_window(videos, regions.ask_in_window, save)
    unmarked = [video.video_id for video in read_manifest(out, root=root) if not video.roi]
    echo(f"{len(videos) - len(unmarked)} of {len(videos)} videos have a region of interest.")
    if unmarked:
        echo(f"Without: {', '.join(unmarked)}")
    name_files([out])


def _box(text: str) -> tuple[str, tuple[int, int, int, int]]:
    from lus_keras.data.fields import parse_box

    video_id, _, box = text.rpartition("=")
    try:
        if not video_id:
            raise ValueError(f"write VIDEO_ID=x,y,w,h. Received {text!r}.")
        return video_id, parse_box("--roi", box)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
