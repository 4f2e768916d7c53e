"""A child that crashes, hangs or swells costs one message, and the others go on."""

import gc
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest

from lus_keras.core.child_process import Child
from lus_keras.core.errors import LusKerasError, VideoError
from lus_keras.core.sandbox import ChildDied, Limits, run_isolated, start_ahead, stream_isolated

LIMITS = Limits(memory_bytes=2 << 30, cpu_s=1, wall_s=120)


def behave(text):
    """Runs in the child: does what the text says."""
    if text == "abort":
        os.abort()
    if text == "exit":
        os._exit(7)
    if text == "spin":
        while True:
            pass
    if text == "sleep":
        time.sleep(60)
    if text.startswith("/"):
        Path(text).write_text(str(os.getpid()))
        time.sleep(600)
    if text == "swell":
        return {"bytes": len(bytearray(8 << 30))}
    if text == "babble":
        # A child that was taken over holds the same pipe and may send anything.
        for connection in (o for o in gc.get_objects() if isinstance(o, Connection)):
            connection.send_bytes(b"\x80\x04not json")
    if text == "refuse":
        raise VideoError("v.avi: is broken. Mend it.")
    return {"text": text, "pid": os.getpid(), "place": str(Path.cwd())}


def test_each_death_is_told_and_the_next_call_gets_a_new_worker():
    texts = ["one", "abort", "two", "exit", "spin", "swell", "refuse", "three"]
    outcomes = run_isolated(behave, texts, limits=LIMITS)
    one, aborted, two, ended, spun, swelled, refused, three = outcomes
    assert [one["text"], two["text"], three["text"]] == ["one", "two", "three"]
    assert aborted == "crashed the process that decoded it (SIGABRT)."
    assert ended == "ended the process that decoded it (exit code 7)."
    assert spun == "took more than 1 s of processor time."
    assert swelled == "needs more than 2.1 GB of memory."
    assert refused == "v.avi: is broken. Mend it."
    assert one["pid"] != two["pid"] != three["pid"] != os.getpid()


def test_an_answer_that_is_no_json_is_never_interpreted():
    outcomes = run_isolated(behave, ["babble", "next"], limits=LIMITS)
    assert outcomes[0] == "returned no readable result." and outcomes[1]["text"] == "next"


def test_what_only_waits_is_killed_in_time():
    start = time.perf_counter()
    limits = Limits(wall_s=1)
    assert run_isolated(behave, ["sleep"], limits=limits) == ["took longer than 1 s."]
    assert time.perf_counter() - start < 20


def test_processor_time_is_counted_for_each_call_anew():
    """Four calls of 0.4 s each pass a limit of 1 s, though the child uses 1.6 s."""
    outcomes = run_isolated(burn, ["0.4"] * 4, limits=LIMITS)
    assert [outcome["pid"] for outcome in outcomes] == [outcomes[0]["pid"]] * 4


def burn(text):
    """Runs in the child: uses processor time."""
    until = time.process_time() + float(text)
    while time.process_time() < until:
        pass
    return {"pid": os.getpid()}


def test_two_workers_keep_the_order_and_names_outside_unicode():
    texts = [f"v{number}" for number in range(6)] + [os.fsdecode(b"\xff.avi")]
    done = []
    outcomes = run_isolated(
        behave, texts, workers=2, progress=lambda count, total: done.append((count, total))
    )
    assert [outcome["text"] for outcome in outcomes] == texts
    assert done == [(count, 7) for count in range(1, 8)]


def test_nothing_to_do_starts_no_worker():
    assert run_isolated(behave, []) == []


def count(text):
    """Runs in the child: counts in arrays of a growing size, and dies as the text says."""
    for number in range(1, 1000):
        if number == 3 and text == "refuse":
            raise VideoError("v.avi: is broken. Mend it.")
        if number == 3 and text == "swell":
            bytearray(8 << 30)
        if number == 3 and text != "count":
            behave(text)
        yield np.full((number, 20, 30), number % 256, np.uint8)
        yield {"pid": os.getpid()}


def test_arrays_come_in_order_while_the_child_works_on():
    parts = list(stream_isolated(count, "count", limits=LIMITS))
    assert len({part["pid"] for part in parts[1::2]} - {os.getpid()}) == 1
    assert [part.shape for part in parts[::2]] == [(n, 20, 30) for n in range(1, 1000)]
    assert all((part == n % 256).all() for n, part in enumerate(parts[::2], start=1))


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("abort", ChildDied, "crashed the process that decoded it (SIGABRT)."),
        ("exit", ChildDied, "ended the process that decoded it (exit code 7)."),
        ("spin", ChildDied, "took more than 1 s of processor time."),
        ("babble", ChildDied, "returned no readable result."),
        ("swell", LusKerasError, "needs more than 2.1 GB of memory."),
        ("refuse", LusKerasError, "v.avi: is broken. Mend it."),
    ],
)
def test_a_stream_gives_what_came_before_its_end_and_the_next_is_served(text, kind, message):
    taken = []
    with pytest.raises(kind) as caught:
        for part in stream_isolated(count, text, limits=LIMITS):
            taken.append(part)
    assert str(caught.value) == message
    assert len(taken) == 4
    assert next(stream_isolated(count, "count", limits=LIMITS)).shape == (1, 20, 30)


def test_streams_that_are_left_early_and_side_by_side_keep_their_children():
    start_ahead(count)
    pids = set()
    for _ in range(3):
        one, two = (stream_isolated(count, "count", limits=LIMITS) for _ in range(2))
        for stream in (one, two):
            next(stream)
        pids |= {next(stream)["pid"] for stream in (one, two)}
        one.close()
        two.close()
    assert len(pids) == 2


UNGUARDED = """
from test_isolation import count
from lus_keras.core.sandbox import stream_isolated
print(next(stream_isolated(count, "count")).shape)
"""


def test_a_script_needs_no_guard_against_being_imported_by_its_children(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    tests = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    found = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        env={**os.environ, "PYTHONPATH": tests},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == "(1, 20, 30)\n"


INTERRUPTED = """
import sys
from test_isolation import behave
from lus_keras.core.sandbox import run_isolated
try:
    run_isolated(behave, sys.argv[1:], workers=2)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_ends_the_workers_at_once(tmp_path):
    files = [tmp_path / "a", tmp_path / "b"]
    tests = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    parent = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *map(str, files)],
        env={**os.environ, "PYTHONPATH": tests},
        stdout=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not all(file.exists() and file.read_text() for file in files):
        assert time.monotonic() < until
        time.sleep(0.05)
    parent.send_signal(signal.SIGINT)
    assert parent.communicate(timeout=60)[0] == "interrupted\n"
    for file in files:
        assert not Path("/proc", file.read_text()).exists()


def test_paths_are_relative_to_the_working_directory_of_each_call(tmp_path, monkeypatch):
    """The child that waits was started somewhere else."""
    child = Child(behave, LIMITS)
    child.start()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        assert child.call("hello")["place"] == str(tmp_path / name)
    child.close()
