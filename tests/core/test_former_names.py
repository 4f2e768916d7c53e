"""Names of before version 0.3: errors name the new one, and runs of then are read as today's."""

import json

import pytest
from click.testing import CliRunner
from fake_run import record, write_run

from lus_keras.cli import main
from lus_keras.core import config
from lus_keras.core.errors import ConfigError
from lus_keras.core.former_names import KEYS, OPTIONS, VARIANTS, renamed_field, variant_folder
from lus_keras.evaluation.run_record import (
    Fingerprint,
    VariantRecord,
    read_done,
    read_record,
    read_run,
    vouch,
    write_record,
)
from lus_keras.experiments.archive import archive_run
from lus_keras.inference.predict.find import Description

NOW = Fingerprint(
    settings={"cohort": {"patients": 3, "difficulty": 1.0}, "fit": {"epochs": 2}},
    seed=0,
    precision="float32",
    split="5" * 64,
    data="d" * 64,
    versions={},
    backend="tensorflow",
    lus_keras="0.2.0",
)
MODEL = {"schema": 1, "paper": "severity", "model": "m", "options": {}, "labels": ["a", "b"]}


def as_before(content):
    """Today's JSON in the words of before."""
    text = json.dumps(content)
    for old, new in (KEYS | VARIANTS).items():
        text = text.replace(f'"{new}', f'"{old}').replace(f".{new}", f".{old}")
    return json.loads(text)


@pytest.fixture
def runs(tmp_path):
    """The same run as it is written today, and as version 2 wrote it."""
    entry, titles = "val_selected/c2d_a", {"val_selected/c2d_a": "Validation-selected C2D+A"}
    choice = {"field": "cohort.difficulty", "value": 1.0, "label": "X"}
    other = {"field": "variants.val_selected.title", "value": "", "label": "X"}
    for name in ("now", "before"):
        run = write_run(tmp_path / name, models=("c2d_a",), folds=1, patients=4)
        written = record(
            (entry,),
            1,
            config=NOW.settings,
            choices=[choice, other],
            model_titles=titles,
            variants={"val_selected": VariantRecord(title="V", folds=1, fingerprint=NOW)},
        )
        write_record(run, written)
        variant = {"now": "val_selected", "before": "honest"}[name]
        fold = run / "bline" / f"simulated-{variant}" / "c2d_a" / "fold_0"
        fold.parents[1].mkdir()
        (run / "bline" / "simulated" / "c2d_a").rename(fold.parent)
        vouch(fold, read_done(fold).sha256, NOW.of_fold("c2d_a", "fold_0"))
    for path in (run / "run.json", fold / "DONE"):
        path.write_text(json.dumps(as_before(json.loads(path.read_text()))))
    content = json.loads((run / "run.json").read_text()) | {"version": 2}
    del content["sha256"]  # as of before there was one
    (run / "run.json").write_text(json.dumps(content))
    return tmp_path


def test_a_run_of_version_2_is_read_as_the_same_run_of_today(runs):
    assert '"arms"' in (runs / "before" / "run.json").read_text()
    assert '"hard"' in (runs / "before/bline/simulated-honest/c2d_a/fold_0/DONE").read_text()
    assert read_record(runs / "before") == read_record(runs / "now")
    found = [read_run(runs / name)[1]["bline"].models for name in ("before", "now")]
    (old,), (new,) = (models.values() for models in found)
    assert list(found[0]) == list(found[1]) == ["val_selected/c2d_a"]
    assert old.predictions.equals(new.predictions) and old.fingerprints == new.fingerprints
    assert old.fingerprints[0].settings == NOW.settings


def test_folders_keep_their_former_name_where_they_have_it(tmp_path):
    assert variant_folder(tmp_path, "pocus", "").name == "pocus"
    assert variant_folder(tmp_path, "pocus", "val_selected").name == "pocus-val_selected"
    (tmp_path / "pocus-honest").mkdir()
    assert variant_folder(tmp_path, "pocus", "val_selected").name == "pocus-honest"
    (tmp_path / "pocus-val_selected").mkdir()
    assert variant_folder(tmp_path, "pocus", "val_selected").name == "pocus-val_selected"


def test_marks_of_an_archive_and_descriptions_of_before_are_read(runs, tmp_path):
    archive_run(runs / "now", tmp_path / "archive")
    mark = next((tmp_path / "archive").rglob("DONE"))
    now = read_done(mark.parent)
    mark.write_text(json.dumps({"sha256": {}, "left_out": {"model.weights.h5": "a" * 64}}))
    assert read_done(mark.parent).exclusions == {"model.weights.h5": "a" * 64}
    assert now.fingerprint.settings == NOW.settings
    clip = config.load("severity").clip.model_dump(mode="json")
    old = Description.model_validate_json(json.dumps({**MODEL, "arm": "honest", "clip": clip}))
    new = Description.model_validate_json(
        json.dumps({**MODEL, "variant": "val_selected", "clip": clip})
    )
    assert old == new and new.name == "severity/val_selected/m"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("cohort.hard=1", "unknown key 'cohort.hard'. It is now 'difficulty'."),
        ("arms.scratch.set.fit.epochs=3", "unknown key 'arms'. It is now 'variants'."),
    ],
)
def test_a_former_key_is_refused_and_the_new_one_named(key, message):
    with pytest.raises(ConfigError) as error:
        config.load("severity", overrides=[key])
    assert message in str(error.value)


def test_a_former_variant_is_refused_and_the_new_one_named():
    with pytest.raises(ConfigError, match=r"variant 'honest'\. It is now 'val_selected'\."):
        config.load("severity", variant="honest")
    assert renamed_field("arms.honest.set.cohort.hard") == (
        "variants.val_selected.set.cohort.difficulty"
    )


@pytest.mark.parametrize("old", OPTIONS)
def test_a_former_option_is_refused_and_the_new_one_named(old):
    command = ["data", "simulate", "--out", "x"] if old == "--hard" else ["export", "run"]
    result = CliRunner().invoke(main, [*command, old, "1"])
    assert result.exit_code == 2
    # Click quotes the option from version 8.2 on.
    assert f"{old}. It is now {OPTIONS[old]}." in result.output.replace("'", "")
