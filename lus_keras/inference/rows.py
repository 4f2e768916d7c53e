"""Manifest rows of files that come without a manifest: who is whom is told by the path alone."""

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lus_keras.data.manifest import Video


def as_video(path: str | os.PathLike[str]) -> Video:
    """A manifest row of a single file: its stem is the id of the video and of the patient."""
    name = Path(path).stem
    return Video(video=os.fspath(path), patient_id=name, video_id=name)


def told_apart(rows: Sequence[Video]) -> list[Video]:
    """Rows with unique video ids: the ids of files with the same name contain their folders.

    `a/clip.avi` and `b/clip.avi` become the videos, and the patients, `a/clip` and `b/clip`. Rows
    with a unique id are unchanged, as are ids of patients that a manifest states.

    Args:
        rows: Rows of videos, one file each.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        groups[row.video_id].append(number)
    told = list(rows)
    for name, numbers in groups.items():
        paths = [Path(rows[number].video).absolute() for number in numbers]
        if len(set(paths)) < 2:
            continue
        for number, distinct in zip(numbers, _names(paths), strict=True):
            own = rows[number].patient_id == name
            patient = distinct if own else rows[number].patient_id
            told[number] = replace(rows[number], video_id=distinct, patient_id=patient)
    return told


def _names(paths: Sequence[Path]) -> list[str]:
    """Paths below the folder that they share, with suffixes only where these tell them apart."""
    shared = os.path.commonpath([path.parent for path in paths])
    below = [path.relative_to(shared) for path in paths]
    bare = Counter(path.with_suffix("") for path in set(below))
    return [
        (path if bare[path.with_suffix("")] > 1 else path.with_suffix("")).as_posix()
        for path in below
    ]
