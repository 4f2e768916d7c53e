"""What the importers share on the command line: options, and the report on what was imported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lus_keras.cli.options import OUT_FILE_PATH, PATH, together
from lus_keras.cli.output import echo, name_files, number_of
from lus_keras.core.labels import REGISTRY

if TYPE_CHECKING:
    from lus_keras.data.importers import Imported
    from lus_keras.data.importers.join import Joining

OUT = click.option(
    "--out", type=OUT_FILE_PATH, required=True, help="Manifest to write, such as m.csv."
)
MANIFEST_ROOT = click.option(
    "--root", type=PATH, help="Folder that paths are relative to.  [default: the manifest's folder]"
)
VALUE = click.option(
    "--value",
    "values",
    multiple=True,
    metavar="COLUMN:WORD=VALUE",
    help="Value of a label for a word of your own, such as 'sign:B line=b_lines' (repeatable).",
)
MAP = click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="Use a column of the sheet as a manifest column, such as Patient=patient_id (repeatable).",
)
VIDEO = click.option(
    "--video", metavar="TEMPLATE", help="Video path composed of columns, such as '{id}/{zone}'."
)


def finish(imported: Imported) -> None:
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
join_options = together(
    click.option(
        "--patient",
        metavar="REGEX",
        help="Regular expression for file names, with named groups patient, exam and zone.",
    ),
    click.option(
        "--table", type=PATH, help="Sheet of labels to join (.csv or .xlsx), one row per video."
    ),
    *(MAP, VALUE, VIDEO),
    click.option(
        "--unannotated",
        type=click.Choice(["skip", "no", "ask"]),
        default="skip",
        show_default=True,
        help="Videos without annotation: exclude (skip), count as free of B-lines (no), or ask.",
    ),
    MANIFEST_ROOT,
)


def joining_of(options: Mapping[str, Any]) -> Joining:
    """What `join_options` ask for."""
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
