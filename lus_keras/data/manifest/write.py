"""Writing a manifest."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

from lus_keras.core.errors import ManifestError
from lus_keras.core.files import atomic_write
from lus_keras.core.safe_text import guard
from lus_keras.data import fields
from lus_keras.data.manifest.record import COLUMNS, REQUIRED, Video
from lus_keras.data.manifest.rows import folder_of, numbered, parse


def write_manifest(
    videos: Sequence[Video],
    path: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
) -> None:
    """Writes a manifest from which `read_manifest` restores the same videos; else writes nothing.

    Columns that are empty for all videos are omitted. The video files need not exist yet.

    Args:
        videos: Videos, one per row.
        path: CSV file to create.
        root: Folder to which paths are relative; the manifest's folder if not given.

    Raises:
        ManifestError: A value is not allowed in a manifest.
    """
    path = Path(path)
    folder = folder_of(path, root)
    lines = [_format_row(video, folder) for video in videos]
    always = (*REQUIRED, "video_id")
    columns = [name for name in COLUMNS if name in always or any(line[name] for line in lines)]
    with atomic_write(path) as temporary_path:
        # "replace" alters what UTF-8 cannot hold, which the comparison below then reports.
        with temporary_path.open("w", newline="", encoding="utf-8", errors="replace") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: guard(text) for name, text in line.items()} for line in lines)
        rows, broken = parse(temporary_path, folder, ())
        problems = list(numbered(broken))
        if not problems and list(rows.values()) != list(videos):
            changed = [video for video in videos if video not in rows.values()]
            problems = [
                f"{video} would be read back as a different value. Correct it." for video in changed
            ]
        if problems:
            raise ManifestError.from_problems(f"{path}, {problem}" for problem in problems)


def _format_row(video: Video, folder: Path) -> dict[str, str]:
    line = {name: fields.format_field(name, getattr(video, name)) for name in COLUMNS}
    path = Path(video.video)
    if video.video and path.is_relative_to(folder):
        line["video"] = path.relative_to(folder).as_posix()
    return line
