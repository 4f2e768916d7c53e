"""The command line as users run it: the smoke preset, kills, wrong input, exit codes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock

from lus_keras.cli import main
from lus_keras.data.video import write_video

MODELS = {"c2d_a", "c3d_a", "c2d_lstm", "c2d_lstm_a"}
LONG = ("--model", "c2d_lstm_a", "--fold", "1", "--set", "fit.epochs=16")


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "lus_keras.cli", *map(str, arguments)]


def run(*arguments, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=500, check=False, **options
    )


def predictions(out: Path) -> dict[str, str]:
    return {str(p.relative_to(out)): p.read_text() for p in sorted(out.rglob("predictions.csv"))}


@pytest.fixture(scope="session")
def smoke(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """Table 1 on the smoke preset, from an empty directory."""
    folder = tmp_path_factory.mktemp("smoke")
    result = run("reproduce", "bline/table1", "--preset", "smoke", cwd=folder)
    return folder / "runs" / "simulated-smoke", result


def test_table1_smoke_trains_every_network_on_every_fold(smoke):
    out, result = smoke
    assert result.returncode == 0, result.stderr
    assert len(predictions(out)) == 4 * 2
    record = json.loads((out / "run.json").read_text())["papers"]["bline"]
    assert set(record["models"]) == MODELS
    assert "[X] split.seed = 0" in result.stdout
    assert "[P] fit.epochs = 1: changed by this run from 60" in result.stdout
    assert "SIMULATED" in result.stdout
    assert result.stderr == ""


def test_table1_smoke_prints_the_table_and_names_its_files(smoke):
    out, result = smoke
    assert "C2D+LSTM+A" in result.stdout
    assert "0.81 |" in result.stdout
    begins = {
        "index.html": "<!doctype html>",
        "report.md": "# Report\n",
        "results.json": '{\n "schema": 1,',
        "tables/bline_table1.csv": "paper,table,row,metric,published,value,",
    }
    for name, begin in begins.items():
        assert str(Path("runs") / out.name / "report" / name) in result.stdout
        assert (out / "report" / name).read_text().startswith(begin)


def test_results_follow_the_schema(smoke):
    out, _ = smoke
    results = json.loads((out / "report" / "results.json").read_text())
    head = {key: results[key] for key in ("schema", "preset", "dataset", "seed")}
    assert head == {"schema": 1, "preset": "smoke", "dataset": "simulated", "seed": 0}
    fields = "paper table row metric published value fold_sd ci_low ci_high baseline n_patients "
    fields += "n_clips n_folds n_seeds seed_sd note"
    assert all(list(row) == fields.split() for row in results["rows"])
    published = {
        (row["row"], row["metric"]): row["published"]
        for row in results["rows"]
        if row["table"] == "table1" and row["published"] is not None
    }
    assert published[("c2d_lstm_a", "recall")] == 0.89
    assert len(published) == 12


def test_split_of_a_run_keeps_patients_apart(smoke):
    out, _ = smoke
    folds = json.loads((out / "split.json").read_text())["papers"]["bline"]["folds"]
    tested = [patient for fold in folds for patient in fold["test"]]
    assert sorted(tested) == sorted({*folds[0]["train"], *folds[0]["test"]})
    assert all(not set(fold["train"]) & set(fold["test"]) for fold in folds)


def test_same_command_again_trains_nothing_and_changes_nothing(smoke, tmp_path):
    out, _ = smoke
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != "run.json"}
    result = run("reproduce", "bline/table1", "--preset", "smoke", cwd=out.parent.parent)
    assert result.returncode == 0
    assert "0 folds to train" in result.stdout
    assert {p: p.read_bytes() for p in before} == before


def test_report_is_rebuilt_from_predictions_alone(smoke, tmp_path):
    """Weights, histories and checkpoints are not needed; tables come out the same to the byte."""
    out, _ = smoke
    copy = tmp_path / "copy"
    shutil.copytree(out, copy, ignore=shutil.ignore_patterns("*.h5", "report"))
    result = run("report", copy)
    assert result.returncode == 0, result.stderr
    for name in ("results.json", "tables/bline_table1.csv", "tables/bline_table2.csv"):
        assert (copy / "report" / name).read_bytes() == (out / "report" / name).read_bytes()


def wait_for(condition, process=None, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> dict[str, str]:
    """Predictions of the long fold, trained without interruption."""
    out = tmp_path_factory.mktemp("whole") / "run"
    result = run("reproduce", "bline/table1", "--preset", "smoke", *LONG, "--out", out)
    assert result.returncode == 0, result.stderr
    return predictions(out)


def last_saved(out) -> int:
    """Time of the newest checkpoint; 0 without one."""
    return max((path.stat().st_mtime_ns for path in out.rglob("checkpoint_*.npz")), default=0)


def test_killed_run_continues_and_ends_in_equal_predictions(whole, tmp_path):
    """Ended three times, each time after another epoch was saved, and each time continued."""
    out = tmp_path / "run"
    arguments = ("reproduce", "bline/table1", "--preset", "smoke", *LONG, "--out", out)
    for sent, code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGKILL", -9)):
        before = last_saved(out)
        process = subprocess.Popen(
            command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        wait_for(lambda before=before: last_saved(out) > before, process)
        process.send_signal(getattr(signal, sent))
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == code, stderr
        assert not any(out.rglob("DONE"))
        if sent != "SIGKILL":
            assert "Run the same command again to continue." in stderr
            assert "Traceback" not in stderr
    result = run(*arguments)
    assert result.returncode == 0, result.stderr
    assert " 1/16 " not in result.stdout
    assert predictions(out) == whole


def test_fold_that_another_process_trains_is_left_to_it(tmp_path):
    """The other fold is trained; the message names the folder; the exit code says partial."""
    out = tmp_path / "run"
    folder = out / "bline" / "simulated" / "c2d_a" / "fold_0"
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"):
        options = ("--model", "c2d_a", "--out", out)
        result = run("reproduce", "bline/table1", "--preset", "smoke", *options)
    assert result.returncode == 4
    assert f"{folder}: another process is training this fold" in result.stdout
    assert list(predictions(out)) == ["bline/simulated/c2d_a/fold_1/predictions.csv"]


def test_terminated_run_ends_its_workers_at_once(tmp_path):
    options = ("--set", "fit.epochs=500", "--model", "c2d_a", "--workers", "2")
    arguments = command(
        "reproduce", "bline/table1", "--preset", "smoke", *options, "--out", tmp_path
    )
    process = subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: any(tmp_path.rglob("checkpoint_*.npz")), process)
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143, stderr
    assert stderr == "Error: terminated. Run the same command again to continue.\n"
    wait_for(lambda: not alive(process.pid), seconds=20)


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_two_workers_finish_every_fold_of_two_papers(tmp_path):
    """They share the processes."""
    out = tmp_path / "run"
    arguments = ("--model", "c2d_a", "--model", "mmode_resnet18", "--workers", "2", "--out", out)
    result = run("reproduce", "bline/table1", "sliding/table1", "--preset", "smoke", *arguments)
    assert result.returncode == 0, result.stderr
    assert list(predictions(out)) == [
        *(f"bline/simulated/c2d_a/fold_{fold}/predictions.csv" for fold in (0, 1)),
        "sliding/simulated-mmode/mmode_resnet18/fold_0/predictions.csv",
    ]
    assert "bline: c2d_a: 2 folds to train, 2 at a time." in result.stdout
    assert "sliding: mmode/mmode_resnet18: 1 fold to train, 2 at a time." in result.stdout


def test_networks_are_drawn_without_training(tmp_path):
    done = run(
        "reproduce", "severity/figure5", "bline/figure2", "--preset", "smoke", "--out", tmp_path
    )
    assert done.returncode == 0, done.stderr
    drawn = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("*/architecture/*.png")
    }
    networks = ("c2d_a", "c3d_a", "c2d_lstm", "c2d_lstm_a")
    assert drawn == {
        "severity/architecture/alexnet_attention_bilstm.png",
        *(f"bline/architecture/{name}.png" for name in networks),
    }
    assert not list(tmp_path.rglob("fold_*"))


def test_diverged_fold_is_reported_and_the_others_finish(tmp_path):
    """A learning rate of 1e30 ends in NaN or infinity within an epoch or two."""
    out = tmp_path / "run"
    arguments = ("--model", "c2d_a", "--set", "fit.learning_rate=1e30", "--set", "fit.epochs=4")
    result = run("reproduce", "bline/table1", "--preset", "smoke", *arguments, "--out", out)
    assert result.returncode == 5, result.stdout + result.stderr
    assert "the loss became" in result.stdout
    assert len(list(out.rglob("DIVERGED.json"))) == 2
    assert "diverged" in (out / "report" / "report.md").read_text().lower()


def test_simulated_videos_can_be_reproduced_from_their_manifest(tmp_path):
    """`data simulate` writes real files; reading them back gives Table 2 its frame-level truth."""
    folder = tmp_path / "cohort"
    options = ("--patients", "4", "--videos", "6", "--seed", "1", "--out", folder)
    made = run("data", "simulate", "--task", "bline", *options)
    assert made.returncode == 0, made.stderr
    out = tmp_path / "run"
    result = run(
        *("reproduce", "table2", "--preset", "smoke", "--model", "c2d_lstm_a"),
        *("--data", folder / "manifest.csv", "--out", out),
    )
    assert result.returncode == 0, result.stderr
    rows = json.loads((out / "report" / "results.json").read_text())["rows"]
    localised = [row for row in rows if row["table"] == "table2" and row["row"] == "c2d_lstm_a"]
    assert len(localised) == 4
    assert all(row["value"] is not None for row in localised)


@pytest.mark.real_data
def test_covid_blues_has_no_localization_and_is_split_by_patient(tmp_path):
    """Tables of annotated frames are refused before anything is decoded."""
    if not os.environ.get("LUS_KERAS_DATA"):
        pytest.skip("LUS_KERAS_DATA is not set: COVID-BLUES is not tested")
    out = tmp_path / "run"
    options = ("--paper", "bline", "--data", "covid-blues", "--preset", "smoke")
    options += ("--model", "c2d_lstm_a", "--out", out)
    message = fails("reproduce", "table1", "table2", *options, code=3)
    assert "covid-blues: no video has annotated frames, which table2" in message
    assert not out.exists()
    result = run("reproduce", "table1", *options)
    assert result.returncode == 0, result.stderr
    rows = json.loads((out / "report" / "results.json").read_text())["rows"]
    assert not {"table2", "representative_frame"} & {row["table"] for row in rows}
    cells = {(row["row"], row["metric"]): row for row in rows}
    video_auc = cells["c2d_lstm_a", "video_roc_auc"]
    assert video_auc["n_patients"] > 30
    assert video_auc["ci_low"] < video_auc["value"] < video_auc["ci_high"]


def fails(*arguments, code: int) -> str:
    """Runs the command in this process and returns its one message."""
    result = CliRunner().invoke(main, [str(part) for part in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    message = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(message) == 1
    return result.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tabel1"], "unknown target 'tabel1'. Did you mean 'table1'?"),
        (["bline/table9"], "unknown target 'bline/table9'."),
        (["table1", "--paper", "blin"], "unknown paper 'blin'. Did you mean 'bline'?"),
        (["table1", "--preset", "fast"], "unknown preset 'fast'."),
        (["table1", "--model", "c2d"], "unknown model 'c2d'."),
        (["table1", "--fold", "7"], "--fold 7: must be 0 … 4."),
        (["table1", "--set", "fit.epoch=3"], "unknown key 'fit.epoch'. Did you mean 'epochs'?"),
        (["table1", "--set", "fit.epochs=many"], "must be a whole number. Received 'many'."),
        (["table1", "--set", "model.dropuot=0.1"], "Did you mean 'dropout'?"),
        (["table1", "--set", "model.pool=max"], "model.pool: must be 'mean' or 'sum'."),
        (["table1", "--set", "model.conv=3d"], "model.conv: defines what C2D+A"),
        (
            [*("bline/table1", "--dry-run", "--model", "c2d_a"), "--set", "model.lstm_units=8"],
            "model.lstm_units: is not a setting of C2D+A.",
        ),
        (["table1", "--data", "covid-blue"], "Did you mean 'covid-blues'?"),
    ],
)
def test_wrong_request_is_one_line_and_exit_code_2(arguments, expected, tmp_path):
    assert expected in fails("reproduce", *arguments, "--out", tmp_path / "run", code=2)


def test_absent_data_set_tells_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.delenv("LUS_KERAS_DATA", raising=False)
    options = ("--data", "covid-blues", "--root", tmp_path, "--out", tmp_path / "run")
    message = fails("reproduce", "table1", *options, code=3)
    assert "CC BY-NC-ND 4.0" in message
    assert "--root" in message


def test_manifest_problems_are_listed_together(tmp_path):
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("video,patient_id,b_lines\na.avi,p1,1\nb.avi,,2\n")
    message = fails("reproduce", "table1", "--data", manifest, "--out", tmp_path / "r", code=3)
    for part in ("a.avi", "b.avi", "row 3", "patient_id", "b_lines"):
        assert part in message


def test_absent_manifest_is_named(tmp_path):
    message = fails("reproduce", "table1", "--data", tmp_path / "no.csv", code=3)
    assert "no.csv" in message


WITHOUT_TENSORFLOW = """
import sys
from lus_keras.cli import main
try:
    main(sys.argv[1:])
finally:
    assert "tensorflow" not in sys.modules
"""


def test_what_is_wrong_with_a_request_is_told_before_tensorflow_is_loaded(tmp_path):
    """Loading it takes longer than all that is checked."""
    cases = {
        ("--data", tmp_path / "absent.csv"): (3, "absent.csv: cannot be read"),
        ("--model", "c2d_b"): (2, "unknown model 'c2d_b'"),
        ("--engine", "ray", "--workers", 2): (2, "--workers: with --engine ray"),
        ("--set", "fit.epoch=1"): (2, "fit.epoch"),
    }
    for options, (code, message) in cases.items():
        arguments = ["reproduce", "bline/table1", "--out", tmp_path / "run", *options]
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=100,
        )
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_broken_videos_are_listed_together(tmp_path):
    rows = ["video,patient_id,b_lines"]
    for number in range(6):
        rows.append(f"{number}.avi,p{number},{number % 2}")
        (tmp_path / f"{number}.avi").write_text(f"video {number} is text")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    options = ("--data", tmp_path / "manifest.csv", "--preset", "smoke", "--out", tmp_path / "run")
    message = fails("reproduce", "table1", *options, code=3)
    assert all(f"{number}.avi" in message for number in range(6))


def test_videos_shorter_than_a_clip_are_one_clear_error(tmp_path):
    import numpy as np

    rows = ["video,patient_id,b_lines"]
    for number in range(4):
        frames = np.random.default_rng(number).integers(0, 255, (10, 32, 32), dtype=np.uint8)
        write_video(tmp_path / f"{number}.avi", frames, 30, "mjpeg")
        rows.append(f"{number}.avi,p{number},{number % 2}")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    options = ("--data", tmp_path / "manifest.csv", "--preset", "smoke", "--out", tmp_path / "run")
    message = fails("reproduce", "table1", *options, code=3)
    assert "no clip: the longest of 4 videos has 10 frames" in message


def test_leak_in_the_split_file_is_refused(smoke, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(smoke[0], out)
    split = json.loads((out / "split.json").read_text())
    fold = split["papers"]["bline"]["folds"][0]
    fold["train"].append(fold["test"][0])
    (out / "split.json").write_text(json.dumps(split))
    message = fails("reproduce", "bline/table1", "--preset", "smoke", "--out", out, code=3)
    assert f"patient '{fold['test'][0]}' is in train and test" in message


def test_folder_of_another_experiment_is_refused_with_the_differences(smoke, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(smoke[0], out)
    options = ("--preset", "smoke", "--set", "fit.epochs=2", "--out", out)
    message = fails("reproduce", "table1", *options, code=2)
    assert "fit.epochs was 1, is now 2" in message


def test_folder_without_a_run_cannot_be_reported(tmp_path):
    assert "run.json" in fails("report", tmp_path, code=4)


def test_dry_run_says_what_would_be_done_and_writes_nothing(tmp_path):
    out = tmp_path / "run"
    options = ("--preset", "quick", "--dry-run", "--out", str(out))
    result = CliRunner().invoke(main, ["reproduce", "table1", *options])
    assert result.exit_code == 0
    assert "4 networks × 5 folds × 1 epoch" in result.output
    assert "1600 videos, 48000 frames, 1600 clips" in result.output
    assert "time: about" in result.output
    assert not out.exists()


def test_list_names_papers_networks_and_data_sets():
    result = CliRunner().invoke(main, ["list"])
    assert result.exit_code == 0
    # Names that are typed are whole at the usual width of 80.
    names = ("bline", "table1", "2,149,330", "covid-blues", "simulated")
    for name in (*names, "bline/c2d_lstm_a", "sliding/mmode_resnet18"):
        assert name in result.output


def test_doctor_shows_versions_and_devices():
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0
    for name in ("tensorflow", "keras", "cpu:0", "cache"):
        assert name in result.output
