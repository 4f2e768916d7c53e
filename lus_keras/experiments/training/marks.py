"""Whose a fold's folder is, whether the fold is done, and clearing what is left beside it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from lus_keras.core.errors import MAX_LISTED, ConfigError, RunError
from lus_keras.core.files import remove_unfinished
from lus_keras.evaluation.run_record import read_done
from lus_keras.evaluation.run_record.done import disowned
from lus_keras.experiments import checkpoint

if TYPE_CHECKING:
    from lus_keras.experiments.training.fold import FoldJob

ERROR_LOG = "error.log"


def is_done(folder: Path) -> bool:
    """Whether a fold is finished and its files are those that DONE vouches for."""
    try:
        done = read_done(folder)
        return not disowned(folder, done, done.sha256)
    except (OSError, RunError):
        return False


def refuse_foreign(jobs: Iterable[FoldJob]) -> None:
    """Refuses folders that hold results or checkpoints of another experiment than their job's.

    Args:
        jobs: Folds that are done or to be trained.

    Raises:
        ConfigError: There are some; all are listed, with what they differ in.
    """
    problems = []
    for job in jobs:
        found = checkpoint.fingerprints(job.folder)
        if (job.folder / "DONE").is_file():
            with suppress(RunError):  # a damaged mark is as good as none
                mark = read_done(job.folder).fingerprint
                found |= {job.folder / "DONE": mark} if mark else {}
        for path, mark in found.items():
            if job.fingerprint and mark:
                problems += [f"{path}: {text}" for text in mark.differences(job.fingerprint)]
    if problems:
        advice = "They belong to a different run. Choose another --out, or delete these files."
        raise ConfigError.from_problems([*problems[:MAX_LISTED], advice], most=MAX_LISTED + 1)


def tidy(folder: Path) -> None:
    """Clears what a finished fold does not need any more, and what killed processes left there.

    Args:
        folder: Folder of a finished fold; nothing is done while another process works in it.
    """
    with suppress(Timeout), FileLock(folder / ".lock", timeout=0):
        checkpoint.remove(folder)
        remove_unfinished(folder)
        for name in (ERROR_LOG, "DIVERGED.json"):
            (folder / name).unlink(missing_ok=True)
