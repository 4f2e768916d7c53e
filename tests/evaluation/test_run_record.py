"""run.json: written and read by one module, brought over from version 1, refused from others."""

import copy
import json
import re

import pytest
from fake_run import fold_dir, record, revouch, write_run

from lus_keras.core.errors import RunError
from lus_keras.evaluation.report.sentences import sentence
from lus_keras.evaluation.run_record import Settings, facts, read_record, read_run, write_record
from lus_keras.evaluation.run_record.facts import Topic
from lus_keras.experiments.report import write_report
from lus_keras.papers.bline.tables import table1

FINGERPRINT = {
    "label_column": "b_lines",
    "clip": {"frames": 30},
    "fit": {"epochs": 2, "learning_rate": 1e-4},
    "data": "d" * 64,
    "split": "5" * 64,
    "seed": 3,
    "precision": "float32",
    "versions": {"keras": "3.15.1", "tensorflow": None},
    "backend": "tensorflow",
    "lus_keras": "0.1.0",
}
NOTES = {
    "SIMULATED videos (simulator version 2): they test …": Topic.SIMULATION,
    "3 of 9 videos cannot be decoded whole and are left out (data.on_bad=skip): …": Topic.EXCLUSION,
    "2 videos have no label in 'b_lines' and are left out: a, b.": Topic.EXCLUSION,
    "1 videos are shorter or smaller than one clip and give none: …": Topic.EXCLUSION,
    "4 videos are longer than 10 frames and lose their end; …": Topic.EXCLUSION,
    "OPTIMISTIC: the epoch was selected on the clips that are tested.": Topic.TRAINING,
    "Preset 'smoke' is not the paper's protocol: …": Topic.PROTOCOL,
    "The protocol was agreed on by two readers, who give none of their names.": Topic.DATASET,
}
VERSION_1 = {
    "schema": 1,
    "papers": {
        "bline": {
            "title": "A title",
            "doi": None,
            "dataset": "simulated",
            "preset": "smoke",
            "seed": 3,
            "command": "lus-keras reproduce table1",
            "labels": ["no", "yes"],
            "targets": ["table1"],
            "models": ["c2d_a"],
            "model_titles": {"c2d_a": "C2D+A"},
            "folds": 2,
            "config": {"label_column": "b_lines", "clip": {"frames": 30, "odd": 1}, "new": [1]},
            "choices": [{"field": "clip.frames", "value": 30, "label": "P", "why": "Sec. 3"}],
            "published": {"table1": {"c2d_a": {"f1": 0.58}}},
            "claims": [],
            "inconsistencies": ["a ≠ b"],
            "data": {"patients": 8, "classes": {"no": 5, "yes": 3}, "notes": list(NOTES)},
            "arms": {  # former name
                "": {
                    "title": "",
                    "folds": 2,
                    "leaks": True,
                    "data": {"clips": 8, "notes": []},
                    "videos": {"sides": [], "lengths": {}, "patients": {"p": 1}},
                    "fingerprint": FINGERPRINT,
                }
            },
            "split_sha256": "of no use any more",
        }
    },
    "seed": 3,
    "versions": {"keras": "3.15.1"},
    "device": {"platform": "Linux", "cores": 2, "kind": "CPU"},
    "git_commit": None,
}


@pytest.fixture
def old(tmp_path):
    """A run directory of version 1."""
    (tmp_path / "run.json").write_text(json.dumps(VERSION_1))
    return tmp_path


def test_what_is_written_is_what_is_read(tmp_path):
    written = record()
    write_record(tmp_path, written)
    assert json.loads((tmp_path / "run.json").read_text())["version"] == 3
    assert read_record(tmp_path) == written


def test_settings_are_kept_as_they_were_whatever_keys_they_have():
    clip = {"of_another_version": {"a": [1]}, "size": [4, 5], "frames": 3}
    given = {"odd": None, "clip": clip}
    settings = Settings.model_validate(given)
    assert json.dumps(settings.model_dump(mode="json")) == json.dumps(given)
    assert (settings.clip.frames, settings.clip.size, settings.fit.select) == (3, (4, 5), "")


def test_version_1_is_brought_over(old):
    run = read_record(old)
    paper = run.papers["bline"]
    assert (run.version, run.seed, run.versions) == (3, 3, {"keras": "3.15.1"})
    assert (run.device.platform, run.device.cores) == ("Linux", 2)
    # Version 1 knew simulated data by their name.
    assert paper.simulated and (paper.doi, paper.seed, paper.folds) == ("", 3, 2)
    assert paper.config.model_dump() == VERSION_1["papers"]["bline"]["config"]
    assert paper.published == VERSION_1["papers"]["bline"]["published"]
    assert (paper.data.patients, paper.data.clips) == (8, None)
    assert paper.variants[""].leaks and paper.variants[""].videos.patients == {"p": 1}
    assert [choice.why for choice in paper.choices] == ["Sec. 3"]


def test_sentences_of_version_1_stay_and_are_sorted_by_what_they_are_about(old):
    found = read_record(old).papers["bline"].data.facts
    assert {sentence(fact): fact.topic for fact in found} == NOTES


def test_a_fingerprint_of_version_1_is_that_of_the_same_run_today(old):
    mark = read_record(old).papers["bline"].variants[""].fingerprint
    assert (mark.seed, mark.split, mark.data) == (3, "5" * 64, "d" * 64)
    assert mark.settings == {key: FINGERPRINT[key] for key in ("label_column", "clip", "fit")}
    assert (mark.model, mark.fold, mark.versions["tensorflow"]) == (None, None, None)


def test_what_was_brought_over_is_written_as_it_is_read(old):
    run = read_record(old)
    write_record(old, run)
    assert read_record(old) == run


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 4}, "has version 4; this lus_keras reads versions 1 to 3"),
        ({"version": None, "schema": 7}, "has version "),
        ({"papers": {"bline": {}}}, r"papers\.bline\.models: Field required"),
        ({"odd": 1}, "odd: Extra inputs are not permitted"),
        ({"seed": "x", "device": {"cores": "y"}}, r"(?s)seed: .*device\.cores: "),
    ],
)
def test_other_files_are_refused_with_all_that_is_wrong(tmp_path, change, message):
    write_record(tmp_path, record())
    path = tmp_path / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError, match=message) as error:
        read_record(tmp_path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    "damage",
    [{"models": None}, {"arms": 3}, {"data": []}, {"choices": [1]}],  # former name
)
def test_a_damaged_version_1_is_refused(tmp_path, damage):
    content = copy.deepcopy(VERSION_1)
    content["papers"]["bline"] |= damage
    (tmp_path / "run.json").write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"run\.json"):
        read_record(tmp_path)


def test_facts_are_put_into_words_from_their_numbers():
    said = sentence(
        facts.DamagedVideos(
            by_class={"no": 1, "yes": 1},
            problems={"v1": "cut", "v2": "empty"},
            videos_kept=7,
            patients_kept=3,
            patients=4,
        )
    )
    assert said.startswith("2 of 9 videos cannot be decoded completely")
    assert "1 no, 1 yes. 7 videos of 3 of 4 patients remain. v1: cut; v2: empty" in said
    many = [f"v{number}" for number in range(12)]
    said = sentence(facts.UnlabelledVideos(column="b_lines", videos=many))
    assert said.startswith("12 videos have no label in 'b_lines'") and said.endswith("v9, ….")


def test_predictions_that_were_edited_are_refused_by_name(tmp_path):
    run = write_run(tmp_path, models=("c2d_lstm", "c2d_a"), folds=2, patients=4)
    paths = [fold_dir(run, "c2d_lstm", fold) / "predictions.csv" for fold in (0, 1)]
    for path in paths:
        text = path.read_text()
        # One probability's last digit: nothing but the hash can tell.
        path.write_text(re.sub(r"(\d)\n$", lambda m: f"{(int(m[1]) + 1) % 10}\n", text))
    with pytest.raises(RunError, match="was changed after the fold finished") as error:
        read_run(run)
    assert all(str(path) in str(error.value) for path in paths)
    for path in paths:
        revouch(path.parent)
    assert read_run(run)[1]["bline"].model("c2d_lstm").folds_done == (0, 1)


@pytest.mark.parametrize("name", ["attention.npz", "history.csv", "examples.npz"])
def test_whatever_a_report_shows_has_to_be_vouched_for(tmp_path, name):
    run = write_run(tmp_path, models=("c2d_a",), folds=2, patients=4)
    path = fold_dir(run, "c2d_a", 1) / name
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(RunError, match=rf"{re.escape(name)}: is missing"):
        read_run(run)
    path.write_bytes(content[::-1])
    with pytest.raises(RunError, match=rf"{re.escape(name)}: was changed"):
        read_run(run)
    done = json.loads((path.parent / "DONE").read_text())
    del done["sha256"][name]
    (path.parent / "DONE").write_text(json.dumps(done))
    with pytest.raises(RunError, match=rf"{re.escape(name)}: is not listed in DONE"):
        read_run(run)


@pytest.mark.parametrize("text", ["", "{}", '{"sha256": 3}', "[]"])
def test_a_damaged_mark_is_refused(tmp_path, text):
    run = write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4)
    (fold_dir(run, "c2d_lstm", 0) / "DONE").write_text(text)
    with pytest.raises(RunError, match="DONE"):
        write_report(run)


def test_a_row_has_the_settings_of_its_network_that_were_changed_in_its_title(tmp_path):
    run = write_run(tmp_path, models=("c2d_a", "c2d_lstm"), folds=2, patients=4)
    changes = {"c2d_lstm": "lstm_units 8"}
    write_record(run, record(("c2d_a", "c2d_lstm"), 2, changes=changes))
    labels = table1(read_run(run)[1]["bline"]).row_labels
    assert (labels["c2d_a"], labels["c2d_lstm"]) == ("C2D+A", "C2D+LSTM [lstm_units 8]")


@pytest.mark.usefixtures("no_pictures")
def test_names_that_are_html_are_shown_and_do_not_act(tmp_path):
    name = "<img src=x onerror=alert(1)> ![a](http://evil/b) | `c"
    remark = {"kind": "remark", "topic": "dataset", "text": name}
    run = write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4)
    changes = {"title": name, "authors": name, "labels": ["no", name], "data": {"facts": [remark]}}
    write_record(run, record(("c2d_lstm",), 2, command="run `x` <b>", **changes))
    write_report(run)
    for file in ("report.md", "checklist.md"):
        text = (run / "report" / file).read_text()
        assert "<img" not in text and "&lt;img src=x onerror=alert(1)>" in text
        # No picture of elsewhere is loaded by whoever looks at the page.
        assert "](http://evil" not in text
    assert "| `` run `x` <b> `` |" in (run / "report" / "report.md").read_text()
