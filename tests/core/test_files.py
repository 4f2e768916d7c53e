"""A file is whole or untouched, whatever stops its writer."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.core.files import (
    atomic_write,
    read_json,
    read_text,
    sha256_of,
    unfinished_path,
    write_file,
)
from lus_keras.models.pretrained.registry import Entry, write_entry


def test_a_finished_block_replaces_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new" / "table.csv"
    for text in ("first", "second"):
        with atomic_write(path) as temporary_path:
            temporary_path.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_an_error_in_the_block_keeps_the_old_file_and_removes_the_new(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), atomic_write(path) as temporary_path:
        temporary_path.write_text("half")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_can_be_read_until_the_block_ends(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with atomic_write(path) as temporary_path:
        temporary_path.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_block_that_writes_no_file_is_an_error(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass
    assert path.read_text() == "old"


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    """The inner writer ends first, so the outer one wins; neither sees the other's text."""
    path = tmp_path / "table.csv"
    with atomic_write(path) as outer:
        outer.write_text("outer")
        with atomic_write(path) as inner:
            assert inner != outer
            inner.write_text("inner")
        assert path.read_text() == "inner"
    assert path.read_text() == "outer"


@pytest.mark.parametrize("name", ["model.weights.h5", "clip.avi", "DONE"])
def test_the_temporary_name_ends_as_the_final_one(tmp_path, name):
    """Keras and FFmpeg choose their format by the suffix."""
    with atomic_write(tmp_path / name) as temporary_path:
        assert temporary_path.name.endswith(name)
        assert temporary_path.parent == tmp_path
        temporary_path.touch()


def test_a_full_disk_keeps_the_old_file(tmp_path):
    """A limit of 1,000 bytes a file stands in for a full disk."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "table.csv"
    path.write_text("old")
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
        with pytest.raises(OSError, match="too large"), atomic_write(path) as temporary_path:
            temporary_path.write_bytes(b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    content = bytes(range(256)) * 10_000
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()


@pytest.fixture
def ended():
    """Number of a process that has ended."""
    code = "import os; print(os.getpid())"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    ).stdout.strip()


def test_what_a_killed_process_left_is_cleared_by_the_next_that_writes(tmp_path, ended):
    machine = unfinished_path(tmp_path / "x").name.split("-")[2][:4]
    other = f"{(int(machine, 16) + 1) % 16**4:04x}"
    gone = [f".tmp-{ended}-{machine}01234567-m.csv", f".tmp-{ended}-01234567-m.csv"]
    kept = [
        f".tmp-{os.getpid()}-{machine}01234567-m.csv",  # being written
        f".tmp-{ended}-{other}01234567-m.csv",  # of another machine
        *(".tmp-notes", f".tmp-{ended}-notes", "m.csv"),
    ]
    for name in (*gone, *kept):
        (tmp_path / name).write_text("half")
    for folder in (f".tmp-{ended}-{machine}01234567-model", f".tmp-{ended}-ab-mine"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "part").write_text("half")
    write_file(tmp_path / "m.csv", "whole")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*kept, f".tmp-{ended}-ab-mine"}
    assert (tmp_path / "m.csv").read_text() == "whole"


def test_a_registration_that_was_killed_leaves_no_folder_for_long(tmp_path, ended):
    out = tmp_path / "mine" / "c2d"
    left = unfinished_path(out)
    left = left.with_name(left.name.replace(f"-{os.getpid()}-", f"-{ended}-"))
    left.mkdir(parents=True)
    (left / "fold_0.safetensors").write_bytes(b"half")
    entry = Entry(name="mine/c2d", title="", description={}, contract={}, parameters=2)
    files = write_entry(tmp_path, entry, {"fold_0.safetensors": {"w": np.zeros(2)}}, "card")
    assert [path.name for path in files] == ["card.md", "entry.json", "fold_0.safetensors"]
    assert [path.name for path in out.parent.iterdir()] == ["c2d"]


def test_a_long_name_of_any_letters_is_written(tmp_path):
    """File systems count bytes: 84 letters of three bytes are as long as a name may be."""
    for name in ("超" * 80 + ".csv", "é" * 120 + ".csv", "v" * 251 + ".csv"):
        write_file(tmp_path / name, "x")
        assert (tmp_path / name).read_text() == "x"


@pytest.mark.parametrize("read", [read_text, read_json])
def test_a_device_is_not_read_without_end(read):
    with pytest.raises(OSError, match="is a device, not a file"):
        read(Path("/dev/zero"))


@pytest.mark.parametrize(
    "words",
    [
        ["data", "check", "/dev/zero"],
        ["reproduce", "bline/table1", "--data", "/dev/zero", "--dry-run"],
        ["reproduce", "bline/table1", "--config", "/dev/zero", "--dry-run"],
    ],
)
def test_a_device_for_a_file_ends_in_one_line(words):
    result = CliRunner().invoke(main, words)
    assert result.exit_code in (2, 3), result.output
    assert "/dev/zero" in result.stderr and "Traceback" not in result.stderr


def test_a_pipe_or_a_device_is_never_replaced(tmp_path):
    """As root, a rename onto /dev/null takes it from every program of the machine."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(FileExistsError, match="is a device, a pipe or a socket, not a file"):
            write_file(tmp_path / name, "x")
    assert (tmp_path / "pipe").is_fifo() and (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]
