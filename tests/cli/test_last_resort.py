"""Errors that nothing foresaw are one line with cause, place, remedy and the documented code."""

import errno
import itertools
import os
import resource
import signal
import subprocess
import sys
import zlib

import click
import pytest
from click.testing import CliRunner
from fake_run import fold_dir, revouch, write_run
from ruamel.yaml.error import YAMLError

from lus_keras.cli import main
from lus_keras.cli.options import Output
from lus_keras.core.errors import ConfigError
from lus_keras.core.files import atomic_write
from lus_keras.core.safe_text import printable


def call(*arguments):
    return CliRunner().invoke(main, [str(part) for part in arguments])


def one_line(result, code, *words):
    assert result.exit_code == code, result.output
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ") and "Traceback" not in line
    assert all(word in line for word in words), line


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run", models=("c2d_a",), folds=2, patients=4)


ERRORS = {
    "disk": (OSError(errno.ENOSPC, "No space left", "x/a.csv"), 4, "x/a.csv: the disk is full"),
    "rights": (
        PermissionError(errno.EACCES, "denied", "x/a"),
        4,
        "x/a: permission denied to read or",
    ),
    "long": (OSError(errno.ENAMETOOLONG, "too long", "x" * 250), 3, "Shorten the id"),
    "absent": (FileNotFoundError(errno.ENOENT, "No such file", "x/a"), 3, "Check the path"),
    "unknown": (OSError("odd"), 4, "finished work is kept"),
    "memory": (MemoryError(), 4, "--set fit.batch_size="),
    "text": (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), 3, "Save it as UTF-8"),
    "zlib": (zlib.error("Error -3 while\ndecompressing"), 3, "a compressed file is damaged"),
    "yaml": (YAMLError("odd"), 2, "not valid YAML"),
    "nested": (RecursionError("maximum depth"), 3, "nested too deeply"),
    "zero byte": (ValueError("embedded null byte"), 3, "a file name contains a zero byte"),
    "loop": (RuntimeError("Symlink loop from 'x/a'"), 3, "'x/a': a symbolic link refers to itself"),
    "no name": (ValueError("PosixPath('.') has an empty name"), 2, "Give a file name"),
    "fault": (KeyError("clip"), 1, "This is a bug in lus_keras"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_any_error_is_one_line_and_a_traceback_only_if_asked_for(monkeypatch, run, name):
    error, code, words = ERRORS[name]

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("lus_keras.experiments.report.write_report", fail)
    one_line(call("report", run), code, words)
    debugged = call("--debug", "report", run)
    assert debugged.exception is error and debugged.stderr == ""


def test_a_reader_that_hung_up_is_no_error_of_ours(monkeypatch, run):
    def fail(*_, **__):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("lus_keras.experiments.report.write_report", fail)
    assert call("report", run).stderr == ""


@pytest.fixture
def small_disk():
    """No file may exceed 2,000 bytes meanwhile: the system's writes fail as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, limits[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_the_report_that_was_there(run, small_disk):
    assert call("report", run).exit_code == 0
    before = {path: path.read_bytes() for path in (run / "report").rglob("*") if path.is_file()}
    small_disk()
    one_line(call("report", run), 4, "the disk is full", "run the same command again")
    after = {path: path.read_bytes() for path in (run / "report").rglob("*") if path.is_file()}
    assert after == before


# Each stands for ten of the one before: ten billion values, which no message may spell out.
ALIASES = ", ".join(
    f"&{name} [{','.join([f'*{before}'] * 10)}]"
    for before, name in itertools.pairwise("abcdefghij")
)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("!!float abc", "could not convert"),
        ("9" * 5000, "digits"),
        ("[" * 200 + "]" * 200, "nested too deeply|must be"),
        ("!!python/object:os.system x", "could not determine a constructor"),
        ("{", "expected"),
        ("&a [*a]", "expand to more than 100,000 values"),
        ("!!bool maybe", "maybe"),
        ("[&a [x,x,x,x,x,x,x,x,x,x], " + ALIASES + "]", "expand to more than 100,000 values"),
    ],
)
def test_values_that_cannot_be_read_are_told_in_one_line(value, reason):
    result = call("reproduce", "bline/table1", "--dry-run", "--set", f"fit.epochs={value}")
    one_line(result, 2, "--set fit.epochs=")
    assert any(part in result.stderr for part in reason.split("|"))
    assert len(result.stderr) < 500


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("history.csv", b'epoch,loss\n1,"0.5\n2,0.4\n'),
        ("history.csv", b""),
        ("history.csv", b"[]"),
        ("history.csv", b"\xff\xfe\x00"),
        ("attention.npz", b"PK\x03\x04 and nothing"),
        ("attention.npz", b""),
    ],
)
def test_damaged_results_are_named_even_where_their_mark_agrees(run, name, content):
    path = fold_dir(run, "c2d_a", 1) / name
    path.write_bytes(content)
    revouch(path.parent)
    one_line(call("report", run), 4, str(path))


def test_every_byte_of_a_compressed_array_may_be_wrong(run):
    path = fold_dir(run, "c2d_a", 0) / "attention.npz"
    content = path.read_bytes()
    for place in range(0, len(content), 997):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        result = call("report", run)
        assert result.exit_code == 4 and "Traceback" not in result.stderr
        assert f"{path}: was changed after the fold finished" in result.stderr


def test_a_name_as_long_as_a_disk_allows_is_written(tmp_path):
    path = tmp_path / ("v" * 250 + ".csv")
    with atomic_write(path) as temporary:
        temporary.write_text("x")
        assert temporary.suffix == ".csv"
    assert path.read_text() == "x"
    with pytest.raises(OSError, match="too long"), atomic_write(tmp_path / ("v" * 256)) as other:
        other.write_text("x")


def test_what_a_message_quotes_does_not_flood_the_terminal(tmp_path):
    path = tmp_path / "deep.json"
    path.write_text("[" * 100_000)
    result = call("data", "split", path, "--label", "b_lines", "--out", tmp_path / "s.json")
    assert result.exit_code == 3 and len(result.stderr) < 5_000
    assert f"{path}, row 1: unknown column '[[[" in result.stderr
    assert "[[['. Known columns: video" in result.stderr


def test_output_that_is_not_utf8_shows_question_marks():
    code = "from lus_keras.cli import main; main(['reproduce', '--help'])"
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"figure1, ?, all" in done.stdout


def test_what_would_steer_a_terminal_is_shown_as_its_code():
    assert printable("a\x1b[31mb\r\nü …") == "a\\x1b[31mb\\r\nü …"


STOPPED = """
import os, signal, threading, time
from lus_keras.core import signals

signals.quiet_when_stopping()
gate = threading.Event()

def work():
    gate.wait()
    raise RuntimeError("torn apart")

thread = threading.Thread(target=work)
thread.start()
try:
    with signals.stopping_on_signals():
        if {stops}:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
except KeyboardInterrupt:
    pass
gate.set()
thread.join()
"""


@pytest.mark.parametrize("stops", [True, False])
def test_a_thread_that_a_stop_tears_apart_shows_no_traceback(stops):
    code = STOPPED.format(stops=stops)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert ("torn apart" in done.stderr) is not stops


AT_ONCE = """
import sys
from lus_keras.cli import main
try:
    main(sys.argv[1:])
finally:
    assert not {"tensorflow", "keras"} & set(sys.modules)
"""


NAME = "bline/c2d_lstm_a"
TABLE = ("reproduce", "bline/table1")
# Settings of networks are checked against their builders, which takes Keras; paths come first.
SET = (*TABLE, "--set", "model.dropout=0.3")
IN_A_FILE = f"{sys.executable}/x"
REFUSED = "is a file. Choose another folder."
EXPLAIN = ("explain", NAME, "exam.avi", "--out", "x")
EXPORT = ("export", NAME)


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("predict", "nowhere", "exam.avi"), 4, "nowhere: is not a folder. Give a run directory"),
        (("explain", "nowhere", "exam.avi", "--out", "x"), 4, "nowhere: is not a folder."),
        (("export", "nowhere", "--out", "x"), 4, "nowhere: is not a folder."),
        (("export", "nowhere", "--as", "../x"), 2, "--as ../x: must be PAPER/NAME"),
        (("predict", "bline/c2d_lstm_b", "exam.avi"), 4, "Did you mean 'bline/c2d_lstm_a'?"),
        (("predict", "bline/c2d_lstm_a", "exam.avi", "--fold", "99"), 2, "has no fold_99"),
        (("predict", "bline/c2d_lstm_a", "exam.avi"), 3, "exam.avi: cannot be read (No such file"),
        ((*EXPLAIN, "--method", "smoth"), 2, "unknown method 'smoth'. Did you mean 'smooth'?"),
        ((*EXPLAIN, "--class", "b line"), 2, "has no class 'b line'."),
        ((*EXPORT, "--out", "x", "--format", "onxx"), 2, "format 'onxx'. Did you mean 'onnx'?"),
        ((*EXPORT, "--out", IN_A_FILE), 2, REFUSED),
        ((*EXPORT, "--as", "a/b", "--into", IN_A_FILE), 2, REFUSED),
        (
            (*EXPORT, "--as", "a/b", "--measured", "nowhere"),
            4,
            f"nowhere: has no results of {NAME}",
        ),
        (("explain", NAME, sys.executable, "--out", IN_A_FILE), 2, REFUSED),
        (("predict", NAME, sys.executable, "--out", IN_A_FILE), 2, REFUSED),
        (("report", "nowhere"), 4, "nowhere/run.json: cannot be read"),
        (("report", "nowhere", "--archive", IN_A_FILE), 2, REFUSED),
        ((*TABLE, "--out", IN_A_FILE), 2, REFUSED),
        ((*TABLE, "--split", "no.json"), 3, "no.json: not a split file"),
        ((*TABLE, "--config", "no.yaml"), 2, "--config no.yaml: cannot be read"),
        ((*TABLE, "--network", "no.py:f"), 2, "no.py is not a file"),
        ((*SET, "--data", "no.csv"), 3, "no.csv: cannot be read"),
        ((*SET, "--split", "no.json"), 3, "no.json: not a split file"),
        ((*SET, "--data", "pocus", "--root", "nowhere"), 3, "pocus: no folder with"),
        (("data", "check", "no.csv"), 3, "no.csv: cannot be read"),
        (("data", "simulate", "--out", IN_A_FILE), 2, REFUSED),
        (("benchmark", "--out", IN_A_FILE), 2, REFUSED),
        (("benchmark", "--update", "--out", "nowhere"), 2, "nowhere/benchmark.json: cannot be upd"),
        (("cost", "--paper", "blin"), 2, "unknown paper 'blin'. Did you mean 'bline'?"),
    ],
)
def test_a_wrong_path_is_told_before_tensorflow_is_loaded(tmp_path, command, code, words):
    arguments = [sys.executable, "-c", AT_ONCE, *command]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ") and words in line
    assert list(tmp_path.iterdir()) == []


# Paths that are read; all others are written to.
READ = {
    *("run", "videos", "video", "manifest", "source", "files", "folder", "root", "config", "split"),
    *("measured", "own_copy", "saved", "project", "annotated", "key", "sheet", "table", "verify"),
}


def commands(group):
    for command in group.commands.values():
        yield from commands(command) if isinstance(command, click.Group) else [command]


def test_every_path_that_is_written_to_is_checked_as_it_is_parsed():
    options = [
        (command.name, option)
        for command in commands(main)
        for option in command.params
        if isinstance(option.type, click.Path)
    ]
    written = [(name, option) for name, option in options if option.name not in READ]
    assert {option.name for _, option in written} > {"out", "to", "into", "fix", "archive"}
    for name, option in written:
        assert isinstance(option.type, Output), (name, option.name)
        with pytest.raises(ConfigError, match=REFUSED):
            option.type.convert(IN_A_FILE, option, None)
    assert not any(isinstance(option.type, Output) for _, option in options if option.name in READ)


def test_a_path_to_write_to_need_not_exist_and_is_not_made(tmp_path):
    for path in (tmp_path / "a" / "b" / "x", tmp_path / "x"):
        assert Output(is_file=True).convert(str(path), None, None) == path
        assert Output(is_file=False).convert(str(path), None, None) == path
    (tmp_path / "x").touch()
    assert Output(is_file=True).convert(str(tmp_path / "x"), None, None) == tmp_path / "x"
    with pytest.raises(ConfigError, match=REFUSED):
        Output(is_file=False).convert(str(tmp_path / "x"), None, None)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
