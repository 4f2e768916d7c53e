"""Information in file names: the video an annotation refers to, and its patient."""

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.files import is_picture_folder
from lus_keras.data.video.formats import VIDEO_SUFFIXES

_GROUPS = {"patient": "patient_id", "exam": "exam_id", "zone": "zone"}


@dataclass(frozen=True)
class NamePattern:
    r"""How `patient_id`, `exam_id` and `zone` are read from a file name.

    The pattern has to match the whole name without its suffix or, if it contains a `/`, the end of
    the path: `(?P<patient>p\d+)_(?P<exam>e\d+)_(?P<zone>z\d+)` matches `p01_e1_z3.avi`.
    """

    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> "NamePattern":
        """Compiles a pattern given by the user.

        Raises:
            ConfigError: The text is not a regular expression, lacks the group `patient`, or has an
                unknown group.
        """
        try:
            pattern = re.compile(rf"(?:.*/)?(?:{text})")
        except re.error as error:
            raise ConfigError(
                f"--patient: {text!r} is not a regular expression: {error}. Correct the pattern."
            ) from error
        unknown = set(pattern.groupindex) - set(_GROUPS)
        if "patient" not in pattern.groupindex or unknown:
            raise ConfigError(
                f"--patient: must have a group named patient, and may have exam and zone. Received "
                f"{text!r}. Write '(?P<patient>p\\d+)_(?P<exam>e\\d+)_(?P<zone>z\\d+)'."
            )
        return cls(pattern)

    def read(self, path: Path) -> dict[str, Any]:
        """Reads manifest fields from a path.

        Raises:
            ValueError: The pattern does not match, or the patient would be blank.
        """
        name = path if path.is_dir() else path.with_suffix("")
        match = self.pattern.fullmatch(name.as_posix())
        groups = match.groupdict() if match else {}
        fields = {_GROUPS[group]: (text or "").strip() for group, text in groups.items()}
        if not fields.get("patient_id"):
            raise ValueError(
                f"--patient does not match the name {name.name!r}. Correct the pattern."
            )
        return {field: text for field, text in fields.items() if text}


def find_videos(places: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Lists videos: the files given, and all videos in the folders given and their subfolders.

    Args:
        places: Files and folders; a folder of images is one video.

    Returns:
        Absolute paths, sorted, without duplicates.

    Raises:
        DataError: A path does not exist, or there is no video at all.
    """
    found: set[Path] = set()
    problems = []
    looked_at = [Path(os.path.normpath(Path(place).absolute())) for place in places]
    for place in looked_at:
        if place.is_dir():
            found |= set(_videos_below(place))
        elif place.exists():
            found.add(place)
        else:
            problems.append(f"{place}: does not exist. Correct the path.")
    if not found and not problems:
        listed = ", ".join(map(str, looked_at))
        problems.append(
            f"{listed}: contains no video ({', '.join(sorted(VIDEO_SUFFIXES))}). Give a folder "
            "with videos."
        )
    if problems:
        raise DataError.from_problems(problems)
    return sorted(found)


def _videos_below(folder: Path) -> Iterable[Path]:
    if is_picture_folder(folder):
        yield folder
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden:
            continue
        if is_picture_folder(path) or (path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()):
            yield path


def match_video(name: str, videos: Sequence[Path]) -> Path:
    """Finds the video that a name refers to; the name may be a path or that of a transcode.

    A file with the same name takes precedence over one with the same stem; differences in case and
    Unicode form are ignored. If several files remain, the folders in the name decide.

    Raises:
        ValueError: No video matches, or several do.
    """
    wanted = PurePosixPath(name.replace("\\", "/"))
    candidates = [path for path in videos if fold(path.name) == fold(wanted.name)]
    if not candidates:
        # Names derived from exported frames lack the suffix of the video.
        stems = {fold(wanted.stem), fold(wanted.name)}
        candidates = [path for path in videos if fold(path.stem) in stems]
    if not candidates:
        by_name = {fold(path.name): path.name for path in videos}
        nearest = difflib.get_close_matches(fold(wanted.name), by_name, n=1)
        hint = f" Is it {by_name[nearest[0]]!r}?" if nearest else ""
        raise ValueError(
            f"no video has the name {wanted.name!r} or a similar one.{hint} Give its folder."
        )
    agreement = [_common_folders(path, wanted) for path in candidates]
    best = [
        path for path, count in zip(candidates, agreement, strict=True) if count == max(agreement)
    ]
    if len(best) > 1:
        listed = ", ".join(str(path) for path in best)
        raise ValueError(f"{name!r} matches several videos: {listed}. Give only the intended one.")
    return best[0]


def _common_folders(path: Path, wanted: PurePosixPath) -> int:
    """Number of folders that two paths share, counted upward from the file."""
    count = 0
    for own, other in zip(reversed(path.parts[:-1]), reversed(wanted.parts[:-1]), strict=False):
        if fold(own) != fold(other):
            break
        count += 1
    return count


def fold(text: str) -> str:
    """A name with case and Unicode form normalized (NFKC, casefolded)."""
    return unicodedata.normalize("NFKC", text).casefold()


def manifest_root(out: Path, root: Path | None, videos: Iterable[Path]) -> Path:
    """Folder to which the manifest's paths are relative; it contains all videos.

    Args:
        out: Path of the manifest.
        root: Folder requested by the user; the manifest's own folder if None.
        videos: Absolute paths.

    Raises:
        DataError: Videos are outside the folder; the message suggests a place for the manifest.
    """
    folder = Path(os.path.normpath(Path(out.parent if root is None else root).absolute()))
    videos = list(videos)
    outside = [path for path in videos if not path.is_relative_to(folder)]
    if outside:
        common = Path(os.path.commonpath([path.parent for path in videos]))
        raise DataError(
            f"{out}: a manifest's videos must lie inside its folder. {len(outside)} of "
            f"{len(videos)} do not, such as {outside[0]}. Write it to {common / out.name}, or add "
            f"--root {common}, also when the manifest is used."
        )
    return folder


def video_id_of(path: Path, root: Path) -> str:
    """Id of a video in a manifest: its path relative to the root, without suffix."""
    relative = path.relative_to(root)
    return (relative if path.is_dir() else relative.with_suffix("")).as_posix()
