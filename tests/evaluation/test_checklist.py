"""Reporting checklists: no item is missing, and what a run recorded is filled in."""

from dataclasses import replace

import pytest
from fake_run import write_run
from fake_severity import write_run as write_severity

from lus_keras.evaluation.report.checklist import (
    CHECKLISTS,
    TO_FILL,
    checklist_fields,
    checklist_markdown,
    fill,
    read_items,
)
from lus_keras.evaluation.report.section import build_section
from lus_keras.evaluation.run_record import Settings, VariantRecord, read_run
from lus_keras.papers import results as declared

CLAIM, TRIPOD = CHECKLISTS
# Items of TRIPOD+AI that have parts.
PARTS = {3: 3, 5: 2, 6: 3, 8: 3, 9: 3, 12: 7, 18: 6, 20: 3, 23: 2, 27: 3}


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return read_run(write_run(tmp_path_factory.mktemp("run"), folds=2, patients=6))


@pytest.fixture(scope="module")
def section(document):
    return build_section(document[1]["bline"], declared("bline"))


def answers(checklist, section, record):
    return {item.number: item.answer for item in fill(checklist, section, record)}


def test_no_item_is_missing():
    assert [row["item"] for row in read_items(CLAIM)] == [str(n) for n in range(1, 45)]
    numbered = []
    for number in range(1, 28):
        parts = "abcdefg"[: PARTS.get(number, 0)]
        numbered += [f"{number}{letter}" for letter in parts] or [str(number)]
    assert [row["item"] for row in read_items(TRIPOD)] == numbered


@pytest.mark.parametrize("checklist", CHECKLISTS, ids=lambda checklist: checklist.title)
def test_items_are_complete_and_name_checklist_fields_that_exist(checklist, section, document):
    known = checklist_fields(section, document[0])
    for row in read_items(checklist):
        assert row["section"] and row["asks"], row
        assert not (row["fill"] and row["says"]), row
        assert row["fill"] in {"", *known}, row
        # What remains is said only beside an answer.
        assert not row["remains"] or row["fill"] or row["says"], row


def test_every_answer_is_asked_for(section, document):
    asked = {row["fill"] for checklist in CHECKLISTS for row in read_items(checklist)}
    assert asked - {""} == set(checklist_fields(section, document[0]))


def test_checklist_fields_are_what_the_run_recorded(section, document):
    found = answers(CLAIM, section, document[0])
    assert found["7"].startswith("Data set: simulated videos, no patients.")
    assert found["10"] == "Clips: windows of 30 frames, one every 24 frames."
    assert found["19"].startswith("2 folds by patient, stratified by label; seed 0.")
    assert found["20"].startswith("By patient: no patient is in more than one")
    assert "keras 3.15.1" in found["23"]
    assert "15 patients, 30 videos, 120 clips, 55 positives." in found["35"]
    cell = section.tables[0].cell("c2d_lstm_a", "f1")
    assert f"table1, C2D+LSTM+A: F1 {cell.value:.3f} ({cell.ci_low:.3f} to " in found["37"]
    assert found["4"].count("(one training: no verdict)") == 2
    assert "0123456789abcdef" in found["43"]
    assert found["44"] == found["5"] == found["18"] == ""
    assert answers(TRIPOD, section, document[0])["17"].startswith("Simulated videos")


def test_nothing_of_simulation_is_said_of_real_data(tmp_path):
    record, papers = read_run(write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4))
    own = papers["bline"].record.model_copy(update={"simulated": False, "dataset": "own"})
    section = build_section(replace(papers["bline"], record=own), declared("bline"))
    for checklist in CHECKLISTS:
        found = answers(checklist, section, record)
        kept = {number: text for number, text in found.items() if "simulat" in text.lower()}
        assert kept == {}
    claim = answers(CLAIM, section, record)
    assert claim["7"].startswith("Data set: own.")
    assert claim["13"] == claim["16"] == ""
    assert answers(TRIPOD, section, record)["17"] == ""


def test_clips_that_are_divided_are_said_to_leak(tmp_path):
    record, papers = read_run(write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4))
    settings = Settings.model_validate({"split": {"scheme": "as_published", "seed": 1}})
    changed = papers["bline"].record.model_copy(update={"config": settings})
    section = build_section(replace(papers["bline"], record=changed), declared("bline"))
    assert answers(CLAIM, section, record)["20"].startswith("By clip: a patient may be in both")


def test_variants_that_leak_are_named(tmp_path):
    record, papers = read_run(write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4))
    variants = {"": VariantRecord(folds=2), "leaky": VariantRecord(folds=2, leaks=True)}
    for chosen, expected in (
        (variants, "one partition; verified each time the split is read. Except in leaky, whose"),
        ({"leaky": variants["leaky"]}, "By clip: a patient may be in both the training and the"),
        ({"": variants[""]}, "one partition; verified each time the split is read."),
    ):
        changed = papers["bline"].record.model_copy(update={"variants": chosen})
        section = build_section(replace(papers["bline"], record=changed), declared("bline"))
        assert expected in answers(CLAIM, section, record)["20"]


def test_markdown_counts_what_is_filled_and_leaves_the_rest_to_the_authors(section, document):
    text = checklist_markdown([section], document[0])
    for checklist in CHECKLISTS:
        items = fill(checklist, section, document[0])
        filled = sum(bool(item.answer) for item in items)
        assert f"Filled: {filled} of {len(items)}." in text
        assert 0 < filled < len(items)
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    assert {len(line.replace("\\|", "").split("|")) for line in lines} == {5}
    open_items = sum(not item.answer for c in CHECKLISTS for item in fill(c, section, document[0]))
    assert text.count(f"*{TO_FILL}*") == open_items


def test_a_paper_on_whole_videos_is_described_too(tmp_path):
    record, papers = read_run(write_severity(tmp_path / "run", nan_variants=()))
    section = build_section(papers["severity"], declared("severity"))
    found = answers(CLAIM, section, record)
    assert "whole videos, padded (zero) or truncated to 252 frames" in found["10"]
    assert "on the test set, as in the paper; results are optimistic" in found["26"]
    assert found["36"].startswith("Videos by class, first fold: train: score_0 7, score_1 6")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"fit": {"calibrate": "temperature"}}, "Logits are divided by a temperature fitted on"),
        ({"fit": {"calibrate": "none"}}, "Not done: probabilities are not recalibrated."),
        ({"fit": {}}, "Not done: probabilities are not recalibrated."),
    ],
)
def test_a_fitted_temperature_is_a_recalibration(tmp_path, changes, expected):
    record, papers = read_run(write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4))
    changed = papers["bline"].record.model_copy(update={"config": Settings.model_validate(changes)})
    section = build_section(replace(papers["bline"], record=changed), declared("bline"))
    found = answers(TRIPOD, section, record)
    assert found["12f"].startswith(expected) and found["24"] == found["12f"]
    assert found["13"].endswith(f"Recalibration: {found['12f']}")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Not applied: each fold's network is evaluated separately"),
        ({"train_on": "simulated"}, "Not applied: one network, trained on simulated videos"),
        ({"train_on": "simulated", "networks": 3}, "Probabilities are means over 3 networks"),
    ],
)
def test_networks_that_are_averaged_are_an_ensemble(tmp_path, changes, expected):
    record, papers = read_run(write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4))
    settings = Settings.model_validate({"transfer": changes})
    changed = papers["bline"].record.model_copy(update={"config": settings})
    section = build_section(replace(papers["bline"], record=changed), declared("bline"))
    assert answers(CLAIM, section, record)["27"].startswith(expected)


def test_networks_of_variants_are_told_apart_by_what_they_were_trained_on(tmp_path):
    record, papers = read_run(
        write_run(tmp_path, models=("c2d_a", "c2d_lstm_a"), folds=2, patients=4)
    )
    run = papers["bline"]
    variants = {
        name: VariantRecord(
            title=title, folds=2, config=Settings.model_validate({"transfer": transfer})
        )
        for name, title, transfer in (
            ("simulated", "Simulated only", {"train_on": "simulated", "networks": 3}),
            ("tuned", "Fine-tuned", {"pretrain": "simulated"}),
        )
    }
    titles = {"c2d_a": "C2D+A", "c2d_lstm_a": "C2D+LSTM+A"}
    changed = run.record.model_copy(update={"variants": variants, "model_titles": titles})
    models = {
        "simulated/c2d_a": run.models["c2d_a"],
        "tuned/c2d_lstm_a": run.models["c2d_lstm_a"],
    }
    section = build_section(replace(run, record=changed, models=models), declared("bline"))
    found = answers(CLAIM, section, record)
    assert found["27"] == (
        "Probabilities are means over 3 networks trained on simulated videos (Simulated only, "
        "C2D+A). Not applied (Fine-tuned, C2D+LSTM+A): each fold's network is evaluated "
        "separately, on the test patients of its fold."
    )
    assert found["33"] == (
        "Trained on simulated videos only, tested on simulated (Simulated only, C2D+A). Not done "
        "(Fine-tuned, C2D+LSTM+A): networks are tested on data from the same source as their "
        "training data."
    )
    initial = checklist_fields(section, record)["initial"]()
    assert initial == (
        "Random, seeded, then pretraining on simulated videos (Fine-tuned, C2D+LSTM+A)."
    )


@pytest.mark.parametrize(
    ("resize", "expected"), [("bilinear", "(bilinear with antialiasing)"), ("area", "(by area)")]
)
def test_the_kind_of_resizing_is_that_of_the_run(tmp_path, resize, expected):
    record, papers = read_run(write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4))
    clip = {"unit": "window", "size": [32, 64], "channels": 3, "resize": resize}
    changed = papers["bline"].record.model_copy(
        update={"config": Settings.model_validate({"clip": clip})}
    )
    section = build_section(replace(papers["bline"], record=changed), declared("bline"))
    found = answers(CLAIM, section, record)["9"]
    assert f"resized to 32 × 64 pixels {expected}; 3 channels" in found
