"""`data fetch`: the only part of the package that uses the network, and only when asked to.

    name ─▶ sources    pinned commit, files by hash, license ─▶ download ─▶ hash ─▶ its place

A file is downloaded beside its place, hashed, and only then moved there: what has its place is
verified.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from lus_keras.core.errors import DataError
from lus_keras.core.files import atomic_write, cache_root, sha256_of
from lus_keras.data.download.download import Unavailable, download_file
from lus_keras.data.download.sources import NAMES, LabelTable, Remote, Source, find_source

__all__ = ["NAMES", "Fetched", "LabelTable", "Remote", "Source", "fetch", "find_source"]

# Files in a row that no server answers for; the others would not be answered for either.
MAX_UNANSWERED = 3


@dataclass(frozen=True)
class Fetched:
    """Result of fetching a data set.

    Attributes:
        present: Number of files that were present and verified.
        copied: Number of files copied from the user's own copy.
        downloaded: Number of files downloaded.
        tables: One sentence per table of labels: whether it is present, and in which version.
    """

    folder: Path
    present: int
    copied: int
    downloaded: int
    tables: tuple[str, ...] = ()


def fetch(
    source: Source,
    *,
    to: Path | None = None,
    own_copy: Path | None = None,
    offline: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Fetched:
    """Copies or downloads every listed file, verified by hash; the same call again resumes.

    Args:
        to: Folder of the data set; the user's cache if not given.
        own_copy: Folder from which files are copied before anything is downloaded.
        offline: Whether nothing is downloaded.
        progress: Called with (files done, total number of files).

    Returns:
        Counts, once all files are present.

    Raises:
        DataError: Files could not be obtained; all are listed, and the others are kept.
    """
    folder = cache_root() / source.name if to is None else to
    counts = {"present": 0, "copied": 0, "downloaded": 0}
    problems: list[str] = []
    unanswered = 0
    with _staging(folder) as staging:
        for number, remote in enumerate(source.files, start=1):
            target = folder / remote.path
            try:
                if _is(target, remote):
                    counts["present"] += 1
                elif own_copy is not None and _is(own_copy / remote.path, remote):
                    _copy(own_copy / remote.path, target)
                    counts["copied"] += 1
                elif offline:
                    problems.append(f"{target}: is missing.")
                elif unanswered == MAX_UNANSWERED:
                    problems.append(f"{remote.path}: not tried, because no server answered.")
                else:
                    download_file(remote, staging)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    (staging / remote.sha256).replace(target)
                    counts["downloaded"] += 1
            except Unavailable as error:
                problems.append(str(error))
                unanswered = 0 if error.answered else unanswered + 1
            if progress:
                progress(number, len(source.files))
        tables = tuple(_take_table(table, folder, own_copy, source) for table in source.tables)
    if problems:
        raise DataError.from_problems([*_advice(source, folder, problems, offline), *problems])
    return Fetched(folder, **counts, tables=tables)


def _take_table(table: LabelTable, folder: Path, own_copy: Path | None, source: Source) -> str:
    target = folder / table.path
    verb = "was there"
    if not target.is_file():
        if own_copy is None or not (own_copy / table.path).is_file():
            return (
                f"{table.path}, the labels, is missing: copy it from {source.homepage} to "
                f"{os.fspath(folder)}, or give a copy with --from."
            )
        _copy(own_copy / table.path, target)
        verb = "copied"
    digest = sha256_of(target)
    which = table.known.get(digest, "not a known one: not verified")
    return f"{table.path}, the labels: {verb}; its sha256 is {digest[:12]}…: {which}."


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A folder for unfinished downloads, on the same disk; one process at a time."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".fetch.lock", timeout=0):
            for left_over in folder.glob(".fetch-*"):
                shutil.rmtree(left_over, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as staging:
                yield Path(staging)
    except Timeout:
        raise DataError(
            f"{folder}: another process is downloading to this folder. Wait until it ends."
        ) from None
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error.strerror or error}). Choose another folder "
            "with --to."
        ) from error


def _is(path: Path, remote: Remote) -> bool:
    return (
        path.is_file() and path.stat().st_size == remote.size and sha256_of(path) == remote.sha256
    )


def _copy(path: Path, target: Path) -> None:
    with atomic_write(target) as temporary_path:
        shutil.copyfile(path, temporary_path)


def _advice(source: Source, folder: Path, problems: list[str], offline: bool) -> Iterator[str]:
    count = f"{len(problems)} of {len(source.files)} files"
    if offline:
        yield (
            f"{source.name}: {count} are missing and are not downloaded with --offline. Download "
            f"them from {source.homepage} at commit {source.commit[:12]} and copy them to "
            f"{os.fspath(folder)}, or give a copy with --from."
        )
    else:
        yield (
            f"{source.name}: {count} could not be fetched; the others are verified and kept. Run "
            "the same command again to continue. If a login page is returned instead of "
            f"{source.homepage}, log in first."
        )
