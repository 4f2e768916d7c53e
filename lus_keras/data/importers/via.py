"""VIA projects as manifests: segments and labels of videos, by the time stamps of the videos.

A video without annotations is not a negative video: it counts as free of B-lines only if a label
of the whole video states this. Times are in seconds, start ≤ t < end, as in the annotated file.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from lus_keras.core.errors import ConfigError, VideoError
from lus_keras.data.importers import Imported
from lus_keras.data.importers.join import Joining, check_patients, listed, write_joined
from lus_keras.data.importers.naming import find_videos, match_video
from lus_keras.data.importers.timing import Length, measure
from lus_keras.data.importers.via_annotation import Annotation, Project
from lus_keras.data.importers.via_frames import FramePattern, gather_pictures
from lus_keras.data.importers.via_labels import Labels, Reading, read_labels
from lus_keras.data.importers.via_read import read_project


@dataclass(frozen=True)
class ViaOptions:
    """How a project is interpreted.

    Attributes:
        joining: Sources of patients and further labels, and the treatment of unlabeled videos.
        frames: How images of VIA 2 name their video and frame.
        annotated: Annotated files, if they are transcodes of the videos.
    """

    joining: Joining
    reading: Reading = field(default_factory=Reading)
    frames: FramePattern | None = None
    annotated: tuple[Path, ...] = ()


def import_via(
    project: str | os.PathLike[str],
    videos: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    options: ViaOptions,
) -> Imported:
    """Converts a VIA project and its videos to a manifest.

    Args:
        project: JSON or CSV of VIA 2 or 3.
        videos: Files and folders; the project's own folder if empty.
        out: Manifest to write.

    Raises:
        ConfigError: Images are annotated and no pattern maps them to frames, or no annotation has
            a mapped attribute.
        DataError: The project violates rules or does not match the videos; all problems are listed.
    """
    project, out = Path(project), Path(out)
    check_patients(options.joining, project)
    content = read_project(project)
    if content.version == 2 and options.frames is None:
        example = content.files[0] if content.files else "p01_0012.png"
        raise ConfigError(
            f"{project}: VIA 2 annotates images, such as {example!r}. Specify their videos and "
            "frames: --frame '(?P<video>.+)_(?P<frame>\\d+)'."
        )
    _check_labels(project, content, options)
    found = find_videos(videos or [project.parent])
    problems: list[str] = []
    groups = _group(content, found, options, problems)
    annotated = find_videos(options.annotated) if options.annotated else []
    lengths = _compare_transcodes(groups, annotated, _measure(groups, problems), problems)
    rows = _rows(groups, lengths, options, problems)

    def describe(kept: Set[Path]) -> Iterator[str]:
        yield from _notes(content, found, groups, rows, kept)
        if content.version == 3 and not annotated:
            yield from _transcode_notes(groups)
        yield from _clock_notes(lengths, rows)

    columns = {path: labels.columns for path, labels in rows.items()}
    return write_joined(columns, found, out, options.joining, problems, describe)


def _check_labels(project: Path, content: Project, options: ViaOptions) -> None:
    there = {name for annotation in content.annotations for name, _ in annotation.words}
    absent = sorted(set(options.reading.labels) - there)
    if absent:
        raise ConfigError(
            f"{project}: --label names {', '.join(map(repr, absent))}, which no annotation has. "
            f"Choose one of these: {', '.join(sorted(there)) or 'none'}."
        )


def _group(
    content: Project, found: list[Path], options: ViaOptions, problems: list[str]
) -> dict[Path, list[Annotation]]:
    """Annotations by video; empty for files of the project without annotations."""
    groups: dict[Path, list[Annotation]] = defaultdict(list)
    annotations: Sequence[Annotation] = content.annotations
    if content.version == 2 and options.frames:
        annotations = gather_pictures(annotations, options.frames, problems)
    places: dict[str, str] = {}
    for annotation in annotations:
        places.setdefault(annotation.file, annotation.place)
    matched: dict[str, Path] = {}
    for file, place in places.items():
        try:
            matched[file] = match_video(file, found)
        except ValueError as error:
            problems.append(f"{place}: {error}")
    owners: dict[Path, str] = {}
    for file, path in matched.items():
        if owners.setdefault(path, file) != file:
            problems.append(
                f"{places[file]}: {file!r} and {owners[path]!r} are both matched to {path}. Give "
                "the videos of both, or remove one of them from the project."
            )
    for annotation in annotations:
        if annotation.file in matched:
            groups[matched[annotation.file]].append(annotation)
    return dict(groups)


def _measure(groups: Mapping[Path, list[Annotation]], problems: list[str]) -> dict[Path, Length]:
    lengths = {}
    for path in groups:
        try:
            lengths[path] = measure(path)
        except VideoError as error:
            problems.append(str(error))
    return lengths


def _compare_transcodes(
    groups: Mapping[Path, list[Annotation]],
    annotated: list[Path],
    lengths: Mapping[Path, Length],
    problems: list[str],
) -> dict[Path, Length]:
    """Checks that transcodes are as long as their videos, so that their times are equivalent.

    Returns:
        Lengths of the videos, with the clock of the annotated file if there is one.
    """
    clocked = dict(lengths)
    for path, (first, *_) in groups.items():
        if not annotated or path not in lengths:
            continue
        try:
            transcode = match_video(first.file, annotated)
            other = measure(transcode)
        except (ValueError, VideoError) as error:
            problems.append(f"{first.place}: {error}")
            continue
        own = lengths[path]
        if abs(own.duration_s - other.duration_s) > max(own.frame_s, other.frame_s) + 1e-3:
            problems.append(
                f"{first.place}: {transcode.name} lasts {other.duration_s:.3f} s "
                f"({len(other.times_s)} frames), {path.name} {own.duration_s:.3f} s "
                f"({len(own.times_s)} frames). Segments would be misplaced: give the annotated "
                "files as VIDEOS, or transcode again with the same time stamps."
            )
        clocked[path] = replace(own, offset_s=other.offset_s, container_end_s=other.container_end_s)
    return clocked


def _rows(
    groups: Mapping[Path, list[Annotation]],
    lengths: Mapping[Path, Length],
    options: ViaOptions,
    problems: list[str],
) -> dict[Path, Labels]:
    return {
        path: read_labels(groups[path], lengths[path], options.reading, problems)
        for path in sorted(groups)
        if path in lengths
    }


def _notes(
    content: Project,
    found: Sequence[Path],
    groups: Mapping[Path, list[Annotation]],
    rows: Mapping[Path, Labels],
    kept: Set[Path],
) -> Iterator[str]:
    unused: Counter[str] = Counter()
    for labels in rows.values():
        unused.update(labels.unused)
    for what, count in unused.most_common():
        yield f"Unused: {count} × {what}."
    exclusions = [path for path in found if path not in kept]
    bare = [path.name for path in exclusions if path in groups]
    if bare:
        yield f"Excluded, annotated but without a label: {listed(bare)}."
    rest = [path.name for path in exclusions if path not in groups]
    if rest:
        yield f"Excluded, not annotated, which does not mean free of B-lines: {listed(rest)}."
    if content.version == 3:
        named = {annotation.file for annotation in content.annotations}
        silent = [file for file in content.files if file not in named]
        if silent:
            yield f"In the project without any annotation: {listed(silent)}."


def _transcode_notes(groups: Mapping[Path, list[Annotation]]) -> Iterator[str]:
    transcoded = [
        path.name
        for path, (first, *_) in groups.items()
        if Path(first.file.replace("\\", "/")).name.casefold() != path.name.casefold()
    ]
    if transcoded:
        yield (
            f"Matched by stem, annotated under another name: {listed(transcoded)}. Durations were "
            "not compared. To compare them, give the annotated files with --annotated."
        )


def _clock_notes(lengths: Mapping[Path, Length], rows: Mapping[Path, Labels]) -> Iterator[str]:
    late = [path for path in rows if lengths[path].offset_s > 1e-3 and rows[path].segmented]
    if late:
        told = [f"{path.name} ({lengths[path].offset_s:.3f} s)" for path in late]
        yield (
            f"The video stream starts after the sound: {listed(told)}. Segments are timed from the "
            "start of the file, as in browsers, and were shifted to start at the first frame."
        )
