"""A fold knows what it belongs to: folds of two experiments never stand in one folder."""

import json
import shutil
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
from lus_keras.core.errors import ConfigError, DataError, RunError
from lus_keras.core.files import write_file, write_json
from lus_keras.evaluation.run_record import (
    Fingerprint,
    VariantRecord,
    read_done,
    read_run,
    vouch,
    write_record,
)
from lus_keras.evaluation.run_record.done import vouch_further
from lus_keras.evaluation.run_record.seeds import read_runs, seed_folder, write_seeds
from lus_keras.evaluation.run_record.store import record_hash
from lus_keras.experiments import checkpoint
from lus_keras.experiments.checkpoint import Checkpoint
from lus_keras.experiments.report import write_report

start_tensorflow()

from lus_keras.core.config import load  # noqa: E402
from lus_keras.data.splits import Fold, Split, write_split  # noqa: E402
from lus_keras.experiments.training.fold import FoldJob  # noqa: E402
from lus_keras.experiments.training.marks import is_done, refuse_foreign, tidy  # noqa: E402
from lus_keras.inference.predict.find import find_network  # noqa: E402

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


def test_what_was_made_later_counts_only_once_a_mark_vouches_for_it(run):
    """Maps of another run laid beside a fold; or a stop between the maps and their mark."""
    folder = fold_dir(run, "c2d_lstm", 0)
    np.savez(folder / "explanations.npz", maps=np.ones(3))
    assert read_run(run)[1]["bline"].model("c2d_lstm").explanations is None
    vouch_further(folder, "explanations.npz")
    assert read_run(run)[1]["bline"].model("c2d_lstm").explanations["maps"].tolist() == [1, 1, 1]


def test_gradients_that_no_mark_knows_are_refused(run):
    path = fold_dir(run, "c2d_lstm", 0) / "gradients.csv"
    path.write_text("epoch,batch,loss\n1,1,0.5\n")
    with pytest.raises(RunError, match=f"{path}: is not listed in DONE"):
        read_run(run)


def test_a_fold_folder_that_was_renamed_is_told_by_its_rows(tmp_path):
    """As version 1 left it, without a word of whose it is."""
    run = write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4)
    fold_dir(run, "c2d_lstm", 1).rename(fold_dir(run, "c2d_lstm", 7))
    path = fold_dir(run, "c2d_lstm", 7) / "predictions.csv"
    with pytest.raises(RunError, match=f"{path}: contains predictions of fold 1. Was the folder"):
        read_run(run)


EDITS = {
    "seed": lambda paper: paper.update(seed=5),
    "preset": lambda paper: paper.update(preset="paper"),
    "threshold": lambda paper: paper["config"]["localisation"].update(threshold=0.4),
    "published": lambda paper: paper["published"]["table1"]["c2d_lstm"].update(f1=0.9),
    "folds": lambda paper: paper.update(folds=1),
    "number": lambda paper: paper["data"].update(patients=500),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_record_that_was_edited_is_refused(run, edit):
    path = run / "run.json"
    content = json.loads(path.read_text())
    EDITS[edit](content["papers"]["bline"])
    path.write_text(json.dumps(content, indent=1))
    with pytest.raises(RunError, match=f"{path}: was changed after it was written"):
        write_report(run)
    # Laid out otherwise, it says the same; and files of before have no hash.
    path.write_text(json.dumps(json.loads(json.dumps(content)) | {"sha256": record_hash(content)}))
    read_run(run)
    del content["sha256"]
    path.write_text(json.dumps(content))
    read_run(run)


HALVES = (Fold(0, ("a", "b"), ("c", "d")), Fold(1, ("c", "d"), ("a", "b")))
OTHERS = (Fold(0, ("a", "c"), ("b", "d")), Fold(1, ("b", "d"), ("a", "c")))


def test_a_report_refuses_folds_that_are_not_the_runs(run):
    mark = MARK.model_copy(update={"split": Split("kfold", 0, HALVES).sha256})
    variants = {"": VariantRecord(folds=2, fingerprint=mark)}
    write_record(run, record(("c2d_lstm",), 2, variants=variants))
    for fold in (0, 1):
        remark(run, fold, split=mark.split)
    path = run / "split.json"
    write_split(path, {"bline": Split("kfold", 0, HALVES)})
    write_report(run)
    write_split(path, {"bline": Split("kfold", 0, OTHERS)})
    with pytest.raises(RunError, match=f"{path}: bline: contains other folds than run.json"):
        write_report(run)
    path.write_text(path.read_text().replace('"a"', '"e"'))
    with pytest.raises(DataError, match="the file was edited"):
        write_report(run)


@pytest.fixture
def seeds(tmp_path):
    """Runs of two seeds that say what they belong to."""
    path = tmp_path / "seeds"
    for seed in (0, 1):
        write_run(seed_folder(path, seed), models=("c2d_lstm",), folds=2, patients=4)
        seed_record(path, seed)
    write_seeds(path, (0, 1), "training")
    return path


def seed_record(path, seed, **changes):
    folder, mark = seed_folder(path, seed), MARK.model_copy(update={"seed": seed, **changes})
    one = record(
        ("c2d_lstm",), 2, seed=seed, variants={"": VariantRecord(folds=2, fingerprint=mark)}
    )
    write_record(folder, one.model_copy(update={"seed": seed}))
    for fold in (0, 1):
        remark(folder, fold, seed=seed, **changes)


def test_a_seed_that_was_copied_is_not_counted_twice(seeds):
    assert [found.seed for found, _ in read_runs(seeds)] == [0, 1]
    shutil.rmtree(seed_folder(seeds, 1))
    shutil.copytree(seed_folder(seeds, 0), seed_folder(seeds, 1))
    with pytest.raises(RunError, match=r"seed_1/run\.json: belongs to seed 0, not 1\."):
        read_runs(seeds)


@pytest.mark.parametrize("change", ["settings", "data", "split", "code"])
def test_seeds_of_different_runs_are_not_averaged(seeds, change):
    changes, message = CHANGES[change]
    seed_record(seeds, 1, **changes)
    if change in ("split", "code"):
        # A seed draws its folds anew; versions are reported.
        assert len(read_runs(seeds)) == 2
        return
    key = message.partition(" was")[0]
    with pytest.raises(RunError, match=f"{seeds / 'seeds.json'}: seed 1, bline: {key} was"):
        read_runs(seeds)
    if change == "data":
        write_file(seeds / "seeds.json", '{"schema": 1, "seeds": [0, 1], "vary": "cohort"}')
        assert len(read_runs(seeds)) == 2


def test_networks_of_two_runs_are_not_averaged(run):
    """`predict` builds its mean from all folds of a network."""
    folders = [fold_dir(run, "c2d_lstm", fold) for fold in (0, 1)]
    described = {"schema": 1, "paper": "bline", "variant": "", "model": "c2d_lstm", "options": {}}
    described |= {"labels": ["no", "yes"], "clip": load("bline").clip.model_dump(mode="json")}
    for fold, folder in enumerate(folders):
        write_json(folder / "model.json", described)
        (folder / "model.weights.h5").write_text("w")
        vouch(folder, ["model.json", "model.weights.h5"], MARK.of_fold("c2d_lstm", f"fold_{fold}"))
    assert find_network(run).folders == tuple(folders)
    for changes, message in CHANGES.values():
        other = MARK.of_fold("c2d_lstm", "fold_1").model_copy(update=changes)
        vouch(folders[1], ["model.json", "model.weights.h5"], other)
        if "lus_keras" in changes or changes == {"fold": "fold_1"}:
            assert len(find_network(run).folders) == 2
            continue
        key = message.partition(" was")[0]
        with pytest.raises(
            RunError, match=f"{folders[1] / 'DONE'}: belongs to another run: {key} was"
        ):
            find_network(run)
    vouch(folders[1], ["model.json", "model.weights.h5"], MARK.of_fold("c2d_lstm", "fold_0"))
    with pytest.raises(RunError, match="fold was 'fold_1', is now 'fold_0'"):
        find_network(run)


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
        assert "seed was 0, is now 1." in said and "contains a different run" in said
        assert json.loads((tmp_path / "run" / "run.json").read_text())["seed"] == 0
        assert (tmp_path / "run" / "split.json").read_text() == split
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate()
