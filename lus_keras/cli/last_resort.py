"""Unforeseen errors as one line with cause, place and remedy, and an exit code."""

import errno
import io
import lzma
import re
import sys
import traceback
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from lus_keras.core.safe_text import printable

# Exit codes of the package: 2 settings, 3 data, 4 part of the work failed (finished work is kept),
# 1 a fault of this package.
CONFIG, DATA, PARTIAL, FAULT = 2, 3, 4, 1
PACKAGE = Path(__file__).parents[1]
FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS}
# Words longer than this are shortened; file paths are usually shorter.
LONGEST = 1_000
DAMAGED = (zlib.error, lzma.LZMAError, zipfile.BadZipFile, EOFError)


def is_clicks(error: Exception) -> bool:
    """Whether an error is handled by click: its own errors, and a broken pipe."""
    own = (click.ClickException, click.Abort, click.exceptions.Exit)
    return isinstance(error, own) or (isinstance(error, OSError) and error.errno == errno.EPIPE)


def explained(error: Exception) -> tuple[str, int]:
    """One line with cause, place and remedy of an unforeseen error, and the exit code."""
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return (
            f"there is not enough memory ({_place(error)}). Use smaller or fewer clips at a time "
            "(--set fit.batch_size=…, clip.frames, clip.size) or fewer --workers; finished work "
            "is kept.",
            PARTIAL,
        )
    if isinstance(error, UnicodeError):
        return f"{_place(error)}: text is not UTF-8 ({_reason(error)}). Save it as UTF-8.", DATA
    if isinstance(error, ValueError) and "has an empty name" in str(error):
        return f"{_place(error)}: a file name is empty. Give a file name.", CONFIG
    if isinstance(error, ValueError) and "null byte" in str(error):
        return f"{_place(error)}: a file name contains a zero byte. Correct the name.", DATA
    if isinstance(error, RuntimeError) and str(error).startswith("Symlink loop"):
        return (
            f"{_place(error)}: {_reason(error)}: a symbolic link refers to itself. Check the path.",
            DATA,
        )
    if isinstance(error, DAMAGED):
        return (
            f"{_place(error)}: a compressed file is damaged ({_reason(error)}). Copy it again, or "
            "retrain the fold that wrote it.",
            DATA,
        )
    if isinstance(error, RecursionError):
        return f"{_place(error)}: a file is nested too deeply. Correct the file.", DATA
    if "YAML" in {base.__name__[:4] for base in type(error).__mro__}:
        return f"{_place(error)}: not valid YAML ({_reason(error)}). Correct the text.", CONFIG
    return (
        f"{type(error).__name__} in {_place(error)}: {_reason(error)}. This is a bug in "
        "lus_keras: run the command again as `lus-keras --debug …` and report what it shows.",
        FAULT,
    )


def _of_system(error: OSError) -> tuple[str, int]:
    place = str(error.filename or error.filename2 or _place(error))
    cause = error.strerror or _reason(error)
    if error.errno in FULL:
        return (
            f"{place}: the disk is full ({cause}). Free some space, or choose another folder; "
            "finished work is kept; run the same command again to continue.",
            PARTIAL,
        )
    if error.errno in CLOSED:
        return (
            f"{place}: permission denied to read or write ({cause}). Change its permissions, or "
            "choose another folder.",
            PARTIAL,
        )
    if error.errno == errno.ENAMETOOLONG:
        return f"{_short(place)}: the name is too long. Shorten the id or the folder.", DATA
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
        return f"{place}: cannot be opened ({cause}). Check the path.", DATA
    return (
        f"{place}: {cause}. Try again, or choose another folder; finished work is kept.",
        PARTIAL,
    )


def _reason(error: Exception) -> str:
    return _short(next(iter(str(error).splitlines()), type(error).__name__).rstrip("."))


def readable(message: str) -> str:
    """A message with extremely long words, such as quoted file content, shortened."""
    return re.sub(rf"\S{{{LONGEST},}}", lambda found: _middle_cut(found[0]), message)


def _middle_cut(word: str) -> str:
    return f"{word[: LONGEST // 2]}…{word[-LONGEST // 4 :]}"


def _short(text: str, most: int = 200) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _place(error: Exception) -> str:
    """File and line of this package where an error occurred."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(PACKAGE)]
    if not own:
        return "lus_keras"
    where = Path(own[-1].filename).relative_to(PACKAGE.parent).as_posix()
    return f"{where}, line {own[-1].lineno}"


def accept_any_encoding() -> None:
    """Makes output to a non-UTF-8 terminal or pipe show `?` for characters it cannot encode."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")


def show_warnings_in_a_line() -> None:
    """Formats warnings about data as one line, without the place in this package."""
    shown = warnings.formatwarning

    def format_warning(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        line: str | None = None,
    ) -> str:
        if category is UserWarning:
            return f"Warning: {printable(str(message))}\n"
        return shown(message, category, filename, lineno, line)

    if shown.__module__ != __name__:
        warnings.formatwarning = format_warning


@contextmanager
def printable_usage() -> Iterator[None]:
    """Removes terminal control characters from typed text that click quotes in its messages."""
    try:
        yield
    except click.ClickException as error:
        vars(error).update(message=printable(error.message))
        raise
