"""A contender in its own process: it is prepared once and then runs a round on request.

    parent ──"3"──▶ worker      run three steps
    parent ◀─{seconds, units}──

Frameworks cannot share a process fairly (threads, memory, two versions of Keras), and alternating
rounds require all of them to be ready at the same time.
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
    """Work of a worker.

    Attributes:
        step: Runs one step and returns its units, or a `Sample` if it measures its own time.
        facts: Properties reported to the parent, such as the number of parameters.
    """

    step: Callable[[], float | Sample]
    facts: dict[str, Any] = field(default_factory=dict)


class Absent(Exception):
    """A package required by a contender is not installed."""


class Failed(Exception):
    """A contender ended with an error."""


class Worker:
    """Process of a contender (module and key of its `TASKS`); leaving the context ends it."""

    def __init__(self, module: str, task: str, options: dict[str, Any], *, threads: int):
        spec = json.dumps({"module": module, "task": task, "options": options})
        # Remains open while the process runs.
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
        """Waits until the contender is ready; returns its facts.

        Raises:
            Absent: It requires a package that is not installed.
            Failed: It ended with an error.
        """
        reply = self._read()
        if "absent" in reply:
            raise Absent(reply["absent"])
        return reply["facts"]

    def round(self, steps: int) -> Sample:
        """Runs a number of steps as one round.

        Raises:
            Failed: The contender ended with an error.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{steps}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # reading the missing reply reports the cause
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
    """Environment of the worker: equal numbers of threads for all frameworks, no accelerator."""
    count = str(threads)
    chosen = {"OMP_NUM_THREADS": count, "TF_NUM_INTRAOP_THREADS": count}
    path = os.pathsep.join(map(str, [Path(__file__).parents[2], *filter(None, sys.path)]))
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    return {**os.environ, **chosen, **quiet, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": path}


def peak_bytes() -> int:
    """Peak resident size of this process in bytes."""
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
    """Entry point of the worker; output of libraries goes to the log."""
    with os.fdopen(os.dup(1), "w") as channel:
        os.dup2(2, 1)

        def say(reply: dict[str, Any]) -> None:
            channel.write(json.dumps(reply) + "\n")
            channel.flush()

        _serve(json.loads(sys.argv[1]), say)


if __name__ == "__main__":
    main()
