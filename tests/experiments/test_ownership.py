"""A fold knows what it belongs to: folds of two experiments never stand in one folder."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from fake_run import fold_dir, record, write_run
from filelock import FileLock

from lus_keras import __version__
from lus_keras.core.environment import start_tensorflow
from lus_keras.core.errors import ConfigError, RunError
from lus_keras.evaluation.run_record import (
    Fingerprint,
    VariantRecord,
    read_done,
    read_run,
    vouch,
    write_record,
)
from lus_keras.evaluation.run_record.done import vouch_further
from lus_keras.experiments import checkpoint
from lus_keras.experiments.checkpoint import Checkpoint
from lus_keras.experiments.report import write_report

start_tensorflow()

from lus_keras.core.config import load  # noqa: E402
from lus_keras.data.splits import Fold  # noqa: E402
from lus_keras.experiments.training.fold import FoldJob  # noqa: E402
from lus_keras.experiments.training.marks import is_done, refuse_foreign, tidy  # noqa: E402

MARK = Fingerprint(
    settings={"fit": {"epochs": 2, "learning_rate": 0.1}, "label_column": "b_lines"},
    seed=0,
    precision="float32",
    split="5" * 64,
    data="d" * 64,
    versions={"keras": "3.15.1"},
    backend="tensorflow",
    lus_keras=__version__,
)
CHANGES = {
    "seed": ({"seed": 1}, "seed was 1, is now 0."),
    "data": ({"data": "e" * 64}, "data was 'eee"),
    "split": ({"split": "6" * 64}, "split was '666"),
    "code": ({"lus_keras": "0.0.9"}, f"lus_keras was '0.0.9', is now {__version__!r}."),
    "settings": ({"settings": {"fit": {"epochs": 3}}}, "fit.epochs was 3, is now 2."),
    "model": ({"model": "c3d_a"}, "model was 'c3d_a', is now 'c2d_a'."),
    "fold": ({"fold": "fold_1"}, "fold was 'fold_1', is now 'fold_0'."),
}


def job_in(folder, mark=MARK):
    return FoldJob(
        folder=folder,
        model="c2d_a",
        fold=Fold(0, ("a",), ("b",)),
        fit=load("bline").fit,
        seed=0,
        description={},
        fingerprint=mark.of_fold("c2d_a", "fold_0"),
    )


def state(mark):
    return Checkpoint(1, [np.zeros(3, np.float32)], [], [{"epoch": 1}], mark)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("where", ["DONE", "checkpoint_b.npz", "best.npz"])
def test_results_of_another_experiment_are_refused_with_both_sides_named(tmp_path, change, where):
    changes, message = CHANGES[change]
    job = job_in(tmp_path)
    other = job.fingerprint.model_copy(update=changes)
    if where == "DONE":
        (tmp_path / "predictions.csv").write_text("x")
        vouch(tmp_path, ["predictions.csv"], other)
    elif where == "best.npz":
        checkpoint.save_best(tmp_path, [np.zeros(3)], other)
    else:
        checkpoint.save(tmp_path, state(other))
    with pytest.raises(ConfigError) as error:
        refuse_foreign([job])
    assert f"{tmp_path / where}: {message}" in str(error.value)
    assert "--out" in str(error.value)


def test_own_results_and_those_that_say_nothing_are_accepted(tmp_path):
    job = job_in(tmp_path)
    checkpoint.save(tmp_path, state(job.fingerprint))
    checkpoint.save_best(tmp_path, [np.zeros(3)])
    (tmp_path / "predictions.csv").write_text("x")
    # As version 1 wrote it.
    (tmp_path / "DONE").write_text('{"sha256": {}}')
    refuse_foreign([job])
    vouch(tmp_path, ["predictions.csv"], job.fingerprint)
    refuse_foreign([job])
    assert is_done(tmp_path)
    assert checkpoint.load(tmp_path).fingerprint == job.fingerprint
    assert read_done(tmp_path).fingerprint == job.fingerprint


def test_a_mark_vouches_for_a_file_that_was_made_later_and_for_no_edit(tmp_path):
    for name in ("predictions.csv", "later.npz"):
        (tmp_path / name).write_text(name)
    vouch(tmp_path, ["predictions.csv"], MARK)
    (tmp_path / "predictions.csv").write_text("edited")
    vouch_further(tmp_path, "later.npz")
    assert set(read_done(tmp_path).sha256) == {"predictions.csv", "later.npz"}
    assert read_done(tmp_path).fingerprint == MARK
    assert not is_done(tmp_path)


LITTER = (
    *("checkpoint_a.npz", "checkpoint_b.npz", "best.npz", "error.log", "DIVERGED.json"),
    *(".tmp-1-ab-model.json", ".tmp-1-ab-best.npz"),
)


def test_what_killed_processes_left_beside_a_finished_fold_is_cleared(tmp_path):
    kept = ("predictions.csv", "history.csv")
    for name in (*kept, *LITTER):
        (tmp_path / name).write_text(name)
    vouch(tmp_path, kept, MARK)
    with FileLock(tmp_path / ".lock"):
        tidy(tmp_path)  # another process is at work
        assert all((tmp_path / name).is_file() for name in LITTER)
    tidy(tmp_path)
    left = {path.name for path in tmp_path.iterdir()} - {".lock"}
    assert left == {*kept, "DONE"}


def test_half_written_files_of_a_killed_report_are_cleared_by_the_next(tmp_path):
    run = write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4)
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], check=True,
                           capture_output=True, text=True).stdout.strip()  # fmt: skip
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        for folder in ("report", "report/tables", "report/figures"):
            (run / folder).mkdir(exist_ok=True)
            (run / folder / f".tmp-{ended}-ab-index.html").write_text("half")
            (run / folder / f".tmp-{other.pid}-ab-index.html").write_text("being written")
        write_report(run)
        found = sorted(path.name for path in (run / "report").rglob(".tmp-*"))
        assert found == [f".tmp-{other.pid}-ab-index.html"] * 3
        other.communicate(b"\n")


@pytest.fixture
def run(tmp_path):
    """A run whose folds say what they belong to."""
    path = write_run(tmp_path / "run", models=("c2d_lstm",), folds=2, patients=4)
    write_record(
        path, record(("c2d_lstm",), 2, variants={"": VariantRecord(folds=2, fingerprint=MARK)})
    )
    for fold in (0, 1):
        remark(path, fold)
    return path


def remark(path, fold, **changes):
    folder = fold_dir(path, "c2d_lstm", fold)
    mark = MARK.of_fold("c2d_lstm", f"fold_{fold}").model_copy(update=changes)
    vouch(folder, read_done(folder).sha256, mark)


def test_a_report_refuses_a_fold_of_another_run(run):
    write_report(run)
    remark(run, 1, seed=7)
    with pytest.raises(RunError, match=r"seed was 0, is now 7\.") as error:
        read_run(run)
    assert str(fold_dir(run, "c2d_lstm", 1) / "DONE") in str(error.value)
    assert "fold_0" not in str(error.value)


def test_a_report_refuses_a_fold_that_was_copied_from_another_one(run):
    folder = fold_dir(run, "c2d_lstm", 0)
    done = (folder / "DONE").read_text().replace("fold_0", "fold_1")
    (folder / "DONE").write_text(done)
    with pytest.raises(RunError, match=r"fold was 'fold_0', is now 'fold_1'"):
        read_run(run)


def test_a_report_reads_results_of_another_version_and_says_which(run):
    remark(run, 1, lus_keras="0.0.9", versions={"keras": "3.14.0"})
    write_report(run)
    said = f"Trained by lus_keras 0.0.9, reported by {__version__}: C2D+LSTM."
    for name in ("report.md", "index.html"):
        assert said in (run / "report" / name).read_text()


# A busy machine takes minutes to start TensorFlow.
PATIENCE_S = 900
COMMAND = ("reproduce", "bline/table1", "--preset", "smoke", "--model", "c2d_lstm")


def test_a_run_that_has_started_owns_its_folder(tmp_path):
    """Two runs of two seeds, with real workers: the second is refused before the first trains."""

    def start(seed):
        options = ("--workers", "2", "--seed", seed, "--out", str(tmp_path / "run"))
        command = [sys.executable, "-m", "lus_keras.cli", *COMMAND, *options]
        return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    first = start("0")
    try:
        until = time.monotonic() + PATIENCE_S
        # It is written after run.json, and both before any worker starts.
        while not (tmp_path / "run" / "split.json").exists() and time.monotonic() < until:
            assert first.poll() is None, first.communicate()
            time.sleep(0.05)
        split = (tmp_path / "run" / "split.json").read_text()
        second = start("1")
        _, said = second.communicate(timeout=PATIENCE_S)
        assert second.returncode == 2
        assert "seed was 0, is now 1." in said and "holds a different run" in said
        assert json.loads((tmp_path / "run" / "run.json").read_text())["seed"] == 0
        assert (tmp_path / "run" / "split.json").read_text() == split
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate()
