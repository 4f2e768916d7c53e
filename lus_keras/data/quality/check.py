"""`data check`: decodes every video once in a child process and lists all problems."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.files import sha256_of
from lus_keras.core.sandbox import Limits, Outcome, run_isolated
from lus_keras.data.manifest import Video, write_manifest
from lus_keras.data.quality.faults import Problem, copies, problems_of
from lus_keras.data.quality.targets import Item, Target
from lus_keras.data.video import Inspection
from lus_keras.data.video.inspect import inspect_to_json, inspection_from_json

SCHEMA = 1
MIN_SECONDS = 1.0


@dataclass(frozen=True)
class Checked:
    """One video and its problems.

    Attributes:
        sha256: Hash of the file, for comparison with its source; empty without a file.
        seen: Result of decoding; None if the video could not be decoded.
    """

    item: Item
    sha256: str
    seen: Inspection | None
    problems: tuple[Problem, ...]

    @property
    def usable(self) -> bool:
        """Whether there is no error, only warnings or notes."""
        return not any(problem.level == "error" for problem in self.problems)


@dataclass(frozen=True)
class Report:
    """The result of a check, one entry per video, in their order."""

    target: Target
    videos: tuple[Checked, ...]

    def count(self, level: str) -> int:
        """Number of problems of a level, `error`, `warning` or `note`."""
        return sum(problem.level == level for video in self.videos for problem in video.problems)

    def as_json(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return {
            "schema": SCHEMA,
            "target": self.target.name,
            "root": os.fspath(self.target.root),
            **{f"{level}s": self.count(level) for level in ("error", "warning", "note")},
            "videos": [_as_json(video) for video in self.videos],
        }

    def write_clean_manifest(self, path: Path) -> Path:
        """Writes a manifest of the videos without errors, with their sha256.

        Args:
            path: File to create; paths in it are relative to the root of the target.

        Raises:
            ConfigError: It would replace the checked manifest, or patients are unknown.
            DataError: No video without errors is left.
        """
        refuse_unless_fixable(self.target, path)
        kept: list[Video] = [
            replace(checked.item.video, sha256=checked.sha256)
            for checked in self.videos
            if checked.usable and checked.seen and checked.item.video
        ]
        if not kept:
            raise DataError(f"{self.target.name}: every video has errors. Correct them first.")
        write_manifest(kept, path, root=self.target.root)
        return path


def refuse_unless_fixable(target: Target, path: Path) -> None:
    """Checks, before hours of decoding, that a clean manifest could be written.

    Raises:
        ConfigError: It would replace the checked manifest, or patients are unknown.
    """
    if target.manifest is not None and path.resolve() == target.manifest.resolve():
        raise ConfigError(f"{path}: is the manifest being checked. Choose another file.")
    if any(item.video is None for item in target.items):
        raise ConfigError(f"{target.name}: a folder does not state patients. Write a manifest.")


def check(
    target: Target,
    *,
    min_seconds: float = MIN_SECONDS,
    workers: int = 1,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Decodes every video of a target once and lists all problems.

    Args:
        target: Videos to check.
        min_seconds: Shorter videos are reported.
        workers: Number of child processes.
        limits: Memory and time of a child process; the defaults if not given.
        progress: Called with (files done, total number of files).

    Returns:
        The report; problems of the data are listed in it, not raised.
    """
    tasks = list(dict.fromkeys(_task(item) for item in target.items if item.path))
    outcomes = run_isolated(
        inspect_to_json, tasks, limits=limits, workers=workers, progress=progress
    )
    by_task = dict(zip(tasks, outcomes, strict=True))
    checked = [_checked(item, by_task.get(_task(item)), min_seconds) for item in target.items]
    seen = {number: entry.seen for number, entry in enumerate(checked) if entry.seen}
    who = [(item.name, item.video.patient_id if item.video else None) for item in target.items]
    for number, problem in copies(seen, who):
        entry = checked[number]
        checked[number] = replace(entry, problems=(*entry.problems, problem))
    return Report(target, tuple(checked))


def _task(item: Item) -> str:
    return json.dumps({"path": item.path, "fps": item.video.fps if item.video else None})


def _checked(item: Item, outcome: Outcome | None, min_seconds: float) -> Checked:
    problems = list(item.problems)
    if isinstance(outcome, str):
        # A message may concern an image inside a folder.
        ours = outcome.startswith((f"{item.path}: ", f"{item.path}{os.sep}"))
        text = outcome.removeprefix(item.path).removeprefix(": ").removeprefix(os.sep)
        problems.append(
            Problem.of_sentences("unreadable", "error", text)
            if ours
            else Problem("decoder", "error", text, "Exclude the file, or re-encode it.")
        )
    if outcome is None or isinstance(outcome, str):
        return Checked(item, _hash_of(item.path), None, tuple(problems))
    seen = inspection_from_json(outcome)
    problems += problems_of(seen, item.path, item.video, min_seconds=min_seconds)
    return Checked(item, seen.sha256, seen, tuple(problems))


def _hash_of(path: str) -> str:
    try:
        return sha256_of(path) if path and Path(path).is_file() else ""
    except OSError:
        return ""


def _as_json(checked: Checked) -> dict[str, Any]:
    item, seen = checked.item, checked.seen
    return {
        "video": item.name,
        "row": item.row,
        "video_id": item.video.video_id if item.video else None,
        "patient_id": item.video.patient_id if item.video else None,
        "sha256": checked.sha256,
        "usable": checked.usable,
        "seen": asdict(seen) | {"fps": seen.fps} if seen else None,
        "problems": [asdict(problem) for problem in checked.problems],
    }
