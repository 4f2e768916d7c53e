"""Work on files nobody vouches for, in a child process with limits.

A decoder is a large C library: what crashes, hangs or swells there must cost one message, not the
run.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue

from lus_keras.core.child_process import Child, ChildDied, Limits, Outcome, Part, Streaming, Work

__all__ = ["ChildDied", "Limits", "Outcome", "Part", "iter_isolated", "run_isolated"]
__all__ += ["start_ahead", "stream_isolated"]

_resting: dict[Streaming, list[Child]] = {}
_lock = threading.Lock()


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
    """Gives results of `run_isolated` in order as they come; children end with the iterator."""
    idle: SimpleQueue[Child] = SimpleQueue()

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
    work: Work, limits: Limits, count: int, idle: SimpleQueue[Child]
) -> Iterator[ThreadPoolExecutor]:
    workers = [Child(work, limits) for _ in range(count)]
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


def stream_isolated(work: Streaming, text: str, *, limits: Limits | None = None) -> Generator[Part]:
    """Gives what a generator gives in a child process, which serves later calls as well.

    The child runs ahead by what the pipe between the two holds, some hundred kilobytes. Limits are
    for each part: what is long and healthy may take its time.

    Args:
        work: Generator function of a module; gives what JSON holds, and arrays of uint8.
        limits: Of a child that this call starts.

    Yields:
        The parts; arrays are read-only.

    Raises:
        ChildDied: It passed a limit, crashed or hung.
        LusKerasError: What the package's own errors said, without their kind.
    """
    worker = _taken(work, limits)
    try:
        yield from worker.stream(text)
    finally:
        _put_back(work, worker)


def start_ahead(work: Streaming) -> None:
    """Starts a child for `stream_isolated`, and does not wait until it is ready."""
    worker = _taken(work, None)
    worker.start()
    _put_back(work, worker)


def _taken(work: Streaming, limits: Limits | None) -> Child:
    with _lock:
        resting = _resting.setdefault(work, [])
        return resting.pop() if resting else Child(work, limits or Limits())


def _put_back(work: Streaming, worker: Child) -> None:
    with _lock:
        _resting[work].append(worker)
