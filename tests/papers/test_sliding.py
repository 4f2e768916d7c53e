"""Tables and figures of the lung-sliding paper from a run whose every prediction is stated."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_sliding_run import write_run

from lus_keras import papers
from lus_keras.core import config
from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import Clusters, independent_difference, mean_statistic
from lus_keras.evaluation.run_record import read_run
from lus_keras.experiments.report import write_report
from lus_keras.experiments.reproduce import Request, plan
from lus_keras.papers.sliding import DATA_SETS, TABLE1, TABLE2, TABLE3, figures, tables

# Patients a, b, c: four tiles with sliding, two without.
TRUTH = [("a", 1), ("a", 1), ("b", 1), ("b", 1), ("c", 0), ("c", 0)]
# By patient: TP 3, FN 1, TN 1, FP 1. By tile: all but one negative right.
BY_PATIENT = [(*tile, p) for tile, p in zip(TRUTH, (0.9, 0.8, 0.7, 0.1, 0.2, 0.6), strict=True)]
BY_TILE = [(*tile, p) for tile, p in zip(TRUTH, (0.9, 0.8, 0.7, 0.6, 0.2, 0.6), strict=True)]
# Another data set with other tiles: one of two with sliding.
LARGE = [("a", 1, 0.9), ("c", 0, 0.4)]
COUNTS = {"2_30x30": {"absent": 70, "present": 130}, "2_90x90": {"absent": 9, "present": 0}}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    predictions = {
        "2_30x30/resnet3d_18": BY_PATIENT,
        "2_30x30_leaky/resnet3d_18": BY_TILE,
        "all_90x90/resnet3d_18": LARGE,
    }
    made = write_run(tmp_path_factory.mktemp("sliding") / "run", predictions, COUNTS)
    write_report(made)
    return made


@pytest.fixture(scope="module")
def cells(run_dir):
    rows = json.loads((run_dir / "report" / "results.json").read_text())["rows"]
    return {(row["table"], row["row"], row["metric"]): row for row in rows}


@pytest.fixture(scope="module")
def run(run_dir):
    return read_run(run_dir)[1]["sliding"]


def test_every_published_number_reaches_the_results(run):
    """Also those of networks that were not run; figure 4's stand in the table of counts."""
    published = config.load("sliding").published
    for name in ("table1", "table2", "table3", "table4", "table5", "figure4"):
        table = tables.TABLES[name](run)
        for row, metrics in published[name].items():
            for metric, value in metrics.items():
                assert table.cell(row, metric).published == value, (name, row, metric)
    printed = [published[f"table{number}"] for number in (1, 2, 3, 4)]
    assert sum(len(row) for rows in printed for row in rows.values()) == 120


def test_corrected_cells_say_what_is_printed_and_what_it_should_be(cells, run):
    table5, figure4 = tables.table5(run), tables.figure4(run)
    wrong = table5.cell("all_30x30/resnet3d_18", "accuracy")
    assert wrong.published == 0.9193
    assert "printed 0.9193, corrected 0.8913" in wrong.note
    assert "0.86, corrected 0.82" in table5.cell("mmode/mmode_resnet18", "sensitivity").note
    assert "printed 663, corrected 326" in figure4.cell("2_90x90", "total").note
    assert "printed 663, corrected 326" in cells["figure4", "2_90x90", "total"]["note"]
    everywhere = [cell for make in tables.TABLES.values() for cell in make(run).cells]
    assert sum("corrected" in cell.note for cell in everywhere) == 3


def test_table4_is_tables_1_to_3(cells):
    published = config.load("sliding").published
    parts = {**published["table1"], **published["table2"], **published["table3"]}
    assert published["table4"] == parts
    assert list(parts) == [*TABLE1, *TABLE2, *TABLE3]
    compared = 0
    for (table, row, metric), cell in cells.items():
        if table in ("table1", "table2", "table3") and ("table4", row, metric) in cells:
            assert {**cells["table4", row, metric], "table": table} == cell
            compared += 1
    # Two networks that were run and two baselines for each of their data sets.
    assert compared >= 6 * 11


def test_rows_are_the_confusion_matrix_by_hand(cells):
    """TP 3, FN 1, TN 1, FP 1: accuracy 4/6, sensitivity 3/4, specificity 1/2, F1 6/8."""
    expected = {"accuracy": 4 / 6, "sensitivity": 3 / 4, "specificity": 1 / 2, "f1": 6 / 8}
    for metric, value in expected.items():
        cell = cells["table1", "2_30x30/resnet3d_18", metric]
        assert cell["value"] == pytest.approx(value)
        assert (cell["n_patients"], cell["n_clips"]) == (3, 6)
    assert cells["table3", "all_90x90/resnet3d_18", "accuracy"]["value"] == 1


def test_each_data_set_has_baselines_of_its_own_tiles(cells):
    """Of 6 tiles 4 slide: always naming sliding is right in 2/3; of the 2 large ones in 1/2."""
    assert cells["table4", "2_30x30/majority", "accuracy"]["value"] == pytest.approx(2 / 3)
    assert cells["table4", "all_90x90/majority", "accuracy"]["value"] == pytest.approx(1 / 2)
    assert cells["table4", "2_30x30/always_positive", "f1"]["value"] == pytest.approx(8 / 10)
    assert cells["table4", "2_30x30/resnet3d_18", "accuracy"]["baseline"] == pytest.approx(2 / 3)
    assert not any(row.startswith("2_60x60/maj") for _, row, _ in cells)


def test_the_leakage_table_subtracts_the_split_by_patient(cells):
    """By tile accuracy 5/6, sensitivity 1, specificity 1/2, F1 8/9; minus those by patient."""
    gains = {"accuracy": 1 / 6, "sensitivity": 1 / 4, "specificity": 0, "f1": 8 / 9 - 6 / 8}
    for metric, gain in gains.items():
        cell = cells["leakage", "leakage_gain/resnet3d_18", metric]
        assert cell["value"] == pytest.approx(gain)
        assert cell["ci_low"] <= gain <= cell["ci_high"]
        assert (cell["n_patients"], cell["n_clips"]) == (3, 6)
    leaky = cells["leakage", "2_30x30_leaky/resnet3d_18", "accuracy"]
    by_patient = cells["leakage", "2_30x30/resnet3d_18", "accuracy"]
    assert (leaky["value"], by_patient["value"]) == pytest.approx((5 / 6, 4 / 6))
    for model in ("resnet3d_34", "resnet3d_50"):
        cell = cells["leakage", f"leakage_gain/{model}", "accuracy"]
        assert (cell["value"], cell["note"]) == (None, "not run")


def test_leaking_rows_are_labeled(run_dir):
    text = (run_dir / "report" / "report.md").read_text()
    assert "LEAKAGE in 2_30x30, split by tile" in text


def test_figure4_trains_no_network_whichever_is_named():
    """It counts the tiles of all six data sets; with a table, that table's networks are trained."""
    for models in ((), ("resnet3d_18",), ("2_30x30/resnet3d_18",)):
        (alone,) = plan(Request(("figure4",), papers=("sliding",), preset="smoke", models=models))
        assert {variant.name: variant.models for variant in alone.variants} == dict.fromkeys(
            DATA_SETS, ()
        )
    both = Request(("figure4", "table2"), papers=("sliding",), models=("resnet3d_18",))
    (both,) = plan(both)
    trained = {entry.rpartition("/")[0] for entry in TABLE2}
    assert {variant.name for variant in both.variants} == set(DATA_SETS)
    for variant in both.variants:
        assert variant.models == (("resnet3d_18",) if variant.name in trained else ())


def test_figure4_counts_the_data_sets_and_leaves_others_empty(cells):
    assert cells["figure4", "2_30x30", "total"]["value"] == 200
    assert cells["figure4", "2_30x30", "present"]["value"] == 130
    # None at all is a count; a data set that was not prepared has none.
    assert cells["figure4", "2_90x90", "present"]["value"] == 0
    assert cells["figure4", "all_60x60", "total"]["value"] is None
    assert cells["figure4", "all_60x60", "total"]["note"] == "not run"
    assert {row for table, row, _ in cells if table == "figure4"} == set(DATA_SETS)


def test_bars_are_as_high_as_the_counts(run):
    axes = figures.figure4(run).figure.axes[0]
    heights = sorted(bar.get_height() for bar in axes.patches)
    # Ours and, of the two data sets with any tiles, the printed ones.
    ours, printed = [0, 9, 70, 130], [96, 230, 590, 1338]
    assert len(heights) in (8, 12)
    assert set(ours) | set(printed) <= set(heights)
    assert "590" in {text.get_text() for text in axes.texts}


def test_the_sheet_names_its_frames_and_rows():
    clip = np.zeros((13, 4, 4))
    sheet = plots.map_sheet(clip, {"saliency": clip, "SmoothGrad": clip}, [0, 6, 12])
    titles = [axes.get_title() for axes in sheet.axes]
    assert titles == ["frame 0", "frame 6", "frame 12", *[""] * 7]
    rows = [axes.get_ylabel() for axes in sheet.axes if axes.get_ylabel()]
    assert rows == ["input", "saliency", "SmoothGrad", "share of the 99.5th percentile"]


def test_the_contrast_of_a_map_is_set_by_its_mass_and_not_by_one_pixel():
    """999 values of 0.1 and one of 1: the 99.5th percentile is 0.1, which all reach."""
    values = np.full((10, 10, 10), 0.1)
    values[0, 0, 0] = 1
    assert plots.contrasted(values).min() == pytest.approx(1)
    lone = np.zeros((10, 10, 10))
    lone[1, 2, 3] = 0.5
    assert plots.contrasted(lone)[1, 2, 3] == 1 and plots.contrasted(lone).sum() == 1
    assert plots.contrasted(np.zeros((2, 2))).max() == 0


def side(values):
    """Patients p0, p1, … with one clip each, and the mean of a number a clip."""
    clusters = Clusters.of([f"p{i:03d}" for i in range(len(values))], np.zeros(len(values), int))
    return mean_statistic(values, clusters), clusters


def test_an_independent_difference_by_hand():
    """Means 3/4 and 1/3 of sides of four and three patients."""
    found = independent_difference(side([1, 1, 1, 0]), side([1, 0, 0]))
    assert found.value == pytest.approx(3 / 4 - 1 / 3)
    assert found.ci_low < found.value < found.ci_high
    swapped = independent_difference(side([1, 0, 0]), side([1, 1, 1, 0]))
    assert swapped.value == pytest.approx(-found.value)


def test_the_same_side_twice_is_drawn_twice():
    """The value is 0 and the interval is not: paired draws would make it 0 … 0."""
    values = np.random.default_rng(0).integers(0, 2, 20)
    found = independent_difference(side(values), side(values))
    assert found.value == 0
    assert found.ci_low < 0 < found.ci_high
    assert found.verdict == "one training: no verdict"


def test_the_interval_is_that_of_two_independent_means():
    """Two shares of n = 400 patients: half its width is 1.96 √(2 p (1 - p) / n), within 8 %."""
    values = np.repeat([0, 1], 200)
    found = independent_difference(side(values), side(values), resamples=4000)
    half = 1.96 * np.sqrt(2 * 0.25 / 400)
    assert (found.ci_high - found.ci_low) / 2 == pytest.approx(half, rel=0.08)


def test_fewer_patients_make_a_wider_interval():
    widths = []
    for patients in (10, 40, 160):
        found = independent_difference(side([0, 1] * (patients // 2)), side([1] * patients))
        widths.append(found.ci_high - found.ci_low)
    assert widths[0] > 1.5 * widths[1] > 2 * widths[2]


def test_one_patient_gives_no_interval():
    found = independent_difference(side([1, 0]), side([1]))
    assert found.value == -1 / 2
    assert np.isnan([found.ci_low, found.ci_high]).all()


def explained(run, **maps):
    """The run with maps of two tiles with sliding, of patients a and b."""
    model = replace(
        run.model("2_30x30/resnet3d_18"),
        explanations={"patient_id": np.array(["a", "b"]), **maps},
    )
    return replace(run, models={**run.models, model.name: model})


def test_shares_of_maps_stand_beside_their_area(run):
    """Shares 0.6 and 0.2, area 0.3: mean 0.4 beside 0.3; a correlation has no such baseline."""
    names = ("band", "below", "band_untrained", "below_untrained", "random")
    maps = {f"{m}_{name}": np.array([0.6, 0.2]) for m in ("vanilla", "smooth") for name in names}
    maps |= {"band_area": np.array([0.3, 0.3]), "below_area": np.array([0.8, 0.6])}
    table = tables.explanations(explained(run, **maps))
    for metric, area in (("band", 0.3), ("below", 0.7), ("band_untrained", 0.3), ("random", None)):
        cell = table.cell("vanilla", metric)
        assert cell.value == pytest.approx(0.4)
        assert cell.baseline == (None if area is None else pytest.approx(area))
        assert cell.n_patients == 2


def test_shares_are_not_there_without_maps_or_without_a_known_pleura(run):
    assert tables.explanations(run).cell("smooth", "band").note.startswith("not run")
    unknown = np.full(2, np.nan)
    maps = {f"{m}_{name}": unknown for m in ("vanilla", "smooth") for name in ("band", "below")}
    table = tables.explanations(explained(run, **maps))
    assert table.cell("vanilla", "band").value is None
    assert "not known" in table.cell("vanilla", "band").note
    assert "not measured" in table.cell("vanilla", "band_untrained").note


def test_the_page_of_the_paper_states_every_choice_with_its_label():
    page = (Path(__file__).parents[2] / "docs" / "sliding.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    stated = {row[1].strip(" `"): row[3].strip() for row in rows if len(row) == 6}
    choices = config.load("sliding").choices
    assert {name: stated.get(name) for name in choices} == {
        name: choice.label for name, choice in choices.items()
    }


def test_the_page_names_a_command_for_every_target():
    page = (Path(__file__).parents[2] / "docs" / "sliding.md").read_text(encoding="utf-8")
    for target in papers.get("sliding").targets:
        assert f"`lus-keras reproduce {target} --paper sliding`" in page


def test_data_sets_are_compared_on_the_patients_they_share(tmp_path):
    """Of a, b and c the first network tested a and b, the second b and c: b counts, 2/2 and 0/1.

    Clip ids are alike in both; they are other tiles all the same.
    """
    sides = {
        "all_30x30/resnet3d_18": [("a", 1, 0.1), ("b", 1, 0.9), ("b", 0, 0.2)],
        "all_90x90/resnet3d_18": [("b", 1, 0.3), ("c", 1, 0.9)],
    }
    found = {claim.id: claim for claim in claims_of(tmp_path, sides)}
    tested = found["pixels_30_90"]
    assert tested.comparisons[0].difference.value == 1
    assert (tested.n_patients, tested.n_clips) == (1, 1)
    assert tested.comparisons[0].published == pytest.approx(0.8913 - 0.8815)
    assert tested.verdict == "one training: no verdict"
    assert found["pixels_30_60"].verdict == "not tested"


def test_a_side_of_several_networks_is_their_mean(tmp_path):
    """Accuracies 1, 1/2, 0 on all rows, and 1/2 of each on two: 1/2 - 1/2; published by hand."""
    right, wrong = (("a", 1, 0.9), ("b", 0, 0.1)), (("a", 1, 0.1), ("b", 0, 0.9))
    half = (right[0], wrong[1])
    sides = {
        f"{variant}/{name}": list(tiles)
        for variant, cases in (("all_30x30", (right, half, wrong)), ("2_30x30", (half,) * 3))
        for name, tiles in zip(("resnet3d_18", "resnet3d_34", "resnet3d_50"), cases, strict=True)
    }
    tested = {claim.id: claim for claim in claims_of(tmp_path, sides)}["rows_all_2_30"]
    assert tested.comparisons[0].difference.value == pytest.approx(0)
    assert tested.better == "all_30x30, mean of 3 networks"
    published = (0.8913 + 0.8752 + 0.8849 - 0.7047 - 0.7953 - 0.8420) / 3
    assert tested.comparisons[0].published == pytest.approx(published, abs=1e-6)


def claims_of(folder, sides):
    run = read_run(write_run(folder / "run", sides))[1]["sliding"]
    return papers.results("sliding").claims(run)
