"""Reports from crafted run directories: every number has a hand-made or independent counterpart."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from fake_run import MODELS, PUBLISHED, fold_dir, record, revouch, write_fold, write_run
from sklearn import metrics as sk

from lus_keras import papers
from lus_keras.core.errors import RunError
from lus_keras.evaluation.metrics import temporal_iou
from lus_keras.evaluation.run_record import read_run, write_record
from lus_keras.experiments.report import write_report
from lus_keras.papers.bline import figures as bline_figures
from lus_keras.papers.bline import tables as bline_tables

FIELDS = [
    "paper", "table", "row", "metric", "published", "value", "fold_sd", "ci_low", "ci_high",
    "baseline", "n_patients", "n_clips", "n_folds", "n_seeds", "seed_sd", "note",
]  # fmt: skip


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A complete run with its report; tests only read it."""
    run_dir = write_run(tmp_path_factory.mktemp("complete"))
    return run_dir, write_report(run_dir)


@pytest.fixture
def small(tmp_path):
    """A run small enough to be damaged and rebuilt in every test."""
    return write_run(tmp_path / "run", models=("c2d_lstm", "c2d_lstm_a"), folds=2, patients=6)


def results(run_dir):
    return json.loads((run_dir / "report" / "results.json").read_text())


def cells(run_dir):
    return {(c["table"], c["row"], c["metric"]): c for c in results(run_dir)["rows"]}


def bline(run_dir):
    return read_run(run_dir)[1]["bline"]


def test_every_promised_file_is_written(complete):
    run_dir, paths = complete
    names = {path.relative_to(run_dir / "report").as_posix() for path in paths}
    tables = {f"tables/bline_{name}.csv" for name in bline_tables.TABLES}
    latex = {f"tables/bline_{name}.tex" for name in (*bline_tables.TABLES, "claims")}
    # Studies that were not run have nothing to draw.
    drawn = {*bline_figures.FIGURES, "claims"} - {"beyond", "learning_curve", "robustness"}
    figures = {f"figures/bline_{name}.{kind}" for name in drawn for kind in ("png", "pdf")}
    pages = {"index.html", "report.md", "checklist.md", "results.json"}
    assert names == pages | tables | latex | figures
    pictures = [cv2.imread(str(path)) for path in paths if path.suffix == ".png"]
    assert min(picture.std() for picture in pictures) > 10  # Ink on white.
    assert paths[0].name == "index.html"


def test_results_json_has_the_documented_shape(complete):
    document = results(complete[0])
    header = {key: document[key] for key in ("schema", "preset", "dataset", "seed")}
    assert header == {"schema": 1, "preset": "quick", "dataset": "simulated", "seed": 0}
    addresses = [(c["table"], c["row"], c["metric"]) for c in document["rows"]]
    assert len(set(addresses)) == len(addresses)
    for cell in document["rows"]:
        assert list(cell) == FIELDS
        if cell["value"] is not None and cell["ci_low"] is not None:
            assert cell["ci_low"] <= cell["ci_high"]


def test_no_file_says_nan(complete):
    for path in complete[1]:
        if path.suffix in {".json", ".csv", ".md", ".html"}:
            text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", path.read_text())
            assert not re.search(r"\b(NaN|nan|Infinity|inf|None)\b", text), path.name


def test_table1_equals_scikit_learn_on_the_files(complete):
    run_dir, _ = complete
    found = cells(run_dir)
    for model in MODELS:
        files = [fold_dir(run_dir, model, fold) / "predictions.csv" for fold in range(5)]
        folds = [pd.read_csv(path, dtype={"patient_id": str}) for path in files]
        per_fold = [sk.f1_score(f["y_true"], f["p_1"] > 0.5) for f in folds]
        headline = found["table1", model, "f1"]
        assert headline["value"] == pytest.approx(np.mean(per_fold))
        assert headline["fold_sd"] == pytest.approx(np.std(per_fold, ddof=1))
        assert headline["published"] == PUBLISHED["table1"][model]["f1"]
        pooled = pd.concat(folds)
        area = sk.roc_auc_score(pooled["y_true"], pooled["p_1"])
        assert found["table1", model, "roc_auc"]["value"] == pytest.approx(area)
        assert (headline["n_patients"], headline["n_clips"], headline["n_folds"]) == (15, 120, 5)


def test_skill_free_predictors_stand_in_the_table(complete):
    found = cells(complete[0])
    undefined = found["table1", "majority", "precision"]
    assert undefined["value"] is None
    assert undefined["note"]
    assert found["table1", "majority", "recall"]["value"] == 0
    assert found["table1", "always_positive", "recall"]["value"] == 1
    model = found["table1", "c2d_a", "accuracy"]
    assert model["baseline"] == found["table1", "majority", "accuracy"]["value"]


def test_table2_counts_clips_that_reach_alpha(complete):
    run_dir, _ = complete
    shares = []
    for fold in range(5):
        with np.load(fold_dir(run_dir, "c2d_lstm_a", fold) / "attention.npz") as stored:
            positive = stored["truth"].any(1)
            iou = temporal_iou(stored["attention"][positive], stored["truth"][positive])
        shares.append(100 * (iou >= 0.4).mean())
    cell = cells(run_dir)["table2", "c2d_lstm_a", "iou_0.4"]
    assert cell["value"] == pytest.approx(np.mean(shares))
    assert cell["published"] == 49.5
    random_frame = cells(run_dir)["table2", "random_frame", "iou_0.4"]["value"]
    assert cell["baseline"] == pytest.approx(random_frame)


def test_a_network_without_attention_is_na(complete):
    for metric in ("iou_0.1", "iou_0.4"):
        cell = cells(complete[0])["table2", "c2d_lstm", metric]
        assert (cell["value"], cell["note"]) == (None, "n/a: no attention")


def test_variants_are_localized_by_the_measure_of_the_paper(complete):
    """Beside the paper's own networks, whose numbers are those of its tables."""
    found = cells(complete[0])
    for name in ("c2d_a", "c3d_a", "c2d_lstm_a"):
        for metric in ("iou_0.1", "iou_0.4"):
            ours, printed = found["beyond", name, metric], found["table2", name, metric]
            assert ours["value"] is not None
            assert {**ours, "table": "table2", "published": None, "baseline": None} == {
                **printed,
                "published": None,
                "baseline": None,
            }
        hit = found["representative_frame", name, "accuracy"]["value"]
        assert found["beyond", name, "representative_frame"]["value"] == hit
    assert found["beyond", "c2d_lstm", "iou_0.1"]["value"] is None


def test_true_positives_can_be_counted_instead(tmp_path):
    run_dir = write_run(tmp_path, models=("c2d_a",), folds=2, patients=6)
    before = bline_tables.representative_frame(bline(run_dir)).cell("c2d_a", "accuracy")
    config = record(("c2d_a",), 2).papers["bline"].config.model_dump()
    config["localisation"]["population"] = "tp"
    write_record(run_dir, record(("c2d_a",), 2, config=config))
    table = bline_tables.representative_frame(bline(run_dir))
    predictions = bline(run_dir).model("c2d_a").predictions
    true_positives = (predictions["y_true"] == 1) & (predictions["p_1"] > 0.5)
    assert table.cell("c2d_a", "accuracy").n_clips == true_positives.sum() < before.n_clips
    assert "(tp)" in " ".join(table.notes)


def test_without_frame_level_truth_localization_is_na(tmp_path):
    models = ("c2d_lstm_a",)
    run_dir = write_run(tmp_path, models=models, folds=2, patients=4, frame_truth=False)
    run = bline(run_dir)
    for table in (bline_tables.table2(run), bline_tables.representative_frame(run)):
        for metric in table.metric_labels:
            cell = table.cell("c2d_lstm_a", metric)
            assert (cell.value, cell.note) == (None, "n/a: no frame-level truth")
            assert table.cell("random_frame", metric).value is None
    assert bline_figures.figure1(run) is None


def test_claims_are_tested_and_reported(complete):
    claims = {claim.id: claim for claim in papers.results("bline").claims(bline(complete[0]))}
    assert claims["lstm_over_none"].verdict == "one training: no verdict"
    found = cells(complete[0])["claims", "lstm_over_none", "f1_difference"]
    assert found["published"] == 0.23
    assert found["note"] == ("one training: no verdict; tested at the scale of the preset quick")
    f1 = {m: cells(complete[0])["table1", m, "f1_pooled"]["value"] for m in MODELS}
    assert found["value"] == pytest.approx(f1["c2d_lstm_a"] - f1["c2d_a"])


def test_a_claim_on_a_model_that_was_not_run_is_not_tested(small):
    claims = {claim.id: claim for claim in papers.results("bline").claims(bline(small))}
    assert claims["lstm_over_none"].verdict == "not tested"
    assert "C2D+A: not run" in claims["lstm_over_none"].note


def test_figure1_shows_the_clip_nearest_to_the_published_iou(complete):
    run = bline(complete[0])
    model = run.model("c2d_lstm_a")
    kept = {(example.fold, example.clip_id) for example in model.examples}
    keys = zip(model.attention.folds.tolist(), model.attention.clip_ids.tolist(), strict=True)
    ious = temporal_iou(model.attention.weights, model.attention.truth)
    offered = [iou for key, iou in zip(keys, ious, strict=True) if key in kept]
    nearest = min(offered, key=lambda iou: abs(iou - 0.78))
    caption = bline_figures.figure1(run).caption
    assert f"({nearest:.0%})" in caption
    assert "frame 2, without B-lines, has weight 0.2 and frame 12, with B-lines, 1." in caption


def test_the_report_is_rebuilt_from_predictions_alone_byte_for_byte(small):
    first = {path: path.read_bytes() for path in write_report(small)}
    shutil.rmtree(small / "report")
    assert {path: path.read_bytes() for path in write_report(small)} == first


@pytest.mark.usefixtures("no_pictures")
def test_an_unfinished_fold_is_ignored_and_said(small):
    (fold_dir(small, "c2d_lstm_a", 1) / "DONE").unlink()
    write_report(small)
    cell = cells(small)["table1", "c2d_lstm_a", "f1"]
    assert (cell["n_folds"], cell["n_patients"]) == (1, 3)
    assert cell["note"] == "1/2 folds"
    assert cell["fold_sd"] is None
    for name in ("index.html", "report.md"):
        text = (small / "report" / name).read_text()
        assert "Incomplete: C2D+LSTM+A has 1/2 folds." in text


def test_skill_free_rows_take_the_most_complete_model(complete, tmp_path):
    """C2D+A comes first and lacks folds; truth comes from a network that has them all."""
    run_dir = tmp_path / "run"
    shutil.copytree(complete[0], run_dir)
    for fold in (3, 4):
        (fold_dir(run_dir, "c2d_a", fold) / "DONE").unlink()
    run = bline(run_dir)
    table1, table2 = bline_tables.table1(run), bline_tables.table2(run)
    assert table1.cell("c2d_a", "f1").n_folds == table2.cell("c2d_a", "iou_0.1").n_folds == 3
    assert table1.cell("majority", "f1").n_folds == 5
    assert table2.cell("random_frame", "iou_0.1").n_folds == 5


@pytest.mark.usefixtures("no_pictures")
def test_a_diverged_fold_is_named_everywhere(small):
    folder = fold_dir(small, "c2d_lstm_a", 1)
    (folder / "DONE").unlink()
    report = {"epoch": 3, "batch": 17, "message": "loss is nan"}
    (folder / "DIVERGED.json").write_text(json.dumps(report))
    write_report(small)
    assert "diverged at epoch 3" in cells(small)["table1", "c2d_lstm_a", "f1"]["note"]
    html = (small / "report" / "index.html").read_text()
    assert "Diverged: C2D+LSTM+A, fold 1, epoch 3, batch 17: loss is nan." in html


@pytest.mark.parametrize(("preset", "words"), [("smoke", "SMOKE RUN"), ("paper", "")])
def test_a_smoke_run_is_called_so_in_every_output(small, preset, words):
    write_record(small, record(("c2d_lstm", "c2d_lstm_a"), 2, preset=preset))
    write_report(small)
    names = ("index.html", "report.md", "checklist.md", "tables/bline_table1.tex")
    for name in names:
        text = (small / "report" / name).read_text()
        assert words in text and (bool(words) or "SMOKE" not in text), name


def test_a_network_that_names_one_class_is_called_that_and_has_no_interval_of_one_number(small):
    """Recall 1 in every resample: "1.000 (1.000 to 1.000)" would look like a finding."""
    for fold in (0, 1):
        path = fold_dir(small, "c2d_lstm", fold) / "predictions.csv"
        table = pd.read_csv(path, dtype={"patient_id": str})
        table.assign(p_0=0.1, p_1=0.9).to_csv(path, index=False)
        revouch(path.parent)
    write_report(small)
    cell = cells(small)["table1", "c2d_lstm", "recall"]
    assert (cell["value"], cell["ci_low"], cell["ci_high"]) == (1.0, None, None)
    assert "the same in every resample: no interval" in cell["note"]
    assert cells(small)["table1", "c2d_lstm", "precision"]["ci_low"] is not None
    for name in ("index.html", "report.md", "tables/bline_table1.tex"):
        text = (small / "report" / name).read_text()
        assert text.count("predicts only B-line") >= 1, name
        assert "1.000 (1.000 to 1.000)" not in text
    labels = bline_tables.table1(bline(small)).row_labels
    assert [name for name, label in labels.items() if "predicts only" in label] == ["c2d_lstm"]


@pytest.mark.usefixtures("no_pictures")
def test_a_run_without_any_finished_fold_still_reports(small):
    for done in small.glob("bline/*/*/*/DONE"):
        done.unlink()
    write_report(small)
    cell = cells(small)["table1", "c2d_lstm_a", "f1"]
    assert (cell["value"], cell["published"]) == (None, 0.81)
    assert "0/2 folds" in cell["note"]


def test_html_loads_nothing_from_elsewhere(complete):
    html = (complete[0] / "report" / "index.html").read_text()
    assert re.findall(r'src="(?!data:image/(png|jpeg);base64,)', html) == []
    assert not re.search(r"<(link|script [^>]|iframe|object)|@import|url\(", html)
    assert "SIMULATED DATA" in html
    assert "not for diagnosis" in html
    assert "lus-keras reproduce table1" in html


@pytest.mark.usefixtures("no_pictures")
def test_html_escapes_what_it_prints(small):
    remark = {"kind": "remark", "topic": "dataset", "text": "<script>alert(1)</script>"}
    write_record(small, record(("c2d_lstm", "c2d_lstm_a"), 2, data={"facts": [remark]}))
    write_report(small)
    html = (small / "report" / "index.html").read_text()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


@pytest.mark.usefixtures("no_pictures")
def test_real_data_are_not_called_simulated(small):
    models = ("c2d_lstm", "c2d_lstm_a")
    write_record(small, record(models, 2, dataset="covid-blues", simulated=False))
    (small / "bline" / "simulated").rename(small / "bline" / "covid-blues")
    write_report(small)
    assert "SIMULATED" not in (small / "report" / "index.html").read_text()


def test_csv_holds_the_cells(complete):
    run_dir, _ = complete
    with (run_dir / "report" / "tables" / "bline_table1.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    found = cells(run_dir)
    for row in rows:
        cell = found[row["table"], row["row"], row["metric"]]
        assert {k: "" if v is None else str(v) for k, v in cell.items()} == row


def test_ids_stay_text(small):
    predictions = bline(small).model("c2d_lstm").predictions
    assert set(predictions["patient_id"]) == {f"00{number}" for number in range(6)}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda t: t.drop(columns="p_1"), r"columns \['p_1'\] are missing"),
        (lambda t: t.assign(p_1="high"), "must be numbers"),
        (lambda t: t.assign(p_1=np.nan), "must be numbers|sum to 1"),
        (lambda t: t.assign(p_1=t["p_1"] + 0.5), "row 2: probabilities must lie in 0 … 1"),
        (lambda t: t.assign(y_true=2), "'y_true' must be 0 … 1"),
        (lambda t: t.assign(clip_id="c"), "'clip_id' must occur once"),
    ],
)
def test_damaged_predictions_are_refused_by_name(small, damage, message):
    path = fold_dir(small, "c2d_lstm", 0) / "predictions.csv"
    damage(pd.read_csv(path, dtype={"patient_id": str})).to_csv(path, index=False)
    revouch(path.parent)
    with pytest.raises(RunError, match=message) as error:
        write_report(small)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", ["predictions.csv", "attention.npz", "examples.npz"])
def test_torn_files_are_refused_by_name(small, name):
    path = fold_dir(small, "c2d_lstm_a", 0) / name
    path.write_bytes(path.read_bytes()[:200] if name.endswith("npz") else b"")
    revouch(path.parent)
    with pytest.raises(RunError, match=re.escape(name)):
        write_report(small)


def test_attention_of_unknown_clips_is_refused(small):
    folder = fold_dir(small, "c2d_lstm_a", 0)
    shutil.copy(fold_dir(small, "c2d_lstm_a", 1) / "attention.npz", folder)
    revouch(folder)
    with pytest.raises(RunError, match=r"attention\.npz.*unknown clips"):
        write_report(small)


@pytest.mark.parametrize("text", [None, "{", "[]", "[" * 9000, '{"version": 4, "papers": {}}'])
def test_a_bad_run_json_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError, match=r"run\.json"):
        write_report(tmp_path)


@pytest.mark.parametrize("paper", ["unknown", "os.path", "../bline"])
def test_a_paper_without_tables_is_said_and_never_imported(small, paper):
    known = record((), 2)
    write_record(small, known.model_copy(update={"papers": {paper: known.papers["bline"]}}))
    write_report(small)
    assert "declares no tables" in (small / "report" / "report.md").read_text()


def test_a_retrained_fold_replaces_its_divergence(small):
    folder = fold_dir(small, "c2d_lstm", 0)
    (folder / "DIVERGED.json").write_text("{}")
    write_fold(folder, "c2d_lstm", 0, 2, 6)
    assert bline(small).status("c2d_lstm") == ""


def test_statistics_and_reports_import_no_deep_learning():
    code = (
        "import sys, lus_keras.evaluation.report.write, lus_keras.papers.bline.figures;"
        "print({'tensorflow', 'keras', 'torch', 'matplotlib.pyplot'} & set(sys.modules))"
    )
    root = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert found.stdout.strip() == "set()"
