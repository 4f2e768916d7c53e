"""Ownership and completion of the folder of a fold, and removal of leftover files."""

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
    """Whether a fold is finished and its files match the hashes in DONE."""
    try:
        done = read_done(folder)
        return not disowned(folder, done, done.sha256)
    except (OSError, RunError):
        return False


def refuse_foreign(jobs: Iterable[FoldJob]) -> None:
    """Refuses folders with results or checkpoints of an experiment other than that of the job.

    Args:
        jobs: Folds that are done or to be trained.

    Raises:
        ConfigError: There are such folders; all are listed with their differences.
    """
    problems = []
    for job in jobs:
        found = checkpoint.fingerprints(job.folder)
        if (job.folder / "DONE").is_file():
            with suppress(RunError):  # a damaged mark is treated as missing
                mark = read_done(job.folder).fingerprint
                found |= {job.folder / "DONE": mark} if mark else {}
        for path, mark in found.items():
            if job.fingerprint and mark:
                problems += [f"{path}: {text}" for text in mark.differences(job.fingerprint)]
    if problems:
        advice = "They belong to a different run. Choose another --out, or delete these files."
        raise ConfigError.from_problems([*problems[:MAX_LISTED], advice], most=MAX_LISTED + 1)


def tidy(folder: Path) -> None:
    """Removes files that a finished fold no longer needs, and leftovers of killed processes.

    Args:
        folder: Folder of a finished fold; unchanged while another process works in it.
    """
    with suppress(Timeout), FileLock(folder / ".lock", timeout=0):
        checkpoint.remove(folder)
        remove_unfinished(folder)
        for name in (ERROR_LOG, "DIVERGED.json"):
            (folder / name).unlink(missing_ok=True)
