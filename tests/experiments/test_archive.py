"""An archive gives the tables of the run it was made from, and holds no weights."""

import json

import pytest
from fake_run import fold_dir, record, write_record, write_run

from lus_keras.core.errors import RunError
from lus_keras.core.files import sha256_of
from lus_keras.evaluation.run_record import read_record
from lus_keras.evaluation.run_record.seeds import seed_folder, write_seeds
from lus_keras.experiments.archive import MAX_FIGURE_BYTES, archive_run, portable
from lus_keras.experiments.report import write_report
from lus_keras.experiments.training.marks import is_done
from lus_keras.inference.predict.find import read_description

MODELS = ("c2d_a", "c2d_lstm_a")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of two networks and two folds, with files that stand for weights."""
    folder = write_run(tmp_path_factory.mktemp("run"), models=MODELS, folds=2)
    for model in MODELS:
        for fold in range(2):
            place = fold_dir(folder, model, fold)
            (place / "model.weights.h5").write_bytes(b"weights")
            (place / "examples.npz").unlink(missing_ok=True)
            names = [p.name for p in place.iterdir() if p.name != "DONE"]
            hashes = {name: sha256_of(place / name) for name in names}
            (place / "DONE").write_text(json.dumps({"sha256": hashes}))
    return folder


def test_an_archive_repeats_the_results_to_the_last_byte(run, tmp_path):
    archive_run(run, tmp_path / "archive")
    for place in (run, tmp_path / "archive"):
        write_report(place)
    first, second = (
        (place / "report" / "results.json").read_bytes() for place in (run, tmp_path / "archive")
    )
    assert first == second
    assert len(json.loads(first)["rows"]) > 10


def test_an_archived_fold_is_finished_and_has_no_weights(run, tmp_path):
    archive_run(run, tmp_path)
    fold = fold_dir(tmp_path, "c2d_a", 1)
    assert is_done(fold) and not (fold / "model.weights.h5").exists()
    done = json.loads((fold / "DONE").read_text())
    weights = sha256_of(fold_dir(run, "c2d_a", 1) / "model.weights.h5")
    assert done["exclusions"] == {"model.weights.h5": weights}
    with pytest.raises(RunError, match="archive, which contains no weights"):
        read_description(fold)


def test_an_archive_names_no_folder_of_the_machine(run, tmp_path):
    """Its command is the run's, but for where it lay and by how many processes."""
    kept = read_record(run)
    command = "lus-keras reproduce table1 --set 'model.filters=[3, 4]' --out '/a b/c' --workers 2"
    named = {
        name: paper.model_copy(update={"command": command}) for name, paper in kept.papers.items()
    }
    (tmp_path / "run").mkdir()
    write_record(tmp_path / "run", kept.model_copy(update={"papers": named}))
    archive_run(tmp_path / "run", tmp_path / "archive")
    archived = read_record(tmp_path / "archive")
    (paper,) = archived.papers.values()
    assert paper.command == "lus-keras reproduce table1 --set 'model.filters=[3, 4]'"
    same = {"papers": {"bline": paper.model_copy(update={"command": command})}}
    assert archived.model_copy(update=same) == kept.model_copy(update={"papers": named})
    assert portable("x --out=/a --workers=3 --preset quick") == "x --preset quick"


def test_archiving_an_archive_changes_nothing(run, tmp_path):
    archive_run(run, tmp_path / "a")
    archive_run(tmp_path / "a", tmp_path / "b")
    first, second = (
        {path.relative_to(place): path.read_bytes() for path in place.rglob("*") if path.is_file()}
        for place in (tmp_path / "a", tmp_path / "b")
    )
    assert first == second


def test_drawings_of_networks_are_kept(run, tmp_path):
    drawn = run / "bline" / "architecture" / "c2d_a.txt"
    drawn.parent.mkdir()
    drawn.write_text("layers")
    try:
        archive_run(run, tmp_path)
        assert (tmp_path / "bline" / "architecture" / "c2d_a.txt").read_text() == "layers"
    finally:
        drawn.unlink()
        drawn.parent.rmdir()


def test_large_arrays_stay_behind(run, tmp_path):
    fold = fold_dir(run, "c2d_a", 0)
    done = json.loads((fold / "DONE").read_text())
    large = fold / "masks.npz"
    large.write_bytes(bytes(MAX_FIGURE_BYTES + 1))
    changed = {**done, "sha256": {**done["sha256"], "masks.npz": sha256_of(large)}}
    (fold / "DONE").write_text(json.dumps(changed))
    try:
        archive_run(run, tmp_path)
        assert not (fold_dir(tmp_path, "c2d_a", 0) / "masks.npz").exists()
    finally:
        large.unlink()
        (fold / "DONE").write_text(json.dumps(done))


def test_what_done_does_not_vouch_for_is_refused(run, tmp_path):
    with pytest.raises(RunError, match=r"contains no run\.json"):
        archive_run(tmp_path, tmp_path / "archive")
    path = fold_dir(run, "c2d_lstm_a", 0) / "predictions.csv"
    before = path.read_bytes()
    path.write_bytes(before.replace(b"0.1", b"0.9"))
    try:
        with pytest.raises(RunError, match=r"predictions\.csv: does not match its hash"):
            archive_run(run, tmp_path / "archive")
    finally:
        path.write_bytes(before)


def test_runs_of_several_seeds_are_archived_with_their_report(tmp_path):
    source, target = tmp_path / "seeds", tmp_path / "archive"
    source.mkdir()
    write_seeds(source, (0, 1, 2), "training")
    for seed in (0, 1):
        write_run(seed_folder(source, seed), models=MODELS, folds=2)
        write_record(seed_folder(source, seed), record(MODELS, 2, seed=seed))
    write_report(source)
    archive_run(source, target)
    before = (target / "report" / "results.json").read_bytes()
    assert not (target / "report" / "index.html").exists()
    assert not list(target.rglob("model.weights.h5"))
    # A report shows frames of the first seed alone.
    kept = {seed: list((target / f"seed_{seed}").rglob("examples.npz")) for seed in (0, 1)}
    assert kept[0] and not kept[1]
    pictures = {path: path.read_bytes() for path in target.glob("report/figures/*.png")}
    write_report(target)
    assert (target / "report" / "results.json").read_bytes() == before
    assert pictures and all(path.read_bytes() == was for path, was in pictures.items())
    assert {row["n_seeds"] for row in json.loads(before)["rows"]} >= {2}
