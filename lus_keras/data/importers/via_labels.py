"""From the annotations of one video to the columns of its manifest row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lus_keras.data.fields import Box
from lus_keras.data.importers.timing import Length, fit_segment, merge_segments, segments_of_frames
from lus_keras.data.importers.values import ValueMap, finding_test, plain
from lus_keras.data.importers.via_annotation import Annotation

FINDINGS = ("B-line",)
ROI_NAMES = ("roi", "region of interest", "pleura", "pleural area", "pleural line", "sector")


@dataclass(frozen=True)
class Reading:
    """Meaning of the words of a project.

    Attributes:
        findings: Names of B-lines; `*` makes every segment count.
        labels: Manifest column by attribute of whole files.
        values: Words for the values of these columns.
        roi_names: Names of rectangles that mark the region of interest.
    """

    findings: tuple[str, ...] = FINDINGS
    labels: Mapping[str, str] = field(default_factory=dict)
    values: ValueMap = field(default_factory=ValueMap)
    roi_names: tuple[str, ...] = ROI_NAMES


@dataclass(frozen=True)
class Labels:
    """Labels of one video.

    Attributes:
        columns: Manifest columns with known values.
        unused: Unused annotations and their counts.
        segmented: Whether any segment with B-lines was annotated.
    """

    columns: dict[str, Any]
    unused: Counter[str]
    segmented: bool = False


@dataclass
class _Found:
    """Content of the annotations of one video, collected while reading."""

    length: Length
    reading: Reading
    columns: dict[str, Any] = field(default_factory=dict)
    stated: dict[str, str] = field(default_factory=dict)
    presence: dict[bool, str] = field(default_factory=dict)
    segments: list[tuple[float, float]] = field(default_factory=list)
    frames: dict[int, bool] = field(default_factory=dict)
    boxes: dict[Box, str] = field(default_factory=dict)
    unused: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def read_labels(
    annotations: Sequence[Annotation], length: Length, reading: Reading, problems: list[str]
) -> Labels:
    """Reads all annotations of a video.

    Args:
        problems: Problems to be corrected are appended.

    Returns:
        The labels; `columns` is empty if the annotations state nothing about the video.
    """
    found = _Found(length, reading)
    for annotation in annotations:
        if annotation.box is not None or annotation.other_shape:
            _read_box(annotation, found)
        elif annotation.frame is not None:
            _read_frame(annotation, found)
        elif len(annotation.times_s) == 2:
            _read_segment(annotation, found)
        elif annotation.times_s:
            found.unused["mark of a single instant"] += 1
        else:
            _read_file_label(annotation, found)
    if len(found.boxes) > 1:
        found.problems.append(
            f"{next(iter(found.boxes.values()))}: a video has one region of interest. Received "
            f"{len(found.boxes)} different rectangles. Keep one, or give its name with --roi."
        )
    if found.boxes:
        found.columns["roi"] = next(iter(found.boxes))
    found.columns |= _b_lines(found)
    problems += found.problems
    return Labels(found.columns, found.unused, bool(found.segments))


def _read_segment(annotation: Annotation, found: _Found) -> None:
    is_finding = finding_test(found.reading.findings)
    present = [is_finding(name, word) for name, word in annotation.words] or [is_finding("", "")]
    try:
        segment = fit_segment((annotation.times_s[0], annotation.times_s[1]), found.length)
    except ValueError as error:
        found.problems.append(f"{annotation.place}: {error}")
        return
    if {True, False} <= set(present):
        found.problems.append(
            f"{annotation.place}: one segment is labeled both with and without B-lines "
            f"({_quoted(annotation)}). Correct one of them in VIA."
        )
    elif True in present:
        found.segments.append(segment)
    else:
        found.unused[f"segment with {_quoted(annotation)}"] += 1


def _quoted(annotation: Annotation) -> str:
    words = ", ".join(f"{name}: {word!r}" for name, word in annotation.words)
    return f"label {words}" if words else "no label"


def _read_file_label(annotation: Annotation, found: _Found) -> None:
    """Labels of the whole file: mapped columns, otherwise whether the finding is present."""
    names = [name for name in found.reading.findings if name != "*"]
    is_finding = finding_test(names or FINDINGS)
    for name, word in annotation.words:
        column = found.reading.labels.get(name)
        present = is_finding(name, word)
        if column is not None:
            _read_column(annotation, column, (name, word), present, found)
        elif present is not None:
            found.presence.setdefault(present, annotation.place)
        else:
            found.unused[f"label of a whole video, {name}: {word!r}"] += 1


def _read_column(
    annotation: Annotation, column: str, words: tuple[str, str], present: bool | None, found: _Found
) -> None:
    name, word = words
    try:
        known = column == "b_lines" and present is not None
        value = int(bool(present)) if known else found.reading.values.read(column, word)
    except ValueError as error:
        found.problems.append(f"{annotation.place}, attribute {name!r}: {error}")
        return
    if column in found.columns and found.columns[column] != value:
        found.problems.append(
            f"{annotation.place}, attribute {name!r}: {word!r} contradicts "
            f"{found.stated[column]!r} for the same video. Keep one."
        )
    elif value is not None:
        found.columns[column], found.stated[column] = value, word


def _read_frame(annotation: Annotation, found: _Found) -> None:
    """Takes the label of an image as that of its frame; frames without label stay unknown."""
    frame, count = annotation.frame or 0, len(found.length.times_s)
    if frame >= count:
        found.problems.append(
            f"{annotation.place}: frame {frame}, counted from 0, is beyond the end of the video, "
            f"which has {count} frames when decoded. Correct --frame or --first-frame."
        )
        return
    is_finding = finding_test(found.reading.findings)
    for name, word in annotation.words:
        present = is_finding(name, word)
        if present is None:
            found.unused[f"label of a frame, {name}: {word!r}"] += 1
        else:
            found.frames[frame] = found.frames.get(frame, False) or present


def _read_box(annotation: Annotation, found: _Found) -> None:
    names = {plain(name) for name in found.reading.roi_names}
    words = {plain(text) for pair in annotation.words for text in pair}
    if annotation.box is None or (words and not words & names):
        shape = "shape" if annotation.box is None else "rectangle"
        found.unused[f"{shape} with {_quoted(annotation)}"] += 1
        return
    left, top, width, height = annotation.box
    wide, high = found.length.width, found.length.height
    x, y = max(0, round(left)), max(0, round(top))
    right, bottom = min(wide, round(left + width)), min(high, round(top + height))
    outside = max(-left, -top, left + width - wide, top + height - high)
    if outside > 1 or right <= x or bottom <= y:
        found.problems.append(
            f"{annotation.place}: rectangle {[round(side, 1) for side in annotation.box]} (x, y, "
            f"w, h) must lie inside the image of {wide}×{high}. Draw it again, or check whether "
            "another version of the video was annotated."
        )
        return
    found.boxes.setdefault((x, y, right - x, bottom - y), annotation.place)


def _b_lines(found: _Found) -> dict[str, Any]:
    """Columns `b_lines` and `segments`; a missing annotation does not mean absence."""
    stated = set(found.presence)
    stated |= {bool(found.columns["b_lines"])} if "b_lines" in found.columns else set()
    shown = bool(found.segments) or any(found.frames.values())
    if len(stated) > 1 or (shown and stated == {False}):
        cause = "says both" if len(stated) > 1 else "states that there are none"
        place = next(iter(found.presence.values()), "a label")
        found.problems.append(
            f"{place}: for the whole video it {cause}, with "
            f"{len(found.segments)} segments and {sum(found.frames.values())} frames of B-lines. "
            "Correct one of them in VIA."
        )
        return {}
    known: dict[str, Any] = {"b_lines": int(True in stated or shown)} if stated or shown else {}
    count = len(found.length.times_s)
    if found.segments:
        known["segments"] = merge_segments(found.segments)
    elif len(found.frames) == count:
        marked = [found.frames[index] for index in range(count)]
        known["b_lines"] = int(any(marked))
        known["segments"] = segments_of_frames(marked, found.length)
    elif stated == {False}:
        known["segments"] = ()
    if 0 < len(found.frames) < count:
        found.unused["video with unlabeled frames, hence without segments"] += 1
    return known
