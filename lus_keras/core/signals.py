"""Ending a command that is told to stop, by SIGTERM or Ctrl-C.

Python raises an exception wherever its main thread happens to be. Inside TensorFlow that is not
safe: of eighty trainings that were told to stop, one lost the exception, one took it for an error
of the data ("Concurrent access?"), and another time the heap was corrupt. Training therefore ends
the process itself, as a power cut would; its files are written so that each is whole at any moment.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import active_children
from typing import NoReturn

# Exit codes, as a shell gives them: 128 and the number of the signal.
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
MESSAGES = {
    signal.SIGINT: "interrupted. The same command continues.",
    signal.SIGTERM: "terminated. The same command continues.",
}

_training = False


class Terminated(BaseException):
    """SIGTERM arrived where an exception is safe."""


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Turns SIGINT into KeyboardInterrupt and SIGTERM into `Terminated`.

    Within `ends_at_once` they end the process, with a message and the code in `CODES`. Only for a
    command line, in its main thread; a notebook keeps the handlers it has. A signal that is
    ignored, as `nohup` and `&` have it, stays so.
    """
    before = {number: signal.getsignal(number) for number in CODES}
    taken = [number for number, handler in before.items() if handler not in (None, signal.SIG_IGN)]
    for number in taken:
        signal.signal(number, _stop)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])


@contextmanager
def ends_at_once() -> Iterator[None]:
    """Marks work that may only be stopped by ending the process; nothing in it waits for cleaning.

    Without `stopping_on_signals` around it, it changes nothing.
    """
    global _training
    before, _training = _training, True
    try:
        yield
    finally:
        _training = before


def _stop(number: int, _: object) -> None:
    if _training:
        _end(signal.Signals(number))
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _end(number: signal.Signals) -> NoReturn:
    for child in active_children():
        child.terminate()
    with suppress(Exception):
        # The main thread may be in the middle of a print, which a second one would trip over.
        sys.stdout.flush()
    show_cursor = "\x1b[?25h\n" if sys.stderr.isatty() else ""
    os.write(2, f"{show_cursor}Error: {MESSAGES[number]}\n".encode())
    os._exit(CODES[number])
