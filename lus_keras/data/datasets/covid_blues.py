"""COVID-BLUES: 362 videos of 63 patients at the six BLUE points (Wiedemann et al. 2025).

    severity.csv                            video_file, Severity Score, A-lines, B-lines, comments
    lus_videos/patient_<ID>_<POINT>[_2].mp4

Both are read as the source publishes them. Its license forbids derivatives: nothing is copied here.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lus_keras.core.config import PublicDescription, describe_dataset
from lus_keras.core.errors import DataError
from lus_keras.data import fields
from lus_keras.data.datasets import Dataset, find_root, read_table
from lus_keras.data.manifest import Video

NAME = "covid-blues"
MARKER = "severity.csv"
SAID = describe_dataset(NAME, PublicDescription)
SOURCE, LICENSE = SAID.source, SAID.license
OBTAIN = f"Download it from {SOURCE} (license {LICENSE}), for example with git clone."

_COLUMNS = {"severity": "Severity Score", "b_lines": "B-lines"}
A_LINES = "A-lines"
REQUIRED = ("video_file", *_COLUMNS.values(), A_LINES)
_VIDEO_ID = re.compile(r"patient_(?P<patient>\d+)_(?P<point>[LR][123])(_\d+)?", re.ASCII)


def load(root: str | os.PathLike[str] | None = None) -> Dataset:
    """Reads the labels and pairs them with the video files that are present.

    Args:
        root: Folder of the data set; found as `find_root` says if not given.

    Returns:
        Videos in the order of `severity.csv`. `segments` is None throughout: there is no
        frame-level truth. An empty label is None; `notes` state what is excluded.

    Raises:
        DataError: The data are absent, or labels break rules; all of them are listed at once.
    """
    folder = find_root(NAME, root).absolute()
    rows = list(read_table(folder / MARKER, REQUIRED, SOURCE))
    parsed = [_parse_row(row, folder) for _, row in rows]
    problems = [
        f"{folder / MARKER}, row {number}: {problem}"
        for (number, _), (_, broken) in zip(rows, parsed, strict=True)
        for problem in broken
    ]
    problems += _duplicates(folder, rows)
    if problems:
        raise DataError.from_problems(problems)
    labeled = [video for video, _ in parsed]
    videos = [video for video in labeled if Path(video.video).is_file()]
    if not videos:
        raise DataError(f"{folder / 'lus_videos'}: contains no labeled video. {OBTAIN}")
    notes = tuple(_notes(labeled, videos, folder))
    return Dataset(NAME, SAID.title, videos, LICENSE, SAID.citation, notes, folder, cropped=True)


def _parse_row(row: dict[str, str], folder: Path) -> tuple[Video, list[str]]:
    video_id = row["video_file"]
    match = _VIDEO_ID.fullmatch(video_id)
    problems = []
    if match is None:
        problems.append(
            f"`video_file` must be patient_<ID>_<L1 … R3>. Received {video_id!r}. Correct it."
        )
    labels: dict[str, Any] = {}
    for label, column in _COLUMNS.items():
        try:
            labels[label] = fields.parse_label(label, row[column]) if row[column] else None
        except ValueError as error:
            problems.append(str(error).replace(f"`{label}`", f"`{column}`"))
    try:
        labels["sign"] = _sign(row[A_LINES], labels.get("b_lines"))
    except ValueError as error:
        problems.append(str(error).replace("`b_lines`", f"`{A_LINES}`"))
    video = Video(
        video=str(folder / "lus_videos" / f"{video_id}.mp4"),
        patient_id=match["patient"] if match else "",
        video_id=video_id,
        zone=match["point"] if match else "",
        license=LICENSE,
        source=SOURCE,
        **labels,
    )
    return video, problems


def _sign(a_lines: str, b_lines: int | None) -> str | None:
    """The sign of a video that shows A-lines or B-lines, and not both."""
    seen = {"a_lines": fields.parse_label("b_lines", a_lines) if a_lines else None}
    seen["b_lines"] = b_lines
    if sorted(seen.values(), key=str) != [0, 1]:
        return None
    return next(sign for sign, mark in seen.items() if mark)


def _duplicates(folder: Path, rows: list[tuple[int, dict[str, str]]]) -> Iterator[str]:
    first_row: dict[str, int] = {}
    for number, row in rows:
        first = first_row.setdefault(row["video_file"], number)
        if first != number:
            yield (
                f"{folder / MARKER}, row {number}: a video must have one row. Received "
                f"{row['video_file']!r} again, as in row {first}. Remove one."
            )


def _notes(labeled: list[Video], videos: list[Video], folder: Path) -> Iterator[str]:
    patients = len({video.patient_id for video in videos})
    whole = SAID.expected
    if whole and (len(videos), patients) != (whole.videos, whole.patients):
        yield (
            f"Partial copy: {len(videos)} of {whole.videos} videos and {patients} of "
            f"{whole.patients} patients."
        )
    if len(labeled) > len(videos):
        yield (
            f"{len(labeled) - len(videos)} rows of {MARKER} have no video file and are excluded."
        )
    known = {video.video_id for video in labeled}
    extra = sorted(
        path.stem for path in (folder / "lus_videos").glob("*.mp4") if path.stem not in known
    )
    if extra:
        listed = ", ".join(extra[:10]) + (", …" if len(extra) > 10 else "")
        yield f"{len(extra)} video files have no row in {MARKER} and are excluded: {listed}."
    for label, column in _COLUMNS.items():
        unknown = sum(getattr(video, label) is None for video in videos)
        if unknown:
            yield f"{unknown} videos have no {column!r} label."
    signs = [video.sign for video in videos if video.sign]
    yield (
        f"As one of four signs: {signs.count('a_lines')} videos with A-lines and no B-lines, "
        f"{signs.count('b_lines')} with B-lines and no A-lines; the others show both or neither. "
        "Effusion and consolidation have no column: these two classes do not occur, and a video "
        "may show them in addition to its lines."
    )
    yield (
        "Labels are per video: there is no frame-level truth, so the localization of B-lines in "
        "time cannot be evaluated."
    )
    yield "The source cropped the images to the sector: no region of interest is needed."
