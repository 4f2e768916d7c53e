"""`lus-keras report` on a committed run repeats its committed numbers."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from lus_keras import papers
from lus_keras.evaluation.report.write import build_sections

RESULTS = Path(__file__).parents[1] / "docs" / "results"
RUNS = sorted(
    path
    for path in RESULTS.iterdir()
    if (path / "run.json").exists() or (path / "seeds.json").exists()
)


def rounded(value):
    """A value to 12 digits: processors sum in different orders, which the last digits show."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def by_place(rows):
    """Every number of a report, by where it stands."""
    return {
        (row["paper"], row["table"], row["row"], row["metric"]): {
            key: rounded(value) for key, value in row.items()
        }
        for row in rows
    }


@pytest.mark.parametrize("run", RUNS, ids=lambda path: path.name)
def test_a_committed_run_repeats_its_numbers(run, tmp_path):
    copy = tmp_path / run.name
    shutil.copytree(run, copy, ignore=shutil.ignore_patterns("report"))
    # What is computed; how it is drawn and laid out is tested on smaller runs.
    sections = build_sections(copy, papers.results)
    rebuilt = by_place(cell.as_row() for section in sections for cell in section.cells)
    committed = json.loads((run / "report" / "results.json").read_text(encoding="utf-8"))["rows"]
    assert rebuilt == by_place(committed)


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
