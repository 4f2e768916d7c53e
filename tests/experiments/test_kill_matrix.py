"""Runs that are killed again and again end as one that nobody disturbed, and leave nothing behind.

Three kills, one of each kind, are part of every test run. LUS_KERAS_KILLS=25 makes it so many, at
random times, over two B-line networks and one of sliding; LUS_KERAS_KILL_SEED draws other times.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS = int(os.environ.get("LUS_KERAS_KILLS", "3"))
SEED = int(os.environ.get("LUS_KERAS_KILL_SEED", "0"))
KINDS = ("parent", "worker", "all")
BLINE = ("bline/table1", "--model", "c2d_a", "--model", "c2d_lstm")
SLIDING = ("sliding/figure5", "--model", "resnet3d_18")
COMMON = ("--preset", "smoke", "--set", "fit.epochs=3", "--workers", "2")
# A busy machine takes minutes to start TensorFlow.
PATIENCE_S = 500
END_S = 30
_PROGRESS = re.compile(r"\d+/\d+  ")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc"),
    pytest.mark.timeout(PATIENCE_S * (KILLS + 2)),
]


def start(targets, out):
    """Starts a run in a process group of its own; its output is in `out`'s log."""
    arguments = [sys.executable, "-m", "lus_keras.cli", "reproduce", *targets, *COMMON]
    with log_of(out).open("w") as log:
        return subprocess.Popen(
            [*arguments, "--out", str(out)], stdout=log, stderr=log, start_new_session=True
        )


def log_of(out):
    return out.with_name(f"{out.name}.log")


def members(group):
    """Processes of a group, by number, that hold memory or locks: zombies do not."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state != "Z":
                found[int(path.parent.name)] = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
    return found


def finish(targets, out):
    process = start(targets, out)
    assert process.wait(PATIENCE_S) == 0, log_of(out).read_text()
    wait_for_the_end(process.pid)


def wait_for_the_end(group):
    until = time.monotonic() + END_S
    while members(group) and time.monotonic() < until:
        time.sleep(0.1)
    assert not members(group), "orphans are left"


def kill(process, kind):
    """Kills the process that was started alone, one that trains, or all; returns who was killed."""
    group = members(process.pid)
    workers = [number for number, line in group.items() if b"spawn_main" in line]
    chosen = {"parent": [process.pid], "worker": workers[:1], "all": list(group)}[kind]
    for number in chosen:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait(PATIENCE_S)
    wait_for_the_end(process.pid)
    return chosen


def kill_after(process, out, kind, lines, delay_s):
    """Kills a run some time after it has told of so many epochs; False if it has ended before."""
    until = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        if len(_PROGRESS.findall(log_of(out).read_text())) >= lines:
            time.sleep(delay_s)
            return process.poll() is None and bool(kill(process, kind))
        time.sleep(0.05)
    process.wait(PATIENCE_S)
    return False


def content(out):
    """Names of all files, and the bytes of those that hold results."""
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    results = ("report/results.json", "predictions.csv")
    return {n: path.read_bytes() if n.endswith(results) else b"" for n, path in files.items()}


def draw(rng, number, *, few):
    if few:
        return KINDS[number % len(KINDS)], 2, 0.0
    return rng.choice(KINDS), rng.randint(0, 4), rng.uniform(0, 4)


@pytest.mark.parametrize("targets", [BLINE, SLIDING], ids=["bline", "sliding"])
def test_killed_runs_end_in_the_results_of_an_undisturbed_one(targets, tmp_path):
    few = len(KINDS) >= KILLS
    # A third of the kills are of sliding, whose networks take longer; none where there are few.
    kills = KILLS // 3 if targets is SLIDING else KILLS - (0 if few else KILLS // 3)
    if few and targets is SLIDING:
        pytest.skip("LUS_KERAS_KILLS asks for few kills: those of sliding are NOT tested")
    finish(targets, tmp_path / "undisturbed")
    expected = content(tmp_path / "undisturbed")
    rng, killed, rounds = random.Random(SEED), [], 0
    while len(killed) < kills:
        out, ended = tmp_path / f"run{rounds}", False
        while not ended and len(killed) < kills:
            process = start(targets, out)
            how = draw(rng, len(killed), few=few)
            if kill_after(process, out, *how):
                killed.append(how)
                print(f"kill {len(killed)} of {kills} in run {rounds}: {how}", flush=True)
            else:
                ended = process.returncode == 0
                assert ended, log_of(out).read_text()
        finish(targets, out)
        assert content(out) == expected
        rounds += 1
    print(f"{len(killed)} kills in {rounds} runs")
    cache = Path(os.environ["LUS_KERAS_CACHE"]) / "frames"
    assert not list(cache.glob(".tmp-*"))
