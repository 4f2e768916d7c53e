"""`lus-keras data import-…`: makes a manifest from users' own data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lus_keras.cli.options import BOX, PATH, POSITIVE, Box, together
from lus_keras.cli.output import Command, echo, name_files, number_of
from lus_keras.core.labels import REGISTRY, SINGLE

if TYPE_CHECKING:
    from lus_keras.data.importers import Imported
    from lus_keras.data.importers.join import Joining

_OUT = click.option("--out", type=PATH, required=True, help="Manifest to write, such as m.csv.")
_ROOT = click.option(
    "--root", type=PATH, help="Folder that paths are relative to.  [default: the manifest's folder]"
)
_VALUE = click.option(
    "--value",
    "values",
    multiple=True,
    metavar="COLUMN:WORD=VALUE",
    help="Translate a word of the sheet to a label (repeatable).",
)
_MAP = click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Use a column of the sheet as a manifest column (repeatable).",
)
_VIDEO = click.option(
    "--video", metavar="TEMPLATE", help="Video path composed of columns, such as '{id}/{zone}'."
)


def _finish(imported: Imported) -> None:
    """Prints what was used and what was not, and the files written."""
    from lus_keras.data.importers.timing import doubts_of
    from lus_keras.data.manifest.balance import one_class_warnings

    videos = imported.videos
    patients = len({video.patient_id for video in videos})
    echo(f"{number_of(len(videos), 'video')} of {number_of(patients, 'patient')}.")
    first = videos[0]
    known = f"patient {first.patient_id!r}, exam {first.exam_id!r}, zone {first.zone!r}"
    echo(f"  {first.video_id}: {known}")
    for name in (*REGISTRY, "roi"):
        known_of = [value for video in videos if (value := getattr(video, name)) is not None]
        if known_of:
            echo(f"  {name}: known for {len(known_of)}{_by_class(name, known_of)}")
    for note in imported.notes:
        echo(note)
    for warning in one_class_warnings(videos):
        echo(f"Warning: {imported.manifest}: {warning}", err=True)
    for warning in doubts_of(video.video for video in videos):
        echo(f"Warning: {warning}", err=True)
    if imported.warning:
        echo(f"Warning: {imported.manifest}: {imported.warning}", err=True)
    name_files([imported.manifest, *imported.others])


def _by_class(name: str, values: list[Any]) -> str:
    """Number of values of each class, in the order of the classes, as text."""
    label = REGISTRY.get(name)
    if label is None:
        return ""
    counts = Counter(map(label.summary, values))
    order = [*label.values, *(text for text in counts if text not in label.values)]
    return f" ({', '.join(f'{text}: {counts[text]}' for text in order if text in counts)})"


# Options for the sources that annotations are joined with.
_joined = together(
    click.option(
        "--patient",
        metavar="REGEX",
        help="Regular expression for file names, with named groups patient, exam and zone.",
    ),
    click.option(
        "--table", type=PATH, help="Sheet of labels to join (.csv or .xlsx), one row per video."
    ),
    *(_MAP, _VALUE, _VIDEO),
    click.option(
        "--unannotated",
        type=click.Choice(["skip", "no", "ask"]),
        default="skip",
        show_default=True,
        help="Videos without annotation: exclude (skip), count as free of B-lines (no), or ask.",
    ),
    _ROOT,
)


def _joining(options: Mapping[str, Any]) -> Joining:
    from lus_keras.data.importers.join import Joining
    from lus_keras.data.importers.naming import NamePattern
    from lus_keras.data.importers.table import TableOptions
    from lus_keras.data.importers.values import ValueMap, pairs
    from lus_keras.data.manifest import COLUMNS

    def ask(path: Path) -> bool:
        return click.confirm(f"{path.name} has no annotation of B-lines. Is it free of them?")

    silence: dict[str, Any] = {"skip": None, "no": lambda path: True, "ask": ask}
    return Joining(
        names=NamePattern.parse(options["patient"]) if options["patient"] else None,
        sheet=options["table"],
        table=TableOptions(
            pairs("--map", options["columns"], COLUMNS),
            ValueMap.parse(options["values"]),
            options["video"],
        ),
        is_free=silence[options["unannotated"]],
        root=options["root"],
    )


@click.command(
    "import-annotations", cls=Command, short_help="Make a manifest from a saved annotation page."
)
@click.argument("saved", type=PATH)
@click.argument("videos", nargs=-1, type=PATH)
@_OUT
@_joined
def import_annotations(saved: Path, videos: tuple[Path, ...], out: Path, **options: Any) -> None:
    r"""Make a manifest from SAVED, the JSON file of a `data annotate` page, and its VIDEOS.

    Files are identified by their hash. Videos without annotations are excluded.

    \b
    lus-keras data import-annotations page.json videos --out manifest.csv
    """
    from lus_keras.data.importers.page import import_page

    _finish(import_page(saved, videos, out, _joining(options)))


@click.command("import-via", cls=Command, short_help="Make a manifest from a VIA project.")
@click.argument("project", type=PATH)
@click.argument("videos", nargs=-1, type=PATH)
@_OUT
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
    help="Annotated files or folders, if VIDEOS are copies of them (repeatable).",
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
@_joined
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

    joining = _joining(options)
    reading = Reading(
        findings=findings or FINDINGS,
        labels=pairs("--label", labels, SINGLE),
        values=joining.table.values,
        roi_names=roi_names or ROI_NAMES,
    )
    frames = FramePattern.parse(frame, first_frame) if frame else None
    _finish(work(project, videos, out, ViaOptions(joining, reading, frames, annotated)))


@click.command("import-frames", cls=Command, short_help="Make a manifest from folders of images.")
@click.argument("folder", type=PATH)
@_OUT
@click.option("--fps", type=POSITIVE, help="Frame rate in Hz; not needed if file names are times.")
@click.option(
    "--layout",
    default="patient/exam/zone",
    show_default=True,
    help="Meaning of the folder levels; - ignores a level.",
)
@_ROOT
def import_frames(
    folder: Path, out: Path, fps: float | None, layout: str, root: Path | None
) -> None:
    r"""Make a manifest from folders of numbered images below FOLDER, one video each.

    Images are ordered by number: 2.jpg comes before 10.jpg. Nothing is copied.

    \b
    lus-keras data import-frames frames --fps 25 --out frames/manifest.csv
    """
    from lus_keras.data.importers.frame_folders import import_frame_folders

    _finish(import_frame_folders(folder, out, fps=fps, layout=layout, root=root))


@click.command("import-dicom", cls=Command, short_help="Write DICOM cines as de-identified videos.")
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, required=True, help="Output folder.")
@click.option("--key", type=PATH, required=True, help="File with the secret key for hashing ids.")
@click.option("--frame-rate", type=POSITIVE, help="Frame rate in Hz; overrides the files' rate.")
@click.option(
    "--region",
    type=BOX,
    metavar="X,Y,W,H",
    help="Ultrasound region in pixels, for files that state none.",
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

    _finish(work(files, out, key, DicomOptions(frame_rate, region, banner, codec)))


@click.command("import-table", cls=Command, short_help="Make a manifest from a sheet of labels.")
@click.argument("sheet", type=PATH)
@click.argument("videos", nargs=-1, type=PATH)
@_OUT
@_MAP
@_VALUE
@_VIDEO
@_ROOT
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
    _finish(work(sheet, out, options))


COMMANDS = (import_annotations, import_via, import_frames, import_dicom, import_table)
