"""A contender in a process of its own: it gets ready once, then does a round whenever it is told.

    parent ──"3"──▶ worker      do three steps
    parent ◀─{seconds, units}──

Frameworks cannot share a process fairly (threads, memory, two versions of Keras), and rounds that
alternate need all of them ready at once.
"""

import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lus_keras.benchmark.timing import Sample

# Packages of the extra `benchmark`: a contender that lacks one is skipped by name.
PEERS = ("torch", "tf_keras", "tf_keras_vis", "psutil")
TAIL = 1500


@dataclass(frozen=True)
class Contender:
    """What a worker does.

    Attributes:
        step: Does one step and returns its units, or a sample, where it takes its own time.
        facts: Told to the parent, such as the number of parameters.
    """

    step: Callable[[], float | Sample]
    facts: dict[str, Any] = field(default_factory=dict)


class Absent(Exception):
    """A package that a contender needs is not installed."""


class Failed(Exception):
    """A contender ended in an error."""


class Worker:
    """A contender's process (module and key of its `TASKS`); a context manager that ends it."""

    def __init__(self, module: str, task: str, options: dict[str, Any], *, threads: int):
        spec = json.dumps({"module": module, "task": task, "options": options})
        # Open as long as the process runs.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lus_keras.benchmark.worker", spec],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=_variables(threads),
        )

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream:
                stream.close()

    def ready(self) -> dict[str, Any]:
        """Waits until it is ready.

        Raises:
            Absent: It needs a package that is not installed.
            Failed: It ended in an error.
        """
        reply = self._read()
        if "absent" in reply:
            raise Absent(reply["absent"])
        return reply["facts"]

    def round(self, steps: int) -> Sample:
        """Lets it do some steps.

        Raises:
            Failed: It ended in an error.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{steps}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the reply that does not come says why
        reply = self._read()
        self.peak_bytes = int(reply["peak_bytes"])
        return Sample(reply["seconds"], reply["units"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip()[-TAIL:]
        raise Failed(f"ended with code {code}. {said}")


def _variables(threads: int) -> dict[str, str]:
    """The worker's environment: the same threads for every framework, and no accelerator."""
    count = str(threads)
    chosen = {"OMP_NUM_THREADS": count, "TF_NUM_INTRAOP_THREADS": count}
    path = os.pathsep.join(map(str, [Path(__file__).parents[2], *filter(None, sys.path)]))
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **chosen, **quiet, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": path}


def peak_bytes() -> int:
    """Largest resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _serve(spec: dict[str, Any], say: Callable[[dict[str, Any]], None]) -> None:
    try:
        module = importlib.import_module(f"lus_keras.benchmark.contenders.{spec['module']}")
        contender: Contender = module.TASKS[spec["task"]](**spec["options"])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in PEERS:
            raise
        say({"absent": error.name})
        return
    say({"facts": contender.facts})
    for line in sys.stdin:
        seconds = units = 0.0
        for _ in range(int(line)):
            start = time.perf_counter()
            done = contender.step()
            sample = done if isinstance(done, Sample) else Sample(time.perf_counter() - start, done)
            seconds, units = seconds + sample.seconds, units + sample.units
        say({"seconds": seconds, "units": units, "peak_bytes": peak_bytes()})


def main() -> None:
    """Entry point of the worker; what libraries print goes to the log."""
    with os.fdopen(os.dup(1), "w") as channel:
        os.dup2(2, 1)

        def say(reply: dict[str, Any]) -> None:
            channel.write(json.dumps(reply) + "\n")
            channel.flush()

        _serve(json.loads(sys.argv[1]), say)


if __name__ == "__main__":
    main()
