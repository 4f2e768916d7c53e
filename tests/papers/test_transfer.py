"""Learning from simulated videos: what is learned from, how inputs are scaled, what is reported."""

import csv
import itertools
import json

import numpy as np
import pandas as pd
import pytest
from fake_run import fingerprint

from lus_keras.core import config
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.evaluation.run_record import ModelRun, PaperRecord, PaperRun
from lus_keras.experiments.reproduce import Request, plan, run_folder
from lus_keras.papers.bline.tables import per_video, transfer
from lus_keras.simulation import write_cohort


@pytest.fixture
def scale():
    from lus_keras.core.environment import start_tensorflow

    start_tensorflow()
    from lus_keras.data.pipeline import scale

    return scale


def test_rows_are_measured_in_their_spread(scale):
    """Rows of 10 and 30: mean 20, spread 10 + 2, so ∓10/12 of 3 spreads. Constant rows are 0."""
    clip = np.zeros((1, 1, 5, 2, 1), np.uint8)
    clip[..., 0, 0], clip[..., 1, 0] = 10, 30
    values = np.asarray(scale(clip, "depth"))[0, 0, :, :, 0]
    np.testing.assert_allclose(values, np.tile([-10 / 36, 10 / 36], (5, 1)), atol=1e-6)
    constant = np.asarray(scale(np.full((1, 1, 5, 2, 1), 77, np.uint8), "depth"))
    # A mean of equal numbers is that number up to the rounding of its sum.
    np.testing.assert_allclose(constant, 0, atol=1e-5)


def test_gain_and_attenuation_drop_out_and_other_clips_do_not_matter(scale):
    """60 gray levels from the top to the bottom hardly change what is left; all alike, nothing."""
    rng = np.random.default_rng(0)
    clips = rng.integers(0, 100, (2, 3, 64, 16, 1), dtype=np.uint8)
    whole = np.asarray(scale(clips, "depth"))
    np.testing.assert_allclose(np.asarray(scale(clips + 50, "depth")), whole, atol=1e-5)
    slope = np.linspace(60, 0, 64).astype(np.uint8)[:, None, None]
    # 60 levels are 2 of the 29 levels' spreads, 0.67 of what is kept.
    assert np.abs(np.asarray(scale(clips + slope, "depth")) - whole).mean() < 0.02
    np.testing.assert_allclose(np.asarray(scale(clips[1:], "depth")), whole[1:], atol=1e-6)
    assert np.abs(whole).max() <= 1


def test_the_rate_warms_up_and_falls_to_nothing():
    """Of 100 steps 5 warm up from a tenth; half way down the cosine it is half the peak."""
    from lus_keras.experiments.training.schedule import rate_at

    rates = [rate_at(step, 100, 2.0) for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert rates[5] == 2.0 == max(rates)
    assert rate_at(5 + 95 / 2, 100, 2.0) == pytest.approx(1.0)
    assert all(a > b for a, b in itertools.pairwise(rates[5:]))
    assert rate_at(100, 100, 2.0) == pytest.approx(0, abs=1e-12)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Files that stand for real videos: six of four patients, simulated with another seed."""
    out = tmp_path_factory.mktemp("cohort")
    return write_cohort("bline", out, patients=4, videos=8, seed=77)


def request(cohort, **options):
    return Request(("table1",), papers=("bline",), data=str(cohort), preset="smoke", **options)


def test_both_tasks_are_learned_from_and_their_patients_are_kept_apart(cohort):
    (made,) = plan(request(cohort, train_on="simulated"))
    (variant,) = made.variants
    ids = {item.plan.patient_id for item in variant.learned.items}
    assert {name.partition("-")[0] for name in ids} == {"bline", "severity"}
    assert len(variant.learned.items) == 12
    assert variant.config.clip.scaling == "depth"
    assert not ids & {item.patient_id for item in made.data.items}


def test_a_setting_by_hand_comes_after_what_the_transfer_sets(cohort):
    (made,) = plan(request(cohort, train_on="simulated", overrides=("clip.scaling=unit",)))
    assert made.variants[0].config.clip.scaling == "unit"
    assert config.load("bline", "smoke").clip.scaling == "unit"
    assert config.load("bline", "smoke", variant="tuned").clip.scaling == "depth"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "simulated", "train_on": "simulated"}, "trains on 'simulated' and would also be"),
        ({"train_on": "simulated", "pretrain": "simulated"}, "set train_on or pretrain, not both"),
        ({"train_on": "pocus"}, "transfer.train_on"),
    ],
)
def test_what_makes_no_sense_is_refused(cohort, options, message):
    with pytest.raises(ConfigError, match=message):
        plan(Request(("table1",), papers=("bline",), preset="smoke",
                     **{"data": str(cohort), **options}))  # fmt: skip


def test_the_study_needs_real_videos():
    with pytest.raises(ConfigError, match="transfer: is tested on real videos"):
        plan(Request(("transfer",), papers=("bline",), preset="smoke"))
    everything = plan(Request(("all",), papers=("bline",), preset="smoke"))
    assert "transfer" not in everything[0].targets


def test_runs_of_the_two_ways_do_not_share_a_folder(cohort):
    plain, alone, first = (
        run_folder(request(cohort, **options))
        for options in ({}, {"train_on": "simulated"}, {"pretrain": "simulated"})
    )
    assert len({plain, alone, first}) == 3


def test_the_study_runs_from_the_command_line(cohort, tmp_path):
    """Three ways to learn, tested on the same videos; a second call trains nothing again."""
    from click.testing import CliRunner

    from lus_keras.cli import main

    command = ["reproduce", "transfer", "--paper", "bline", "--data", str(cohort)]
    command += ["--preset", "smoke", "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    name = cohort.stem
    tested = {}
    for variant, folds in (("scratch", 2), ("simulated", 1), ("tuned", 2)):
        folder = tmp_path / "run" / "bline" / f"{name}-{variant}" / "c2d_lstm_a"
        frames = [pd.read_csv(folder / f"fold_{k}" / "predictions.csv") for k in range(folds)]
        tested[variant] = set(pd.concat(frames)["clip_id"])
        done = (folder / "fold_0" / "DONE").stat().st_mtime_ns
        assert (folder / "pretraining" / "DONE").exists() == (variant == "tuned")
    assert tested["scratch"] == tested["simulated"] == tested["tuned"]
    split = json.loads((tmp_path / "run" / "split.json").read_text())["papers"]
    learned = split["bline/simulated"]["folds"][0]["train"]
    assert {patient.partition("-")[0] for patient in learned} == {"bline", "severity"}
    rows = json.loads((tmp_path / "run" / "report" / "results.json").read_text())["rows"]
    assert {row["row"] for row in rows if row["table"] == "transfer"} >= {
        "scratch/c2d_lstm_a", "simulated/c2d_lstm_a", "gain/tuned/c2d_lstm_a"
    }  # fmt: skip
    again = CliRunner().invoke(main, command)
    assert again.exit_code == 0
    assert again.output.count("0 folds to train") == 3
    assert (folder / "fold_0" / "DONE").stat().st_mtime_ns == done


def predictions(probabilities, *, folds=1):
    rows = [
        (f"v{video}@{clip}", f"v{video}", f"p{video // 2}", fold, video % 2, 1 - p, p)
        for fold in range(folds)
        for video, clips in enumerate(probabilities)
        for clip, p in enumerate(clips)
    ]
    columns = ["clip_id", "video_id", "patient_id", "fold", "y_true", "p_0", "p_1"]
    return pd.DataFrame(rows, columns=columns)


def test_a_video_is_the_mean_of_its_clips_and_of_the_networks():
    """Clips .2 and .4 of one network and .6 of both of another: (.3 + .6) / 2."""
    first, second = predictions([[0.2, 0.4]]), predictions([[0.6, 0.6]])
    both = pd.concat([first, second.assign(fold=1)])
    made = per_video(both)
    assert len(made) == 1
    assert made["p_1"].iloc[0] == pytest.approx(0.45)
    assert list(made["fold"]) == [0]


def test_a_video_may_be_its_most_positive_clip_as_its_label_is():
    """Clips .2 and .4 of one network, .6 and .5 of another: (.4 + .6) / 2; p_0 its complement."""
    first, second = predictions([[0.2, 0.4]]), predictions([[0.6, 0.5]])
    made = per_video(pd.concat([first, second.assign(fold=1)]), "max")
    assert made["p_1"].iloc[0] == pytest.approx(0.5)
    assert made["p_0"].iloc[0] == pytest.approx(0.5)


def test_runs_recorded_before_there_was_a_choice_can_be_continued():
    """A setting that such a run lacks has the value that was used then; any other one differs."""
    before = {
        "cohort.spread": 1.0,
        "transfer.cohorts.bline.spread": 1.0,
        "transfer.cohorts.severity.spread": 1.0,
    }
    words = ["transfer.train_on=simulated", *(f"{key}={value}" for key, value in before.items())]
    same = config.load("bline", "smoke", words).experiment()
    former = json.loads(json.dumps(same))
    for cohort in (former["cohort"], *former["transfer"]["cohorts"].values()):
        del cohort["spread"]
    assert fingerprint(**former).differences(fingerprint(**same)) == []
    changed = config.load("bline", "smoke", ["transfer.train_on=simulated", "cohort.spread=2"])
    assert fingerprint(**former).differences(fingerprint(**changed.experiment())) == [
        f"{key} was 1.0, is now 2.0." for key in sorted(before)
    ]


def test_the_table_holds_areas_and_paired_gains():
    """Scratch ranks 3 of 4 pairs right, simulated all: 0.75, 1 and a gain of 0.25."""
    scratch = predictions([[0.1], [0.9], [0.5], [0.4]])
    simulated = predictions([[0.1], [0.9], [0.2], [0.8]])
    models = {
        "scratch/c2d_lstm_a": ModelRun("scratch/c2d_lstm_a", scratch, folds_done=(0,)),
        "simulated/c2d_lstm_a": ModelRun("simulated/c2d_lstm_a", simulated, folds_done=(0,)),
    }
    record = PaperRecord(
        title="",
        dataset="covid-blues",
        simulated=False,
        preset="quick",
        seed=0,
        folds=1,
        models=list(models),
    )
    table = transfer(PaperRun("bline", record, models))
    value = {row: table.cell(row, "video_roc_auc").value for row in table.row_labels}
    assert value["scratch/c2d_lstm_a"] == 0.75
    assert value["simulated/c2d_lstm_a"] == 1.0
    assert value["gain/simulated/c2d_lstm_a"] == 0.25
    assert value["tuned/c2d_lstm_a"] is None
    assert table.cell("tuned/c2d_lstm_a", "video_roc_auc").note == "not run"


def test_severity_videos_tell_their_b_lines(tmp_path):
    manifest = write_cohort("severity", tmp_path, patients=2, videos=4, seed=1, duration_s=1.0)
    with manifest.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert all(row["severity"] in "0123" and row["b_lines"] in "01" for row in rows)
    assert all((row["b_lines"] == "1") == (row["segments"] != "none") for row in rows)


def test_an_unnamed_target_is_every_papers_that_has_the_network_or_the_labels(cohort):
    """`table2` is also the sliding paper's, which these videos have no labels for."""
    (made,) = plan(Request(("table2",), data=str(cohort), preset="smoke"))
    assert made.paper.name == "bline"
    assert any(fact.text.startswith("sliding is skipped: ") for fact in made.data.facts)
    (made,) = plan(Request(("table2",), preset="smoke", models=("resnet3d_18",)))
    assert made.paper.name == "sliding"
    with pytest.raises(DataError):
        plan(Request(("sliding/table2",), data=str(cohort), preset="smoke"))
