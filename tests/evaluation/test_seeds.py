"""Several trainings: what their mean, interval, spread and verdict are, and where they lie."""

import json
from dataclasses import replace
from pathlib import Path

import fake_run
import numpy as np
import pandas as pd
import pytest
from fake_run import revouch

from lus_keras.core.errors import ConfigError, RunError
from lus_keras.evaluation.metrics import Clusters, mean_statistic, patient_bootstrap
from lus_keras.evaluation.metrics.seeds import (
    Part,
    difference_over_seeds,
    estimate_over_seeds,
    hierarchical_bootstrap,
)
from lus_keras.evaluation.run_record import read_runs
from lus_keras.evaluation.run_record.seeds import seed_folder, write_seeds
from lus_keras.experiments.report import write_report
from lus_keras.experiments.reproduce import Request
from lus_keras.experiments.reproduce.request import requests_by_seed


def part(values, prefix="p"):
    """Patients with one clip each, and the mean of a number a clip."""
    return Part.of(*side(values, prefix))


def side(values, prefix="p"):
    names = [f"{prefix}{number:03d}" for number in range(len(values))]
    clusters = Clusters.of(names, np.zeros(len(values), int))
    return mean_statistic(values, clusters), clusters


def width(parts, **options):
    low, high, _ = hierarchical_bootstrap(parts, resamples=4000, **options)
    return high - low


def test_equal_trainings_leave_the_interval_over_patients():
    values = np.random.default_rng(0).normal(size=60)
    low, high, _ = patient_bootstrap(part(values).statistic, 60, resamples=4000)
    assert width([part(values)] * 4) == pytest.approx(high - low, rel=0.08)


def test_patients_that_are_all_alike_leave_the_spread_of_the_seeds():
    """Variance of a mean of n: s²/n, s² with ddof 1; 1.96 times its root to either side."""
    means = np.random.default_rng(1).normal(size=12)
    found = width([part(np.full(20, mean)) for mean in means])
    assert found == pytest.approx(2 * 1.96 * means.std(ddof=1) / np.sqrt(12), rel=0.1)


def test_the_interval_covers_the_truth_of_crossed_patients_and_seeds():
    """Patients and seeds shift by chance around 0; 95 % intervals cover it in about 95 %."""
    rng, covered = np.random.default_rng(2), 0
    for _ in range(200):
        patients = rng.normal(0, 1, 40)
        parts = [part(patients + rng.normal(0, 0.2) + rng.normal(0, 0.3, 40)) for _ in range(5)]
        low, high, _ = hierarchical_bootstrap(parts, resamples=500, seed=3)
        covered += low <= 0 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_patients_of_new_cohorts_are_drawn_on_their_own():
    """Three of four equal cohorts: the squares of how often each is drawn sum to 4.5, of 9."""
    values = np.random.default_rng(4).normal(size=50)
    parts = [part(values)] * 4
    assert width(parts, own_patients=True) == pytest.approx(np.sqrt(0.5) * width(parts), rel=0.08)


def test_value_and_spread_are_those_of_the_seeds():
    found = estimate_over_seeds([side([0, 1, 1, 1]), side([0, 0, 1, 1]), side([0, 0, 0, 1])])
    assert found.value == pytest.approx(0.5)
    assert found.seeds == (0.75, 0.5, 0.25)
    assert found.seed_sd == pytest.approx(0.25)
    assert (found.n_patients, found.n_clips) == (4, 4)


def test_a_seed_without_the_metric_is_left_out_of_the_mean():
    empty = Part(lambda weights: np.full(len(weights), np.nan), ("p000", "p001"))
    found = difference_over_seeds([part([1, 0]), empty, part([1, 1])])
    assert found.value == pytest.approx(0.75)


def test_seeds_that_test_other_patients_share_those_they_have():
    """Of holdouts drawn anew: 3 patients, of whom seeds test 2 each."""
    first, second = part([1, 1], "a"), Part(part([0, 0]).statistic, ("a001", "b000"))
    assert estimate_over_seeds([side([1, 1], "a"), side([0, 0], "b")]).n_patients == 4
    low, high, _ = hierarchical_bootstrap([first, second])
    assert (low, high) == (0, 1)


def test_sides_that_are_paired_must_have_the_same_patients():
    with pytest.raises(ValueError, match="same patients"):
        part([1, 0]).minus(part([1, 0], "q"), paired=True)
    assert part([1, 0]).minus(part([1], "q"), paired=False).value == -0.5


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> Path:
    """Three trainings, whose probabilities differ by noise, and a fourth that has not begun."""
    out = tmp_path_factory.mktemp("seeds")
    write_seeds(out, (0, 1, 2, 3), "training")
    for seed in range(3):
        folder = seed_folder(out, seed)
        fake_run.write_run(folder, folds=3, patients=12)
        fake_run.write_record(folder, fake_run.record(folds=3, seed=seed))
        for path in sorted(folder.rglob("predictions.csv")):
            table = pd.read_csv(path, dtype={"patient_id": str})
            noise = np.random.default_rng([seed, len(path.parts)]).normal(0, 0.1, len(table))
            positive = (table["p_1"] + noise).clip(0.01, 0.99)
            table.assign(p_0=1 - positive, p_1=positive).to_csv(path, index=False)
            revouch(path.parent)
    with pytest.MonkeyPatch.context() as patch:
        # Figures take most of the time, and no test here looks at them.
        patch.setattr("lus_keras.evaluation.report.write.png_bytes", lambda _: b"no picture")
        for folder in (out, *(seed_folder(out, seed) for seed in range(3))):
            write_report(folder)
    return out


def rows_of(folder: Path) -> dict:
    document = json.loads((folder / "report" / "results.json").read_text())
    return {(row["table"], row["row"], row["metric"]): row for row in document["rows"]}


def test_a_report_over_seeds_holds_their_means(seeds):
    together = rows_of(seeds)
    each = [rows_of(seed_folder(seeds, seed)) for seed in range(3)]
    for address in (
        ("table1", "c2d_lstm_a", "f1"),
        ("table1", "c2d_a", "video_roc_auc"),
        ("table2", "c2d_a", "iou_0.1"),
    ):
        values = [rows[address]["value"] for rows in each]
        found = together[address]
        assert found["value"] == pytest.approx(np.mean(values))
        assert found["seed_sd"] == pytest.approx(np.std(values, ddof=1))
        assert (found["n_seeds"], found["n_folds"]) == (3, 9)
        assert found["published"] == each[0][address]["published"]
        assert found["ci_low"] < found["value"] < found["ci_high"]


def test_one_training_has_no_verdict_and_three_have(seeds):
    address = ("claims", "lstm_over_none", "f1_difference")
    one, three = rows_of(seed_folder(seeds, 0))[address], rows_of(seeds)[address]
    assert one["note"].startswith("one training: no verdict")
    assert (one["n_seeds"], one["seed_sd"]) == (1, None)
    assert one["ci_low"] is not None
    assert three["n_seeds"] == 3
    assert three["note"].startswith("holds") == (three["ci_low"] > 0)
    assert "tested at the scale of the preset quick" in three["note"]


def test_every_form_of_the_report_says_it(seeds):
    for folder, said in ((seeds, "SD of 3 seeds"), (seed_folder(seeds, 0), "one training: no")):
        report = folder / "report"
        for name in ("report.md", "index.html"):
            assert said in (report / name).read_text(), name
    latex = (seed_folder(seeds, 0) / "report/tables/bline_claims.tex").read_text()
    assert "one training: no verdict" in latex
    assert "SD of 3 seeds" in (seeds / "report/tables/bline_table1.tex").read_text()


def test_seeds_that_have_not_begun_are_left_out_and_damage_is_named(seeds, tmp_path):
    assert [papers["bline"].seed for _, papers in read_runs(seeds)] == [0, 1, 2]
    write_seeds(tmp_path, (5, 6), "cohort")
    with pytest.raises(RunError, match="none of its seeds has been started"):
        read_runs(tmp_path)
    with pytest.raises(RunError, match="vary in cohort, not training"):
        write_seeds(tmp_path, (5, 6), "training")
    (tmp_path / "seeds.json").write_text('{"schema": 1, "seeds": [], "vary": "cohort"}')
    with pytest.raises(RunError, match=r"seeds\.json"):
        read_runs(tmp_path)


def test_a_run_of_one_seed_is_not_made_one_of_several(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(RunError, match="run with a single seed"):
        write_seeds(tmp_path, (0, 1), "training")


def test_seeds_keep_the_data_and_cohorts_do_not():
    request = Request(("table1",), seed=4, seeds=3, out=Path("x"))
    made = requests_by_seed(request)
    assert [one.seed for one in made] == [4, 5, 6]
    assert {one.cohort_seed for one in made} == {4}
    assert [one.overrides for one in made] == [(), ("split.seed=5",), ("split.seed=6",)]
    assert [one.out for one in made] == [Path(f"x/seed_{seed}") for seed in (4, 5, 6)]
    anew = requests_by_seed(replace(request, seeds=1, cohorts=2))
    assert [one.cohort_seed for one in anew] == [4, 5]
    assert requests_by_seed(replace(request, seeds=1)) == [replace(request, seeds=1)]


def test_what_cannot_be_drawn_anew_is_refused():
    with pytest.raises(ConfigError, match="choose one"):
        requests_by_seed(Request(("table1",), seeds=2, cohorts=2))
    with pytest.raises(ConfigError, match="only simulated cohorts"):
        requests_by_seed(Request(("table1",), cohorts=2, data="covid-blues"))
