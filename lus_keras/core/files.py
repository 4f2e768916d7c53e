"""Writing a file so that a reader finds the whole of it or none of it, and hashing one."""

import codecs
import csv
import errno
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lus_keras.core.errors import ConfigError

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff")
# File systems take 255 bytes; suffixes and temporary names are added.
MAX_NAME, MAX_BYTES = 100, 180
# This machine in names of unfinished files: process numbers of another one mean nothing here.
_MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:4]
_MARK = len(_MACHINE) + 8
_UNFINISHED = re.compile(r"\.tmp-(\d+)-([0-9a-f]+)-")
# Folders that a process has looked through for leftovers.
_cleared: set[tuple[int, Path]] = set()


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Lends a temporary path beside `path` and moves it there once the block has ended well.

    The temporary name ends as `path` does, so writers that look at the suffix do the right thing.
    If the block raises, `path` keeps what it held before and the temporary file is removed. The
    first call for a folder also removes what killed processes left there.

        with atomic_write("predictions.csv") as temporary_path:
            temporary_path.write_text("clip_id,…")

    Args:
        path: File to create or replace; its folder is made if it is missing.

    Yields:
        Path in the same folder that the block has to write.

    Raises:
        OSError: The disk is full, the folder cannot be written, `path` is a device or a pipe, or
            the block wrote no file.
    """
    path = Path(path)
    # A rename would put a file in the place of /dev/null, for every program of the machine.
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EEXIST, "is a device, a pipe or a socket, not a file", os.fspath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    if (os.getpid(), path.parent) not in _cleared:
        _cleared.add((os.getpid(), path.parent))
        remove_abandoned(path.parent)
    temporary_path = unfinished_path(path)
    try:
        yield temporary_path
        _flush_to_disk(temporary_path)
        temporary_path.replace(path)
    finally:
        temporary_path.unlink(missing_ok=True)
    # The rename itself lives in the folder: without this a power cut may undo it.
    if os.name == "posix":
        _flush_to_disk(path.parent)


def unfinished_path(path: Path) -> Path:
    """A path beside one that is to be written, which says whose it is, see `remove_abandoned`."""
    # A name may be as long as file systems allow; only its end matters to writers.
    end = os.fsencode(path.name)[-MAX_BYTES:].decode(errors="ignore")
    return path.with_name(f".tmp-{os.getpid()}-{_MACHINE}{uuid.uuid4().hex[:8]}-{end}")


def check_writable(out: Path, *, is_file: bool = False) -> None:
    """Refuses a folder, or a file, that cannot be created or written; creates nothing.

    Raises:
        ConfigError: The nearest folder above that exists is a file, or may not be written.
    """
    nearest = out.absolute().parent if is_file else out.absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise ConfigError(f"{out}: cannot be written: {nearest} is a file. Choose another folder.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ConfigError(
            f"{out}: cannot be written: no permission to write to {nearest}. Choose another folder."
        )


@contextmanager
def replaced_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` to write to, which takes its place once all is written.

    An earlier `out` is removed only then; if anything fails, the new folder is.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(out.parent)
    unfinished = unfinished_path(out)
    unfinished.mkdir()
    try:
        yield unfinished
        if out.exists():
            shutil.rmtree(out)
        unfinished.replace(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_file(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Writes a file by `atomic_write`, text as UTF-8."""
    with atomic_write(path) as temporary_path:
        temporary_path.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: str | os.PathLike[str], value: Any, *, ascii: bool = True) -> None:
    """Writes plain values by `atomic_write` as JSON, indented by one; other signs as escapes."""
    write_file(path, json.dumps(value, indent=1, ensure_ascii=ascii) + "\n")


def write_csv(
    path: str | os.PathLike[str],
    header: Sequence[str],
    rows: Iterable[Iterable[Any]],
    *,
    line_end: str = "\r\n",
) -> None:
    """Writes a table by `atomic_write`, row by row."""
    with atomic_write(path) as temporary_path, temporary_path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator=line_end)
        writer.writerow(header)
        writer.writerows(rows)


def read_json(path: Path) -> Any:
    """Content of a JSON file.

    Raises:
        ValueError: It is not JSON in UTF-8, or is nested too deeply.
    """
    try:
        return json.loads(_content(path).decode("utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Hashes a file in constant memory.

    Returns:
        64 hexadecimal digits in lower case.
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_text(path: str | os.PathLike[str]) -> str:
    """Text of a file in UTF-8, or in UTF-16 that begins with its mark, as Windows writes it.

    Returns:
        Its text without the mark; lines end as they are written.

    Raises:
        UnicodeDecodeError: It is in another encoding.
    """
    content = _content(Path(path))
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")


def _content(path: Path) -> bytes:
    # A device such as /dev/zero has no end.
    if path.is_char_device() or path.is_block_device():
        raise OSError(errno.EINVAL, "is a device, not a file", str(path))
    return path.read_bytes()


def is_picture_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a folder that holds pictures, which is read as a video."""
    path = Path(path)
    return path.is_dir() and any(
        found.suffix.lower() in PICTURE_SUFFIXES and not found.name.startswith(".")
        for found in path.iterdir()
    )


def file_names(ids: Iterable[str]) -> dict[str, str]:
    """Names for files from ids that may hold slashes and the like; no two are alike.

    `p01/e1 z3` becomes `p01_e1_z3`; of ids that would share a name, in capitals or not, later ones
    get a number.

    Returns:
        Id → name without a suffix.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for text in dict.fromkeys(ids):
        plain = re.sub(r"[^\w.@+-]", "_", unicodedata.normalize("NFC", text)).lstrip(".")
        plain = plain[:MAX_NAME].encode()[:MAX_BYTES].decode(errors="ignore") or "_"
        candidates = itertools.chain([plain], (f"{plain}-{n}" for n in itertools.count(2)))
        name = next(name for name in candidates if name.casefold() not in taken)
        taken.add(name.casefold())
        names[text] = name
    return names


def cache_root() -> Path:
    """Folder of the cache: `LUS_KERAS_CACHE`, else the user's cache folder."""
    if os.environ.get("LUS_KERAS_CACHE"):
        return Path(os.environ["LUS_KERAS_CACHE"])
    import pooch

    return Path(pooch.os_cache("lus_keras"))


def remove_unfinished(folder: Path) -> None:
    """Removes what killed writers of `atomic_write` left in a folder that nobody else writes to."""
    for path in folder.glob(".tmp-*"):
        path.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Removes files and folders that processes which have ended left unfinished in a folder.

    Those of other machines, which may share it, stay.
    """
    for path in folder.glob(".tmp-*"):
        found = _UNFINISHED.match(path.name)
        # Names of before machines were in them are those of files.
        ours = found and (found[2].startswith(_MACHINE) or len(found[2]) < _MARK)
        if found and ours and not _runs(int(found[1])):
            with suppress(OSError):  # another process may be doing the same
                shutil.rmtree(path) if len(found[2]) == _MARK and path.is_dir() else path.unlink()


def _runs(process: int) -> bool:
    """Whether a process of this machine runs; where that cannot be told, it does."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _flush_to_disk(path: Path) -> None:
    flags = os.O_RDONLY if path.is_dir() or os.name == "posix" else os.O_RDWR
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
