"""Folders of numbered images, patient/exam/zone/*.jpg, as a manifest whose videos are folders.

Nothing is copied or re-encoded: a folder is read as a video in the order of the numbers.
"""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lus_keras.core.errors import ConfigError, DataError, VideoError
from lus_keras.core.files import is_picture_folder
from lus_keras.data.importers import Imported
from lus_keras.data.importers.naming import manifest_root, video_id_of
from lus_keras.data.importers.timing import measure
from lus_keras.data.manifest import Video, write_manifest
from lus_keras.data.video import probe
from lus_keras.data.video.pictures import missing_numbers, stamped_rate

_LEVELS = {"patient": "patient_id", "exam": "exam_id", "zone": "zone", "-": ""}
# Relative difference below which rates are considered equal.
_SAME_RATE = 0.01
_LISTED = 10


def import_frame_folders(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    fps: float | None,
    layout: str = "patient/exam/zone",
    root: Path | None = None,
) -> Imported:
    """Writes a manifest of all folders of images below a folder.

    Every image is decoded once, so that damaged images and differing sizes are detected now.

    Args:
        folder: Folder in which the levels of `layout` begin.
        out: Manifest to write, in a folder above the images.
        fps: Frames per second at which the images were acquired. Times in file names override it;
            None requires them.
        layout: Meaning of each folder level: patient, exam, zone, or - for none.
        root: Folder to which the manifest's paths are relative; the manifest's own if None.

    Returns:
        The manifest; its notes mention missing numbers and differing frame rates.

    Raises:
        ConfigError: `layout` is malformed.
        DataError: Folders or images violate rules; all of them are listed.
    """
    levels = _parse_layout(layout)
    folder, out = Path(os.path.normpath(Path(folder).absolute())), Path(out)
    if not folder.is_dir():
        raise DataError(f"{folder}: is not a folder. Correct the path.")
    found = [path for path in sorted(folder.rglob("*")) if is_picture_folder(path)]
    if not found:
        raise DataError(
            f"{folder}: no folder below it contains images. Give the folder above {layout}."
        )
    base = manifest_root(out, root, found)
    videos, notes, problems = [], Counter[str](), []
    for path in found:
        try:
            fields = _read_levels(path.relative_to(folder), levels, layout)
            rate = stamped_rate(path) or fps
            if rate is None:
                raise ValueError("its file names state no times. Give --fps.")
            notes.update(_check(path, rate, fps))
        except (ValueError, VideoError) as error:
            problems.append(str(error) if isinstance(error, VideoError) else f"{path}: {error}")
            continue
        videos.append(_video(path, base, fields, rate))
    if problems:
        raise DataError.from_problems(problems)
    write_manifest(videos, out, root=base)
    return Imported(out, tuple(videos), tuple(notes))


def _video(path: Path, base: Path, fields: dict[str, str], fps: float) -> Video:
    return Video(
        video=str(path),
        video_id=video_id_of(path, base),
        patient_id=fields["patient_id"],
        exam_id=fields.get("exam_id", ""),
        zone=fields.get("zone", ""),
        fps=fps,
    )


def _parse_layout(layout: str) -> list[str]:
    levels = layout.split("/")
    named = [level for level in levels if level != "-"]
    if set(levels) - set(_LEVELS) or "patient" not in levels or len(set(named)) < len(named):
        raise ConfigError(
            "--layout: must consist of patient, exam, zone and -, separated by /, with patient "
            f"once and exam and zone at most once. Received {layout!r}. Write patient/exam/zone."
        )
    return [_LEVELS[level] for level in levels]


def _read_levels(relative: Path, levels: Sequence[str], layout: str) -> dict[str, str]:
    if len(relative.parts) != len(levels):
        raise ValueError(
            f"lies {len(relative.parts)} folders deep; --layout {layout} states {len(levels)}. "
            "Move it, or correct the layout."
        )
    return {field: part for field, part in zip(levels, relative.parts, strict=True) if field}


def _check(path: Path, rate: float, fps: float | None) -> list[str]:
    """Decodes all images; returns notes."""
    measure(path, rate)
    notes = [f"{path}: {note}" for note in probe(path).notes]
    if fps is not None and abs(rate / fps - 1) > _SAME_RATE:
        notes.append(
            f"{path}: names state times, {rate:.4g} images per second, and --fps {fps:g}. The "
            "times are used; if they are not those of the recording, enter the rate in the "
            "manifest."
        )
    missing = missing_numbers(path)
    if missing:
        count = sum(run.stop - run.start for run in missing)
        first = [str(n) for run in missing[:_LISTED] for n in run[:_LISTED]][:_LISTED]
        listed = ", ".join(first) + (", …" if count > len(first) else "")
        notes.append(
            f"{path}: {count} numbers are missing ({listed}); the remaining images are spaced "
            "evenly without a gap."
        )
    return notes
