"""POCUS: lung-ultrasound videos and images collected for COVID-19 research (Born et al. 2021).

    dataset_metadata.csv                     one row per file: labels, patient, license
    pocus_videos/<convex|linear>/<name>      AVI, MP4, MOV, MPEG and GIF
    pocus_images/<convex|linear>/<name>      JPEG and PNG

All are read as the source publishes them. Every file has a license of its own; a file without a
Creative Commons license in its row is left out.
"""

import os
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lus_keras.core.config import PublicDescription, describe_dataset
from lus_keras.core.errors import DataError
from lus_keras.core.labels import SIGNS
from lus_keras.data import fields
from lus_keras.data.datasets import Dataset, find_root, read_table
from lus_keras.data.manifest import Video

NAME = "pocus"
MARKER = "dataset_metadata.csv"
SAID = describe_dataset(NAME, PublicDescription)
SOURCE, LICENSE = SAID.source, SAID.license
OBTAIN = f"Download its folder `data` from {SOURCE} (each file has its own license, see {MARKER})."

# Column → sign, in the order of the table.
SIGN_COLUMNS = {
    "Effusion": "effusion",
    "Consolidations": "consolidation",
    "B-lines": "b_lines",
    "A-lines": "a_lines",
}
SEVERITY_COLUMN = "Lung Severity Score"
SEVERITY_TERMS = (
    "severity scores are those of Gare et al. 2022 (https://doi.org/10.48550/arXiv.2201.07357), "
    "CC BY-NC 4.0"
)
REQUIRED = (
    *("Current location", "Filename", "License", "Type", "Probe", "Patient ID / Name"),
    *SIGN_COLUMNS,
)
KINDS = ("video", "image")
UNMARKED = "a sign that is not marked 0 or 1"
MAX_LISTED = 50
# "CC BY-NC -SA 4.0" has a blank too many.
_LICENSE = re.compile(r"CC (?P<kind>BY[A-Z -]*?) ?(?P<version>\d\.\d)", re.ASCII)


@dataclass(frozen=True)
class Row:
    """One row of the table, cells stripped, numbered as in the file: row 1 names the columns."""

    number: int
    cells: Mapping[str, str]

    @property
    def place(self) -> tuple[str, str, str]:
        """Kind, probe and name of the file in lower case, by which it is found on disk."""
        values = (self.cells[column] for column in ("Type", "Probe", "Filename"))
        kind, probe, name = (value.casefold() for value in values)
        return kind, probe, name


def load(root: str | os.PathLike[str] | None = None) -> Dataset:
    """Reads the table and pairs it with the files that are present.

    `sign` is given where the table marks exactly one of its four signs and knows the others to be
    absent, `signs` wherever it marks all four with 0 or 1; `b_lines` wherever its column is filled,
    `severity` as well. A still image is a video of one frame.

    Args:
        root: Folder of the data set; found as `find_root` says if not given.

    Returns:
        Videos in the order of the table; `notes` state what is excluded and why.

    Raises:
        DataError: The data are absent, or the table cannot be read.
    """
    folder = find_root(NAME, root).absolute()
    rows = _read_rows(folder / MARKER)
    files = _files(folder)
    skipped: list[tuple[str, str]] = []
    videos: list[Video] = []
    why: dict[str, str] = {}
    taken: set[Path] = set()
    for row in rows:
        path = files.get(row.place)
        if path is not None:
            taken.add(path)
        reason = _refused(row, path, why)
        if reason:
            skipped.append((row.cells["Filename"] or f"row {row.number}", reason))
        else:
            videos.append(_video(row, str(path)))
            why[str(path)] = _why_not_one(_signs(row))
    skipped += [
        (path.name, f"no row in {MARKER}, so no license is known")
        for path in sorted(set(files.values()) - taken)
    ]
    if not videos:
        raise DataError(f"{folder}: contains no file of {MARKER} that is usable. {OBTAIN}")
    notes = (*_notes(videos, why), *_skipped_notes(skipped))
    licenses = _licenses(videos)
    return Dataset(NAME, SAID.title, videos, licenses, SAID.citation, notes, folder, cropped=True)


def _read_rows(path: Path) -> list[Row]:
    return [
        Row(number, cells)
        for number, cells in read_table(path, REQUIRED, SOURCE)
        if any(cells[name] for name in REQUIRED)
    ]


def _files(folder: Path) -> dict[tuple[str, str, str], Path]:
    """Files by kind, probe and name without its ending; the table writes both without care."""
    found = {}
    for kind in KINDS:
        for path in sorted(folder.glob(f"pocus_{kind}s/*/*")):
            if path.is_file() and not path.name.startswith("."):
                found[kind, path.parent.name.casefold(), path.stem.casefold()] = path
    return found


def _refused(row: Row, path: Path | None, taken: Container[str]) -> str:
    """Why a row gives no video; empty if it does."""
    if row.cells["Type"].casefold() not in KINDS:
        return f"type {row.cells['Type']!r} is neither video nor image"
    if path is None:
        return "no such file here"
    if str(path) in taken:
        return "a second row for the same file"
    if not license_of(row.cells["License"]):
        return f"no Creative Commons license, but {row.cells['License'] or 'nothing'!r}"
    if not row.cells["Patient ID / Name"]:
        return "no patient id, so a split by patient is impossible"
    return ""


def license_of(text: str) -> str:
    """Spells licenses as Creative Commons: `CC BY-NC -SA 4.0` → `CC BY-NC-SA 4.0`; else empty."""
    match = _LICENSE.fullmatch(text)
    return f"CC {match['kind'].replace(' ', '')} {match['version']}" if match else ""


def _mark(text: str) -> int | None:
    return {"0": 0, "1": 1}.get(text)


def _signs(row: Row) -> tuple[str, ...] | None:
    """The signs of a row in the order of `SIGNS`, or None if one is not marked 0 or 1."""
    marks = {sign: _mark(row.cells[column]) for column, sign in SIGN_COLUMNS.items()}
    if None in marks.values():
        return None
    return tuple(sign for sign in SIGNS if marks[sign])


def _why_not_one(signs: tuple[str, ...] | None) -> str:
    """Why a row is not of exactly one sign; empty if it is."""
    if signs is None:
        return UNMARKED
    if len(signs) == 1:
        return ""
    return "none of the four signs" if not signs else "more than one sign"


def _severity(text: str) -> int | None:
    try:
        return fields.parse_label("severity", text) if text else None
    except ValueError:
        return None


def _video(row: Row, path: str) -> Video:
    signs = _signs(row)
    return Video(
        video=path,
        patient_id=row.cells["Patient ID / Name"],
        video_id=f"{Path(path).parent.name}_{Path(path).stem}",
        b_lines=_mark(row.cells["B-lines"]),
        severity=_severity(row.cells.get(SEVERITY_COLUMN, "")),
        sign=signs[0] if signs and len(signs) == 1 else None,
        signs=signs,
        license=license_of(row.cells["License"]),
        source=row.cells.get("URL (Video Name)", "") or SOURCE,
    )


def _licenses(videos: Sequence[Video]) -> str:
    counts = Counter(video.license for video in videos)
    return "; ".join(f"{license} ({count} files)" for license, count in counts.most_common())


def _notes(videos: Sequence[Video], why: Mapping[str, str]) -> Iterator[str]:
    images = sum("pocus_images" in video.video for video in videos)
    patients = len({video.patient_id for video in videos})
    yield (
        f"{len(videos) - images} videos and {images} still images of {patients} patients, as the "
        "source numbers them; an image is a video of one frame."
    )
    yield (
        "Each file has its own license, in the manifest and in the table of the source: "
        f"{_licenses(videos)}. Files with NC are not for commercial use."
    )
    signs = Counter(video.sign for video in videos if video.sign)
    yield (
        f"Exactly one sign, as the task of four signs needs: "
        f"{', '.join(f'{count} {sign}' for sign, count in sorted(signs.items()))}."
    )
    for reason in sorted(set(why.values()) - {""}):
        names = [video.video_id for video in videos if why[video.video] == reason]
        yield f"Excluded from that task, {len(names)} with {reason}: {_listed(names)}."
    marked = [video.signs for video in videos if video.signs is not None]
    counts = ", ".join(f"{sum(sign in s for s in marked)} {sign}" for sign in SIGNS)
    yield (
        f"All four signs marked 0 or 1, as the multi-label option needs: {len(marked)} files, "
        f"{counts}, {sum(not s for s in marked)} none of them, "
        f"{sum(len(s) > 1 for s in marked)} several."
    )
    if any(video.severity is not None for video in videos):
        yield f"Scores: {SEVERITY_TERMS}."
    yield (
        "The source cropped the images to squares around the sector: they are used whole, because "
        "a large effusion could be mistaken for the edge of the sector."
    )
    yield (
        "Sources, scanners, frame rates and sizes differ between files and are correlated with the "
        "diagnosis: a network may learn the source instead of the sign."
    )


def _skipped_notes(skipped: Sequence[tuple[str, str]]) -> Iterator[str]:
    for reason in sorted({reason for _, reason in skipped}):
        names = [name for name, why in skipped if why == reason]
        yield f"{len(names)} excluded, {reason}: {_listed(names)}."


def _listed(names: Sequence[str]) -> str:
    more = f", … and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more
