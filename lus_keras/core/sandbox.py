"""Work on files nobody vouches for, in a child process with limits.

A decoder is a large C library: what crashes, hangs or swells there must cost one message, not the
run. Messages cross the border as JSON, so a child that was taken over can send text and no code.
"""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from lus_keras.core.errors import LusKerasError
from lus_keras.core.signals import end_with_parent, workers_ignore_interrupts

# Longest that a child may take to start; importing a decoder takes about a second.
START_S = 60.0
# Longest that a child may take to end once it has hung up.
END_S = 5.0
MAX_ANSWER = 16 << 20


@dataclass(frozen=True)
class Limits:
    """What one piece of work may use.

    Attributes:
        memory_bytes: Address space of the child.
        cpu_s: Processor time.
        wall_s: Time until the child is killed.
    """

    memory_bytes: int = 4 << 30
    cpu_s: float = 120.0
    wall_s: float = 180.0


Work = Callable[[str], dict[str, Any]]
Outcome = dict[str, Any] | str


def run_isolated(
    work: Work,
    texts: Sequence[str],
    *,
    limits: Limits | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """Calls `work` on every text in child processes; a child that dies is replaced.

    Args:
        work: Function of a module, so that a spawned child can import it; returns what JSON holds.
        texts: What to call it on, such as paths.
        limits: For each call.
        workers: Children at a time.
        progress: Called with (calls done, calls in all).

    Returns:
        In the order of `texts`, the result of each; or, in words, what the package's own errors
        said, or which limit was passed, or that the child died.
    """
    outcomes: list[Outcome] = []
    for outcome in iter_isolated(work, texts, limits=limits, workers=workers):
        outcomes.append(outcome)
        if progress:
            progress(len(outcomes), len(texts))
    return outcomes


def iter_isolated(
    work: Work, texts: Sequence[str], *, limits: Limits | None = None, workers: int = 1
) -> Generator[Outcome]:
    """Gives the results of `run_isolated` as they come, in the order of `texts`.

    Args:
        work: As in `run_isolated`; so are the others.
        texts: What to call it on.
        limits: For each call.
        workers: Children at a time.

    Yields:
        One result a text; children end with the iterator.
    """
    idle: SimpleQueue[_Worker] = SimpleQueue()

    def call(text: str) -> Outcome:
        worker = idle.get()
        try:
            return worker.call(text)
        finally:
            idle.put(worker)

    with _workers(work, limits or Limits(), min(workers, len(texts)), idle) as threads:
        yield from threads.map(call, texts)


@contextmanager
def _workers(
    work: Work, limits: Limits, count: int, idle: SimpleQueue[_Worker]
) -> Iterator[ThreadPoolExecutor]:
    workers = [_Worker(work, limits) for _ in range(count)]
    for worker in workers:
        idle.put(worker)
    threads = ThreadPoolExecutor(max(count, 1))
    try:
        yield threads
    finally:
        # Killing first ends the calls that threads still wait for.
        for worker in workers:
            worker.close()
        threads.shutdown(cancel_futures=True)


class _Worker:
    """A process that answers one call after another, started with the first."""

    def __init__(self, work: Work, limits: Limits):
        self._work = work
        self._limits = limits
        self._process: Any = None
        self._connection: Connection | None = None
        self._closed = False

    def call(self, text: str) -> Outcome:
        if self._closed:
            return "was stopped."
        if self._process is None and not self._start():
            return self._death()
        assert self._connection is not None
        try:
            self._connection.send_bytes(text.encode("utf-8", "surrogateescape"))
            if not self._connection.poll(self._limits.wall_s):
                self._kill()
                return f"took longer than {self._limits.wall_s:g} s."
            return json.loads(self._connection.recv_bytes(MAX_ANSWER))
        except (EOFError, OSError, ValueError):
            return self._death()

    def close(self) -> None:
        self._closed = True
        self._kill()

    def _start(self) -> bool:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, self._work, self._limits)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        with workers_ignore_interrupts():
            self._process.start()
        theirs.close()
        try:
            return self._connection.poll(START_S) and bool(self._connection.recv_bytes())
        except (EOFError, OSError):
            return False

    def _death(self) -> str:
        process = self._process
        if process is None:
            return "was stopped."
        process.join(END_S)
        code = process.exitcode
        self._kill()
        if code is not None and -code == getattr(signal, "SIGXCPU", 0):
            return f"took more than {self._limits.cpu_s:g} s of processor time."
        if code is None:
            return "gave no readable answer."
        if code < 0:
            return f"crashed the process that worked on it ({signal.Signals(-code).name})."
        return f"ended the process that worked on it (exit code {code})."

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _serve(connection: Connection, work: Work, limits: Limits) -> None:
    """Runs in the child: answers until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(by_signal=False)
    _limit_memory(limits)
    connection.send_bytes(b"ready")
    while True:
        try:
            text = connection.recv_bytes().decode("utf-8", "surrogateescape")
        except (EOFError, OSError):
            return
        _renew_processor_time(limits)
        answer = json.dumps(_outcome(work, text, limits)).encode()
        try:
            connection.send_bytes(answer)
        except OSError:
            return


def _outcome(work: Work, text: str, limits: Limits) -> Outcome:
    try:
        return work(text)
    except LusKerasError as error:
        return str(error)
    except MemoryError:
        return f"needs more than {limits.memory_bytes / 1e9:.1f} GB of memory."


def _limit_memory(limits: Limits) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; the one of time is the parent's.
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = limits.memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (wanted if hard < 0 else min(wanted, hard), hard))


def _renew_processor_time(limits: Limits) -> None:
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime + limits.cpu_s)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (until if hard < 0 else min(until, hard), hard))
