"""`data fetch`: the only part of the package that uses the network, and only when asked to.

A data set's description names a pinned commit, and its list every file with sha256. A file is
downloaded beside its place, hashed, and only then moved there: what has its place is verified.
"""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from filelock import FileLock, Timeout

from lus_keras.config import describe_dataset, did_you_mean
from lus_keras.errors import ConfigError, DataError
from lus_keras.files import atomic_write, cache_root, sha256_of

NAMES = ("covid-blues", "pocus")
TRIES = 3
PAUSE_S = 1.0
TIMEOUT_S = 30.0
# Files in a row that no server answers for; the others would not be answered for either.
MAX_UNANSWERED = 3


@dataclass(frozen=True)
class Remote:
    """One file of a source.

    Attributes:
        path: Place in the data set's folder.
        size: Bytes.
        sha256: Hash.
        url: Where it is at the pinned commit.
    """

    path: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True)
class LabelTable:
    """Labels of a source, which are taken from the user's copy and never downloaded.

    Attributes:
        path: Place in the data set's folder.
        known: What versions hold, by sha256; others are taken as well, and told to be unverified.
    """

    path: str
    known: Mapping[str, str]


@dataclass(frozen=True)
class Source:
    """What can be fetched of a data set, and what must be said before.

    Attributes:
        name: As given on the command line.
        title: As printed.
        homepage: Where the data set comes from.
        commit: Pinned version.
        license: Licence, or licences.
        citation: What to cite.
        files: The files that are known by hash.
        not_listed: Sentences on what has to be got by hand.
        tables: Labels.
    """

    name: str
    title: str
    homepage: str
    commit: str
    license: str
    citation: str
    files: tuple[Remote, ...]
    not_listed: tuple[str, ...]
    tables: tuple[LabelTable, ...] = ()


@dataclass(frozen=True)
class Fetched:
    """What a call did.

    Attributes:
        folder: Where the data set is now.
        present: Number of files that were there and verified.
        copied: Number of files taken from the user's own copy.
        downloaded: Number of files that came over the network.
        tables: One sentence a table of labels: whether it is there, and which version.
    """

    folder: Path
    present: int
    copied: int
    downloaded: int
    tables: tuple[str, ...] = ()


def find_source(name: str) -> Source:
    """Describes what can be fetched; nothing is.

    Args:
        name: One of `NAMES`.

    Returns:
        The source.

    Raises:
        ConfigError: There is no such source.
    """
    if name not in NAMES:
        raise ConfigError(f"unknown data set '{name}'.{did_you_mean(name, NAMES)}")
    described = describe_dataset(name)
    return Source(
        name=name,
        title=described["title"],
        homepage=described["source"],
        commit=described["commit"],
        license=described["license"],
        citation=described["citation"],
        files=tuple(_read_list(described)),
        not_listed=tuple(described.get("not_listed", ())),
        tables=tuple(LabelTable(**table) for table in described.get("tables", ())),
    )


def fetch(
    source: Source,
    *,
    to: Path | None = None,
    own_copy: Path | None = None,
    offline: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Fetched:
    """Brings every listed file to its place, each verified by hash; the same call again continues.

    Args:
        source: What to fetch.
        to: Folder of the data set; the user's cache if not given.
        own_copy: Folder to take files from before the network is asked.
        offline: Whether the network must not be asked at all.
        progress: Called with (files done, files in all).

    Returns:
        Counts, once every file is there.

    Raises:
        DataError: Files could not be had; all are listed, and those that could be are kept.
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
                    problems.append(f"{remote.path}: not tried, as no server answered.")
                else:
                    _download(remote, staging)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    (staging / remote.sha256).replace(target)
                    counts["downloaded"] += 1
            except _Unavailable as error:
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
                f"{os.fspath(folder)}, or point --from at a copy."
            )
        _copy(own_copy / table.path, target)
        verb = "copied"
    digest = sha256_of(target)
    which = table.known.get(digest, "not among the known ones, so not verified")
    return f"{table.path}, the labels: {verb}; its sha256 is {digest[:12]}…: {which}."


class _Unavailable(Exception):
    """A file could not be downloaded; `answered` tells whether there was a server at all."""

    def __init__(self, message: str, *, answered: bool):
        super().__init__(message)
        self.answered = answered


def _read_list(described: dict[str, Any]) -> Iterator[Remote]:
    text = (
        resources.files("lus_keras.data_manifests").joinpath(described["files"]).read_text("utf-8")
    )
    for row in csv.DictReader(text.splitlines()):
        path = PurePosixPath(row["path"])
        if path.is_absolute() or ".." in path.parts:
            raise ConfigError(f"{described['files']}: {path} leaves the folder of the data set.")
        url = described["url"].format(commit=described["commit"], path=quote(row["path"]))
        yield Remote(row["path"], int(row["bytes"]), row["sha256"], url)


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
        raise DataError(f"{folder}: another process fetches to it. Wait until it ends.") from None
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error.strerror or error}). Name another with --to."
        ) from error


def _is(path: Path, remote: Remote) -> bool:
    return (
        path.is_file() and path.stat().st_size == remote.size and sha256_of(path) == remote.sha256
    )


def _copy(path: Path, target: Path) -> None:
    with atomic_write(target) as temporary_path:
        shutil.copyfile(path, temporary_path)


def _download(remote: Remote, staging: Path) -> None:
    """Downloads to `staging / sha256`, with pooch, which moves only what has the right hash."""
    import pooch
    from requests import exceptions

    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT_S)
    for tried in range(1, TRIES + 1):
        try:
            pooch.retrieve(
                remote.url, f"sha256:{remote.sha256}", remote.sha256, staging, downloader=downloader
            )
            return
        except exceptions.RequestException as error:
            broke_off = isinstance(error, exceptions.ChunkedEncodingError)
            unreachable = isinstance(error, exceptions.ConnectionError | exceptions.Timeout)
            if not broke_off and not unreachable:
                raise _Unavailable(f"{remote.url}: {error}.", answered=True) from error
            if tried == TRIES:
                cause = "no answer" if unreachable else "the transfer broke off"
                message = f"{remote.url}: {cause}, {TRIES} times."
                raise _Unavailable(message, answered=broke_off) from error
            time.sleep(PAUSE_S * tried)
        except ValueError as error:
            raise _Unavailable(
                f"{remote.url}: the bytes that came have another sha256 and were thrown away.",
                answered=True,
            ) from error


def _advice(source: Source, folder: Path, problems: list[str], offline: bool) -> Iterator[str]:
    count = f"{len(problems)} of {len(source.files)} files"
    if offline:
        yield (
            f"{source.name}: {count} are missing, and --offline forbids to fetch them. Get them "
            f"from {source.homepage} at commit {source.commit[:12]} and copy them to "
            f"{os.fspath(folder)}, or point --from at a copy."
        )
    else:
        yield (
            f"{source.name}: {count} could not be fetched; the others are verified and kept. The "
            f"same command continues. If a login page answers instead of {source.homepage}, log "
            "in first."
        )
