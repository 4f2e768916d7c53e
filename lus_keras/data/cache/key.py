"""One hash of everything the pixels of a store depend on; mismatching files are refused."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lus_keras import __version__
from lus_keras.core.environment import package_version
from lus_keras.core.errors import DataError, LeakageError, VideoError
from lus_keras.data.cache.spec import FrameSpec, Item
from lus_keras.data.manifest import Video
from lus_keras.data.video import sha256_of_video
from lus_keras.data.video.formats import container_format_of
from lus_keras.data.video.truncation import has_clock

STORE_VERSION = 4
# Packages whose version affects the pixels.
PACKAGES = ("av", "opencv-python-headless", "numpy")


def store_key(items: Sequence[Item], spec: FrameSpec) -> str:
    """Hashes the contents of files, or whatever computes the frames, and the `FrameSpec`.

    Returns:
        24 hexadecimal digits.

    Raises:
        VideoError: A file cannot be read; all are listed.
        DataError: A file differs from the one in the manifest.
        LeakageError: One file belongs to two patients.
    """
    hashes = _file_hashes([item for item in items if isinstance(item, Video)])
    content: list[Any] = [STORE_VERSION, spec.key()]
    for item in items:
        if not isinstance(item, Video):
            content.append(item.identity())
        else:
            content.append([hashes[item.video], item.roi])
            if not _has_clock(Path(item.video)):
                # Without time stamps, the manifest's frame rate determines the frame times.
                content.append(item.fps)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


def store_fingerprint(key: str, spec: FrameSpec) -> dict[str, Any]:
    """Everything the frames of a store depend on, as recorded in its index.

    Returns:
        `settings`, `data` (the key), `lus_keras` and `versions`, as JSON types.
    """
    mark = {
        "settings": asdict(spec),
        "data": key,
        "lus_keras": __version__,
        "versions": {name: package_version(name) for name in PACKAGES},
    }
    return json.loads(json.dumps(mark))


def hash_problem(video: Video, digest: str) -> str | None:
    """Error message if the hash in the manifest row differs from that of the file, else None."""
    if not video.sha256 or video.sha256 == digest:
        return None
    return (
        f"{video.video}: does not match the manifest, in which its sha256 starts with "
        f"{video.sha256[:8]}, not {digest[:8]}. Copy it again, or update the sha256."
    )


def _has_clock(path: Path) -> bool:
    try:
        return has_clock(path, "pictures" if path.is_dir() else container_format_of(path))
    except VideoError:
        return True  # the error is reported on decoding


def _file_hashes(videos: Sequence[Video]) -> dict[str, str]:
    """Hash of each file by path; hashes in the manifest are verified against the files."""
    hashes: dict[str, str] = {}
    missing, changed = [], []
    for video in videos:
        try:
            hashes[video.video] = sha256_of_video(video.video)
        except OSError as error:
            missing.append(f"{video.video}: cannot be read ({error.strerror}). Check the path.")
            continue
        if problem := hash_problem(video, hashes[video.video]):
            changed.append(problem)
    if missing:
        raise VideoError.from_problems(missing)
    if changed:
        raise DataError.from_problems(changed)
    _refuse_shared_files(videos, hashes)
    return hashes


def _refuse_shared_files(videos: Sequence[Video], hashes: Mapping[str, str]) -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for video in videos:
        owners[hashes[video.video]].add(video.patient_id)
    problems = [
        f"video '{video.video_id}': patient '{video.patient_id}' has the same file as '{other}', "
        "so a split may leak. Keep one of the rows."
        for video in videos
        for other in sorted(owners[hashes[video.video]] - {video.patient_id})
    ]
    if problems:
        raise LeakageError.from_problems(problems)
