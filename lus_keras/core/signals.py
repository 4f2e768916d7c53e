"""Ending a command that is told to stop, by SIGTERM or Ctrl-C.

Python raises an exception wherever its main thread happens to be. Inside TensorFlow that is not
safe: of eighty trainings that were told to stop, one lost the exception, one took it for an error
of the data ("Concurrent access?"), and another time the heap was corrupt. Training therefore ends
the process itself, as a power cut would; its files are written so that each is whole at any moment.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import active_children, parent_process
from typing import Any, NoReturn

# Exit codes, as a shell gives them: 128 and the number of the signal.
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
MESSAGES = {
    signal.SIGINT: "interrupted. Run the same command again to continue.",
    signal.SIGTERM: "terminated. Run the same command again to continue.",
}

# Of Linux' prctl: the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1
WATCH_S = 1.0
# Exit code of a child whose parent has ended; nobody is there to read it.
ORPHANED = 1

_training = False
_stopping = False
_before: tuple[Callable[[threading.ExceptHookArgs], Any], Callable[[Any], Any]] | None = None


class Terminated(BaseException):
    """SIGTERM arrived where an exception is safe."""


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Turns SIGINT into KeyboardInterrupt and SIGTERM into `Terminated`.

    Within `ends_at_once` they end the process, with a message and the code in `CODES`. Only for a
    command line, in its main thread; a notebook keeps the handlers it has. A signal that is
    ignored, as `nohup` and `&` have it, stays so.
    """
    global _stopping
    _stopping = False
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


@contextmanager
def workers_ignore_interrupts() -> Iterator[None]:
    """Lets processes that are started meanwhile hear no Ctrl-C, which a terminal sends to all.

    Their parent ends them; one that is still importing would show a traceback instead.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        # An interrupt that came meanwhile is delivered here.
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def quiet_when_stopping() -> None:
    """Keeps threads that a stop tears apart from showing tracebacks; others still do."""
    global _before
    if _before is not None:
        return
    _before = threading.excepthook, sys.unraisablehook

    def thread(args: threading.ExceptHookArgs, /) -> None:
        if not _stopping and _before:
            _before[0](args)

    def unraisable(args: Any, /) -> None:
        if not _stopping and _before:
            _before[1](args)

    threading.excepthook, sys.unraisablehook = thread, unraisable


def end_with_parent(*, by_signal: bool = True) -> None:
    """Lets this child process end when the process that started it does, however that ends.

    A child that went on would hold memory and locks that nobody waits for. Linux tells it by a
    signal; a thread that looks at the parent is for other systems, and for a parent that ended
    before this was called.

    Args:
        by_signal: Whether the signal may be used. It comes when the *thread* that started the
            child ends, so only for children that a main thread started.
    """
    parent = parent_process()
    if parent is None or parent.pid is None:
        return
    if by_signal and sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    watch = threading.Thread(target=_watch, args=(parent.pid,), daemon=True, name="parent-watch")
    watch.start()


def _watch(parent: int) -> None:
    # An orphan is given to another process, so its parent's number changes.
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(ORPHANED)


def _stop(number: int, _: object) -> None:
    global _stopping
    _stopping = True
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
