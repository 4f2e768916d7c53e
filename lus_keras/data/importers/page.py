"""Annotations made on the page of `lus-keras data annotate`, as a manifest.

Times are the decoded times of the marked frames. Videos are identified by their hash, so that
annotations cannot be applied to another version of a video.
"""

import os
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lus_keras.core.errors import VideoError
from lus_keras.core.labels import CLASSES
from lus_keras.data.importers import Imported
from lus_keras.data.importers.join import Joining, listed, write_joined
from lus_keras.data.importers.naming import find_videos, match_video
from lus_keras.data.importers.reading import broken, readable
from lus_keras.data.importers.timing import measure, segments_of_frames
from lus_keras.data.manifest import PARSERS
from lus_keras.data.video import sha256_of_video

_IDS = ("patient_id", "exam_id", "zone")
_Frame = Annotated[int, Field(ge=0)]
_Side = Annotated[int, Field(ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Marked(_Model):
    """Annotations of one video; labels are text as in a manifest.

    Attributes:
        video: Path relative to the common folder of the page's videos.
        fps: Frames per second of videos without time stamps.
        patient_id: Blank if not filled in.
        intervals: First and last frame with B-lines, both inclusive.
        roi: Region of interest `(x, y, w, h)` in pixels of the file.
    """

    video: str
    sha256: str
    frames: _Side
    width: _Side
    height: _Side
    fps: float | None = None
    patient_id: str = ""
    exam_id: str = ""
    zone: str = ""
    labels: dict[str, str]
    intervals: list[tuple[_Frame, _Frame]]
    roi: tuple[_Frame, _Frame, _Side, _Side] | None = None


class Annotations(_Model):
    """Content of the file saved by the page."""

    format: Literal["lus-keras annotations"]
    version: Literal[1]
    videos: list[Marked]


def import_page(
    saved: str | os.PathLike[str],
    videos: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    joining: Joining | None = None,
) -> Imported:
    """Converts the annotations saved by a page to a manifest.

    Args:
        saved: JSON file saved by the page.
        videos: Files and folders; the folder of the JSON file if empty.
        out: Manifest to write.

    Raises:
        DataError: The file is of another kind or does not match the videos; all problems are
            listed.
    """
    saved, joining = Path(saved), joining or Joining()
    found = find_videos(videos or [saved.parent])
    problems: list[str] = []
    rows: dict[Path, dict[str, Any]] = {}
    for number, marked in enumerate(_read(saved).videos):
        place = f"{saved}, /videos/{number}"
        try:
            path = match_video(marked.video, found)
            rows[path] = _columns(marked, path, place, problems)
        except (ValueError, VideoError, OSError) as error:
            problems.append(f"{place}: {error}")

    def describe(kept: Set[Path]) -> Iterator[str]:
        rest = [path.name for path in found if path not in kept]
        if rest:
            yield f"Excluded, not annotated, which does not mean free of B-lines: {listed(rest)}."

    return write_joined(rows, found, Path(out), joining, problems, describe)


def _read(path: Path) -> Annotations:
    try:
        with readable(path):
            return Annotations.model_validate_json(path.read_bytes())
    except ValidationError as error:
        advice = "Save it again from the page of `data annotate`."
        raise broken(path, error, advice) from None


def _columns(marked: Marked, path: Path, place: str, problems: list[str]) -> dict[str, Any]:
    """Manifest columns of a video, without blank ones."""
    if sha256_of_video(path) != marked.sha256:
        raise ValueError(
            f"{path} is not the file that was annotated: its sha256 differs. Give the folder of "
            "that file."
        )
    columns: dict[str, Any] = {name: getattr(marked, name).strip() for name in _IDS}
    columns |= {"fps": marked.fps, "roi": marked.roi}
    for name, text in marked.labels.items():
        try:
            columns[name] = PARSERS[name](name, text) if text else None
        except KeyError:
            problems.append(f"{place}/labels/{name}: is not a label. Known: {', '.join(CLASSES)}.")
        except ValueError as error:
            problems.append(f"{place}/labels/{name}: {error}")
    columns["segments"] = _segments(marked, path, place, columns.get("b_lines"), problems)
    columns = {name: value for name, value in columns.items() if value not in (None, "")}
    if "segments" in columns:
        columns.setdefault("b_lines", int(bool(columns["segments"])))
    return columns


def _segments(
    marked: Marked, path: Path, place: str, b_lines: int | None, problems: list[str]
) -> Any:
    """Intervals in s; empty if B-lines are stated to be absent, None if nothing is stated."""
    if b_lines == 0 and marked.intervals:
        problems.append(
            f"{place}: `b_lines` is 0, and {len(marked.intervals)} intervals with B-lines are "
            f"annotated in {path.name}. Correct one of them in the page."
        )
    if b_lines == 0 or not marked.intervals:
        return () if b_lines == 0 else None
    length = measure(path, marked.fps)
    wrong = [each for each in marked.intervals if not each[0] <= each[1] < marked.frames]
    if wrong or len(length.times_s) != marked.frames:
        problems.append(
            f"{place}: intervals {wrong or marked.intervals} must lie in the {marked.frames} "
            f"annotated frames; {path.name} has {len(length.times_s)}. Annotate it again."
        )
        return None
    shown = [
        any(first <= frame <= last for first, last in marked.intervals)
        for frame in range(marked.frames)
    ]
    return segments_of_frames(shown, length)
