"""`data check --as`: an owner's copy beside what a paper states, counted by hand."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.core.config import PrivateDescription, describe_dataset, descriptions
from lus_keras.data import quality
from lus_keras.data.manifest.record import COLUMNS
from lus_keras.data.quality.expectations import RULES, contradictions, expectations
from lus_keras.data.video import write_video

NOISE = np.random.default_rng(0).integers(0, 200, (64, 128))


def write(folder, name, frames=60, fps=30):
    pixels = np.stack([np.roll(NOISE, step, axis=1) for step in range(frames)]).astype(np.uint8)
    write_video(folder / name, pixels, fps)


def manifest(folder, header, *rows, **files):
    """A manifest of videos that are written first: name → frames."""
    for row in rows:
        name = row.partition(",")[0]
        write(folder, name, files.get(name.partition(".")[0], 60))
    path = folder / "m.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def rows_of(path, said):
    report = quality.check(quality.find_target(path))
    return {row.what.partition(":")[0]: row for row in expectations(report, said)}


def described(name, **expected):
    said = describe_dataset(name, PrivateDescription)
    return said.model_copy(update={"expected": type(said.expected)(**expected)})


@pytest.mark.parametrize("name", descriptions(PrivateDescription))
def test_a_description_is_of_its_paper_and_of_columns_that_there_are(name):
    said = describe_dataset(name, PrivateDescription)
    assert name == said.name == f"{said.paper}-private"
    assert {*said.columns, *said.optional} <= set(COLUMNS)
    assert not said.columns.keys() & said.optional.keys()
    assert set(said.checks) <= RULES.keys()


def test_counts_of_a_copy_stand_beside_those_of_the_paper(tmp_path):
    """Five seconds give two clips of two seconds, a region of 40 × 40 of 64 × 128 pixels ...

    … scaled to 480 × 640 is 300 high and 200 wide: 10 rows of 6 tiles of 30 pixels, 5 of 3 of 60,
    3 of 2 of 90, in each clip.
    """
    path = manifest(
        tmp_path,
        "video,patient_id,sliding,roi",
        'a.avi,p1,1,"0,0,40,40"',
        'b.avi,p2,1,"0,0,40,40"',
        'c.avi,p2,0,"0,0,40,40"',
        a=150,
    )
    expected = {"videos": 3, "labels": {"1": 2, "0": 2}, "clips": {"1": 3, "0": 1}}
    found = rows_of(path, described("sliding-private", **expected, fps=(30.0,), sizes=((64, 128),)))
    assert found["videos"].agrees and found["patients"].agrees is None
    assert (found["patients"].expected, found["patients"].found) == ("", "2")
    assert found["videos with sliding 1"].agrees
    wrong = found["videos with sliding 0"]
    assert (wrong.expected, wrong.found, wrong.agrees) == ("2", "1", False)
    assert found["clips with sliding 1"].agrees and found["clips with sliding 0"].agrees
    assert found["height × width"].agrees and found["frames per second"].agrees
    for name, rows, columns in (("30x30", 10, 6), ("60x60", 5, 3), ("90x90", 3, 2)):
        for kind, used in (("2", 2), ("all", rows)):
            tiles = found[f"tiles of {kind}_{name}"]
            a, p = used * columns, 3 * used * columns
            assert tiles.found == f"absent: {a}, present: {p}, total: {a + p}"
            assert tiles.agrees is False
    assert found["tiles of 2_90x90"].expected == "absent: 96, present: 230, total: 326"


def test_every_rule_finds_what_breaks_it(tmp_path):
    path = manifest(
        tmp_path,
        "video,patient_id,b_lines,segments,roi",
        'a.avi,P-1,1,none,"0,0,40,40"',
        'b.avi,p1,0,0.2-0.9,"100,0,40,40"',
        "c.avi,p2,1,0.2-0.9,",
    )
    report = quality.check(quality.find_target(path))
    found = {name: rule(report, "b_lines") for name, rule in RULES.items()}
    assert [row.agrees for row in found.values()] == [False, False, False]
    assert found["one_spelling"].found == "not in 1: P-1 and p1"
    assert found["segments_agree"].found == "not in 2: a.avi, b.avi"
    assert found["regions_inside"].found == "not in 1: b.avi"


def test_a_test_set_is_found_by_the_counts_it_leaves(tmp_path, monkeypatch):
    """Videos of scores 0 and 1: patient 2 in the test set leaves one of each to train on."""
    path = manifest(
        tmp_path, "video,patient_id,severity", "a.avi,1,0", "b.avi,1,1", "c.avi,2,1", "d.avi,3,3"
    )
    said = describe_dataset("severity-private", PrivateDescription)
    said = said.model_copy(update={"test_patients": (("2", "3"), ("1", "3"))})
    from lus_keras.core import config

    settings = config.load("severity")
    names = ("score_0", "score_1", "score_2", "score_3")
    for train, test, fits in (
        ((1, 1, 0, 0), (0, 1, 0, 1), "with the test patients 2 3"),
        ((0, 1, 0, 0), (1, 1, 0, 1), "with the test patients 1 3"),
        ((0, 0, 0, 0), (0, 0, 0, 0), "train 1/1/0/0; test 0/1/0/1"),
    ):
        sides = (dict(zip(names, counts, strict=True)) for counts in (train, test))
        table = dict(zip(("train", "test"), sides, strict=True))
        changed = settings.model_copy(update={"published": {"table1": table}})
        monkeypatch.setattr(config, "load", lambda paper, changed=changed: changed)
        row = rows_of(path, said)["Table I"]
        assert (row.found, row.agrees) == (fits, fits.startswith("with"))


def test_lengths_are_compared_as_they_are_printed(tmp_path):
    path = manifest(tmp_path, "video,patient_id,b_lines", "a.avi,1,0", "b.avi,2,1", a=122)
    lengths = ({"duration_s": (2.0, 4.0)}, {"duration_s": (2.0, 5.0)}, {"frames": (60.0, 122.0)})
    said = [described("bline-private", **expected) for expected in lengths]
    assert rows_of(path, said[0])["duration, s"].found == "2 to 4.067"
    assert rows_of(path, said[0])["duration, s"].agrees
    assert not rows_of(path, said[1])["duration, s"].agrees
    assert rows_of(path, said[2])["frames of a video"].agrees


def test_the_command_prints_both_and_ends_with_3_where_they_differ(tmp_path):
    path = manifest(tmp_path, "video,patient_id,b_lines,segments", "a.avi,1,0,none")

    def run(*more):
        return CliRunner().invoke(main, ["data", "check", str(path), *more])

    assert run().exit_code == 0
    result = run("--as", "bline-private")
    assert result.exit_code == 3 and "7 of 12 statements agree, 5 do not." in result.output
    assert (
        "Lung ultrasound of dengue patients" in result.output and "not distributed" in result.output
    )
    said = json.loads(run("--as", "bline-private", "--json").output)["expectations"]
    assert [row["found"] for row in said if row["what"] == "patients"] == ["1"]
    assert contradictions([]) == 0
    result = run("--as", "blin-private")
    assert result.exit_code == 2 and "Did you mean 'bline-private'?" in result.output
    result = CliRunner().invoke(main, ["data", "check", "--as", "bline-private", str(tmp_path)])
    assert result.exit_code == 2 and "--as requires a manifest" in result.output
