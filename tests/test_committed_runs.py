"""`lus-keras report` on a committed run repeats its committed numbers."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from fake_run import fingerprint
from sklearn.metrics import roc_auc_score

from lus_keras import papers
from lus_keras.evaluation.report.write import build_sections
from lus_keras.evaluation.run_record import read_record
from lus_keras.experiments.reproduce.planning import plan
from lus_keras.experiments.reproduce.record import HASHED
from lus_keras.experiments.reproduce.request import Request

RESULTS = Path(__file__).parents[1] / "docs" / "results"
SPREADS = ("fold_sd", "seed_sd")
RUNS = sorted(
    path
    for path in RESULTS.iterdir()
    if (path / "run.json").exists() or (path / "seeds.json").exists()
)


def by_place(rows):
    """Every number of a report, by where it stands."""
    return {(row["paper"], row["table"], row["row"], row["metric"]): row for row in rows}


def digits(row):
    """A row whose numbers equal others to 12 digits: processors sum in different orders.

    A standard deviation is a difference of such sums: its digits are those of the row's numbers.
    """
    numbers = {key: value for key, value in row.items() if isinstance(value, float)}
    largest = max(map(abs, numbers.values()), default=0.0)
    return row | {
        key: pytest.approx(value, rel=0, abs=1e-12 * (largest if key in SPREADS else abs(value)))
        for key, value in numbers.items()
    }


@pytest.mark.parametrize("run", RUNS, ids=lambda path: path.name)
def test_a_committed_run_repeats_its_numbers(run, tmp_path):
    copy = tmp_path / run.name
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("report"))
    # What is computed; how it is drawn and laid out is tested on smaller runs.
    sections = build_sections(copy, papers.results)
    rebuilt = by_place(cell.as_row() for section in sections for cell in section.cells)
    committed = json.loads((run / "report" / "results.json").read_text(encoding="utf-8"))["rows"]
    assert rebuilt == {place: digits(row) for place, row in by_place(committed).items()}


@pytest.mark.parametrize(
    "run",
    sorted(path.parent for path in RESULTS.glob("**/run.json")),
    ids=lambda path: str(path.relative_to(RESULTS)),
)
def test_a_committed_run_goes_on_with_the_settings_of_today(run):
    """`lus-keras reproduce` on a copy trains what is missing, instead of refusing the folder."""
    record = read_record(run)
    for name, paper in record.papers.items():
        if not any(variant.fingerprint for variant in paper.variants.values()):
            continue
        request = Request(tuple(paper.targets), (name,), preset=paper.preset, seed=record.seed)
        planned = {variant.name: variant.config for variant in plan(request)[0].variants}
        for key, variant in paper.variants.items():
            settings = json.loads(json.dumps(planned[key].experiment()))
            now = {"settings": {k: v for k, v in settings.items() if k not in HASHED}}
            found = variant.fingerprint.differences(variant.fingerprint.model_copy(update=now))
            assert found == [], key


def test_a_fingerprint_differs_by_what_decides_predictions():
    """A setting that a former run lacks is what was done then; one that tables read is no other."""
    of = fingerprint
    former = of(clip={"fps": None}, transfer={"train_on": None, "networks": 1})
    assert not former.differences(
        of(clip={"fps": None, "resize": "area"}, transfer={"networks": 3})
    )
    assert former.differences(of(clip={"fps": None, "resize": "bilinear"})) == [
        "clip.resize was 'area', is now 'bilinear'."
    ]
    assert not of(model={}).differences(of(model={"attention": "dot", "lstm_units": 16}))
    assert of(model={}).differences(of(model={"attention": "additive"})) == [
        "model.attention was 'dot', is now 'additive'."
    ]
    assert not of(fit={}, options={}).differences(
        of(fit={"patients": None, "calibrate": "none"}, options={"engine": "fast"})
    )
    assert of(options={}).differences(of(options={"engine": "tf-keras-vis"})) == [
        "options.engine was 'fast', is now 'tf-keras-vis'."
    ]
    learns = of(transfer={"train_on": "simulated", "networks": 1, "video_score": "mean"})
    later = of(transfer={"train_on": "simulated", "networks": 3, "video_score": "max"})
    assert learns.differences(later) == ["transfer.networks was 1, is now 3."]
    assert of(fit={"epochs": 2}).differences(of(fit={"epochs": 3})) == [
        "fit.epochs was 2, is now 3."
    ]
    # What was asked for is no difference, what it came to is.
    assert not of(fit={"precision": "auto"}).differences(of(fit={"precision": "float32"}))
    automatic = of(fit={"precision": "auto"}).model_copy(update={"precision": "mixed_bfloat16"})
    assert of(fit={"precision": "auto"}).differences(automatic) == [
        "precision was 'float32', is now 'mixed_bfloat16'. "
        "Continue the run with --set fit.precision=float32."
    ]


def test_committed_runs_are_of_simulated_videos():
    """Predictions carry the labels of a data set, whose license need not allow that."""
    assert RUNS
    for path in RESULTS.rglob("split.json"):
        record = json.loads((path.parent / "run.json").read_text(encoding="utf-8"))
        assert all(paper["simulated"] for paper in record["papers"].values()), path


def test_the_recipes_of_transfer_are_ranked_by_their_predictions():
    """Networks of a recipe are averaged; a video is its clips' mean, or the most positive one."""
    folder = RESULTS / "transfer-standin"
    videos = pd.read_csv(folder / "videos.csv")
    rows = json.loads((folder / "results.json").read_text(encoding="utf-8"))["rows"]
    assert {row["row"] for row in rows} == set(videos["recipe"])
    for row in rows:
        found = videos[videos["recipe"] == row["row"]].groupby(["patient_id", "video_id"])
        area = roc_auc_score(found["y_true"].first(), found[f"p_{row['metric']}"].mean())
        assert row["value"] == pytest.approx(area, abs=1e-6), row
        assert row["ci_low"] < row["value"] < row["ci_high"]
