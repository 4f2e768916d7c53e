"""`lus-keras data import-…`: makes a manifest from users' own data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lus_keras.cli.importing import (
    MANIFEST_ROOT,
    MAP,
    OUT,
    VALUE,
    VIDEO,
    finish,
    join_options,
    joining_of,
)
from lus_keras.cli.options import BOX, OUT_FOLDER_PATH, PATH, POSITIVE, Box
from lus_keras.cli.output import Command
from lus_keras.core.labels import SINGLE


@click.command(
    "import-annotations", cls=Command, short_help="Make a manifest from a saved annotation page."
)
@click.argument("saved", type=PATH)
@click.argument("videos", nargs=-1, type=PATH)
@OUT
@join_options
def import_annotations(saved: Path, videos: tuple[Path, ...], out: Path, **options: Any) -> None:
    r"""Make a manifest from SAVED, the JSON file of a `data annotate` page, and its VIDEOS.

    Files are identified by their hash. Videos without annotations are excluded.

    \b
    lus-keras data import-annotations page.json videos --out manifest.csv
    """
    from lus_keras.data.importers.page import import_page

    finish(import_page(saved, videos, out, joining_of(options)))


@click.command("import-via", cls=Command, short_help="Make a manifest from a VIA project.")
@click.argument("project", type=PATH)
@click.argument("videos", nargs=-1, type=PATH)
@OUT
@click.option(
    "--finding",
    "findings",
    multiple=True,
    help="Name of the B-line annotation; '*' is any name (repeatable).  [default: B-line]",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="ATTRIBUTE=COLUMN",
    help="Import an attribute of whole files as a manifest column (repeatable).",
)
@click.option(
    "--roi",
    "roi_names",
    multiple=True,
    help="Name of rectangles that mark the region of interest (repeatable).  [default: roi, "
    "region of interest, pleura, pleural area, pleural line, sector]",
)
@click.option(
    "--annotated",
    multiple=True,
    type=PATH,
    help="Files or folders that were annotated, if VIDEOS are copies of them (repeatable).",
)
@click.option(
    "--frame",
    metavar="REGEX",
    help="VIA 2: regular expression for image names, with named groups video and frame.",
)
@click.option(
    "--first-frame",
    type=click.IntRange(0, 1),
    default=0,
    show_default=True,
    help="VIA 2: number of the first frame in image names.",
)
@join_options
def import_via(
    project: Path,
    videos: tuple[Path, ...],
    out: Path,
    findings: tuple[str, ...],
    labels: tuple[str, ...],
    roi_names: tuple[str, ...],
    annotated: tuple[Path, ...],
    frame: str | None,
    first_frame: int,
    **options: Any,
) -> None:
    r"""Make a manifest from a VIA PROJECT (VGG Image Annotator 2 or 3) and its VIDEOS.

    Temporal segments become `segments`, labels of files become columns, rectangles become `roi`.
    Videos without annotations are excluded; they count as free of B-lines only with
    --unannotated no. --table joins a sheet of labels and patients.

    \b
    lus-keras data import-via project.json videos --out manifest.csv \
        --patient '(?P<patient>p\d+)_(?P<exam>e\d+)_(?P<zone>z\d+)' --label score=severity
    lus-keras data import-via project.json videos --table labels.csv --out manifest.csv
    """
    from lus_keras.data.importers.values import pairs
    from lus_keras.data.importers.via import ViaOptions
    from lus_keras.data.importers.via import import_via as work
    from lus_keras.data.importers.via_frames import FramePattern
    from lus_keras.data.importers.via_labels import FINDINGS, ROI_NAMES, Reading

    joining = joining_of(options)
    reading = Reading(
        findings=findings or FINDINGS,
        labels=pairs("--label", labels, SINGLE),
        values=joining.table.values,
        roi_names=roi_names or ROI_NAMES,
    )
    frames = FramePattern.parse(frame, first_frame) if frame else None
    finish(work(project, videos, out, ViaOptions(joining, reading, frames, annotated)))


@click.command("import-frames", cls=Command, short_help="Make a manifest from folders of images.")
@click.argument("folder", type=PATH)
@OUT
@click.option("--fps", type=POSITIVE, help="Frame rate in Hz; not needed if file names are times.")
@click.option(
    "--layout",
    default="patient/exam/zone",
    show_default=True,
    help="Meaning of the folder levels, from the top; - ignores a level.",
)
@MANIFEST_ROOT
def import_frames(
    folder: Path, out: Path, fps: float | None, layout: str, root: Path | None
) -> None:
    r"""Make a manifest from folders of numbered images below FOLDER, one video each.

    Images are ordered by number: 2.jpg comes before 10.jpg. Nothing is copied.

    \b
    lus-keras data import-frames frames --fps 25 --out frames/manifest.csv
    """
    from lus_keras.data.importers.frame_folders import import_frame_folders

    finish(import_frame_folders(folder, out, fps=fps, layout=layout, root=root))


@click.command("import-dicom", cls=Command, short_help="Write DICOM cines as de-identified videos.")
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--out", type=OUT_FOLDER_PATH, required=True, help="Output folder.")
@click.option("--key", type=PATH, required=True, help="File with the secret key for hashing ids.")
@click.option("--frame-rate", type=POSITIVE, help="Frame rate in Hz; overrides the files' rate.")
@click.option(
    "--region",
    type=BOX,
    metavar="X,Y,W,H",
    help="Ultrasound region in pixels, for files without one.",
)
@click.option(
    "--banner",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the image height, from the top, that is always blacked out.",
)
@click.option(
    "--codec",
    type=click.Choice(["ffv1", "mjpeg"]),
    default="ffv1",
    show_default=True,
    help="Video codec; ffv1 is lossless.",
)
def import_dicom(
    files: tuple[Path, ...],
    out: Path,
    key: Path,
    frame_rate: float | None,
    region: Box | None,
    banner: float,
    codec: str,
) -> None:
    r"""Write the ultrasound cines in DICOM FILES (or folders) as de-identified videos.

    Only pixels are kept, everything outside the ultrasound region is blacked out, and ids are keyed
    hashes. Text inside the region must be checked visually: look at the contact sheets before you
    share anything.

    \b
    python -c 'import secrets; print(secrets.token_hex(32))' > dicom.key
    lus-keras data import-dicom export --key dicom.key --out videos
    """
    from lus_keras.data.importers.dicom import DicomOptions
    from lus_keras.data.importers.dicom import import_dicom as work

    finish(work(files, out, key, DicomOptions(frame_rate, region, banner, codec)))


@click.command("import-table", cls=Command, short_help="Make a manifest from a sheet of labels.")
@click.argument("sheet", type=PATH)
@click.argument("videos", nargs=-1, type=PATH)
@OUT
@MAP
@VALUE
@VIDEO
@MANIFEST_ROOT
def import_table(
    sheet: Path,
    videos: tuple[Path, ...],
    out: Path,
    columns: tuple[str, ...],
    values: tuple[str, ...],
    video: str | None,
    root: Path | None,
) -> None:
    r"""Make a manifest from a SHEET (.csv or .xlsx) with one row per video, and its VIDEOS.

    Columns that are named as in a manifest need no --map. Ids are text: 010 is not 10.

    \b
    lus-keras data import-table labels.xlsx videos --out manifest.csv \
        --map File=video --map Patient=patient_id --map Finding=sign --value 'sign:B line=b_lines'
    """
    from lus_keras.data.importers.table import TableOptions
    from lus_keras.data.importers.table import import_table as work
    from lus_keras.data.importers.values import ValueMap, pairs
    from lus_keras.data.manifest import COLUMNS

    mapped = pairs("--map", columns, COLUMNS)
    options = TableOptions(mapped, ValueMap.parse(values), video, videos, root)
    finish(work(sheet, out, options))


COMMANDS = (import_annotations, import_via, import_frames, import_dicom, import_table)
