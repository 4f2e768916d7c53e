"""A process that works for its parent within limits, and the messages between the two.

Answers cross the border as JSON and frames as plain bytes, so a child that was taken over can send
text and pixels, and no code.
"""

import json
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lus_keras.core.errors import LusKerasError
from lus_keras.core.signals import end_with_parent, workers_ignore_interrupts

# Longest that a child may take to start; importing a decoder takes about a second, and minutes on a
# machine that is busy with other work.
START_S = 300.0
# Longest that a child may take to end once it has hung up.
END_S = 5.0
# Largest answer, and largest array of a stream: a picture of 4096² pixels in color, and some.
MAX_ANSWER = 16 << 20
MAX_ARRAY = 64 << 20


@dataclass(frozen=True)
class Limits:
    """What one piece of work may use.

    Attributes:
        memory_bytes: Address space of the child.
        wall_s: Time until the child is killed.
    """

    memory_bytes: int = 4 << 30
    cpu_s: float = 120.0
    wall_s: float = 180.0


Work = Callable[[str], dict[str, Any]]
Outcome = dict[str, Any] | str
Part = dict[str, Any] | np.ndarray
Streaming = Callable[[str], Iterator[Part]]


class ChildDied(LusKerasError):
    """A child crashed, hung or passed a limit; the text goes on after the name of its work."""


class Child:
    """A process that answers one call after another, started with the first."""

    def __init__(self, work: Work | Streaming, limits: Limits):
        self._work = work
        self._limits = limits
        self._process: Any = None
        self._connection: Connection | None = None
        self._ready = False
        self._closed = False

    def call(self, text: str) -> Outcome:
        """The answer to one call, or what happened to the child in words."""
        if self._closed:
            return "was stopped."
        try:
            self._send(text)
            return self._receive()
        except (EOFError, OSError, ValueError):
            return self._death()
        except ChildDied as late:
            return str(late)

    def stream(self, text: str) -> Generator[Part]:
        """Gives the parts of a generator; one that is not taken to its end is stopped."""
        ended = False
        try:
            self._send(text)
            while "end" not in (part := self._receive()):
                shape = part.get("shape")
                yield part["value"] if shape is None else self._array(shape)
            ended = True
            self._say(b"read")
        except GeneratorExit:
            self._stop()
            ended = True
            raise
        except (EOFError, OSError, ValueError, KeyError, TypeError):
            raise ChildDied(self._death()) from None
        finally:
            if not ended:
                self._kill()
        if part["end"] is not None:
            raise LusKerasError(str(part["end"]))

    def start(self) -> None:
        """Starts the process, unless it runs; importing goes on meanwhile."""
        if self._process is not None:
            return
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        arguments = (theirs, self._work, self._limits)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        with workers_ignore_interrupts(), _program_kept_out():
            self._process.start()
        theirs.close()
        self._ready = False

    def close(self) -> None:
        """Kills the process; calls that wait for it end."""
        self._closed = True
        self._kill()

    def _send(self, text: str) -> None:
        self.start()
        assert self._connection is not None
        if not self._ready:
            if not self._connection.poll(START_S):
                raise EOFError
            self._connection.recv_bytes()
            self._ready = True
        # A child may outlive a change of the working directory, which paths are relative to.
        self._say(f"{_working_directory()}\0{text}".encode("utf-8", "surrogateescape"))

    def _say(self, message: bytes) -> None:
        if self._connection is None:
            raise EOFError
        self._connection.send_bytes(message)

    def _receive(self) -> Any:
        return json.loads(self._receive_bytes(MAX_ANSWER))

    def _receive_bytes(self, most: int) -> bytes:
        if self._connection is None:
            raise EOFError
        if not self._connection.poll(self._limits.wall_s):
            self._kill()
            raise ChildDied(f"took longer than {self._limits.wall_s:g} s.")
        return self._connection.recv_bytes(most)

    def _array(self, shape: Any) -> np.ndarray:
        values = np.frombuffer(self._receive_bytes(MAX_ARRAY), np.uint8)
        return values.reshape([int(side) for side in shape])

    def _stop(self) -> None:
        """Takes what is on its way, so that the child may be called again."""
        with suppress(EOFError, OSError, ValueError, TypeError, ChildDied):
            self._say(b"stop")
            while "end" not in (part := self._receive()):
                if "shape" in part:
                    self._receive_bytes(MAX_ARRAY)
            return
        self._kill()

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
            return "returned no readable result."
        if code < 0:
            return f"crashed the process that decoded it ({signal.Signals(-code).name})."
        return f"ended the process that decoded it (exit code {code})."

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_start = threading.Lock()


@contextmanager
def _program_kept_out() -> Iterator[None]:
    """Keeps children that are started meanwhile from importing the program that starts them.

    They need none of it, and a script without `if __name__ == "__main__"` would run twice.
    """
    with _start:
        program = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = program


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # deleted meanwhile
        return ""


def _serve(connection: Connection, work: Work | Streaming, limits: Limits) -> None:
    """Runs in the child: answers until the parent hangs up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(by_signal=False)
    _limit_memory(limits)
    connection.send_bytes(b"ready")
    with suppress(EOFError, OSError):
        while True:
            message = connection.recv_bytes().decode("utf-8", "surrogateescape")
            place, _, text = message.partition("\0")
            with suppress(OSError):
                os.chdir(place)
            _renew_processor_time(limits)
            answer, problem = _tried(limits, work, text)
            if problem is None and isinstance(answer, Iterator):
                _send_parts(connection, answer, limits)
            else:
                _send_json(connection, answer if problem is None else problem)


def _send_parts(connection: Connection, parts: Iterator[Part], limits: Limits) -> None:
    while True:
        part, problem = _tried(limits, next, parts, None)
        if connection.poll() or part is None:
            break
        if isinstance(part, np.ndarray):
            _send_json(connection, {"shape": part.shape})
            connection.send_bytes(np.ascontiguousarray(part).reshape(-1).data)
        else:
            _send_json(connection, {"value": part})
        _renew_processor_time(limits)
    _send_json(connection, {"end": problem})
    connection.recv_bytes()


def _send_json(connection: Connection, value: Any) -> None:
    connection.send_bytes(json.dumps(value).encode())


def _tried(limits: Limits, work: Callable[..., Any], *given: Any) -> tuple[Any, str | None]:
    """What it returns; or what the package's own errors, the system or the limit say."""
    try:
        return work(*given), None
    except LusKerasError as error:
        return None, str(error)
    except OSError as error:
        return None, f"cannot be read ({error.strerror or error})."
    except MemoryError:
        return None, f"needs more than {limits.memory_bytes / 1e9:.1f} GB of memory."


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
