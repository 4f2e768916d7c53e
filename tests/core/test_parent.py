"""Children end with the process that started them, however that ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CODE = """
import functools, os, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from lus_keras.core.signals import workers_ignore_interrupts, end_with_parent

if __name__ == "__main__":
    pool = ProcessPoolExecutor(
        2,
        mp_context=get_context("spawn"),
        initializer=functools.partial(end_with_parent, by_signal={by_signal}),
    )
    with workers_ignore_interrupts():
        found = [pool.submit(os.getpid) for _ in range(2)]
    print(*{{future.result() for future in found}}, flush=True)
    busy = [pool.submit(time.sleep, 300) for _ in range(2)]
    time.sleep(300)
"""


def alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    # Nobody may reap orphans where there is no init; a zombie holds neither memory nor locks.
    return state != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
@pytest.mark.parametrize("by_signal", [True, False])
def test_workers_of_a_killed_parent_end_within_seconds(tmp_path, by_signal):
    script = tmp_path / "parent.py"
    script.write_text(CODE.format(by_signal=by_signal))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    try:
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert workers and all(map(alive, workers))
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        until = time.monotonic() + 30
        while any(map(alive, workers)) and time.monotonic() < until:
            time.sleep(0.2)
        assert not any(map(alive, workers))
    finally:
        parent.kill()
        parent.stdout.close()
