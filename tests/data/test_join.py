"""Annotations joined with a sheet, what silence means, and what is warned of before training."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from test_import_via import CLIP, FINDING, project, write

from lus_keras.cli import main
from lus_keras.core.errors import ConfigError
from lus_keras.data import datasets
from lus_keras.data.manifest import Video, read_manifest
from lus_keras.data.manifest.balance import one_class_warnings

MARKS = {
    "p1_z1.mp4": [([0.4, 1.0], {FINDING: "0"})],
    "p1_z2.mp4": [([], {CLIP: "0"})],
    "p2_z1.mp4": [],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four videos, one with a segment, one stated free of B-lines, two of which nothing is said."""
    for name in (*MARKS, "p2_z2.mp4"):
        write(tmp_path / "videos" / name)
    project(tmp_path / "project.json", MARKS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def via(*options, sheet="", answers=""):
    words = ["data", "import-via", "project.json", "videos", "--out", "m.csv", *options]
    if sheet:
        Path("labels.csv").write_text(sheet)
        words += ["--table", "labels.csv"]
    return CliRunner().invoke(main, words, input=answers)


def rows():
    return {row.video.rpartition("/")[2]: row for row in read_manifest("m.csv")}


def test_intervals_and_the_labels_of_a_sheet_come_together(folder):
    sheet = (
        "File,Patient,Score,B-lines,remark\np1_z1,010,2,,x\np1_z2,010,0,no,\np2_z1,11,1,no,\n"
        "p2_z2,11,3,yes,\n"
    )
    words = ("--map", "File=video", "--map", "Patient=patient_id", "--map", "Score=severity")
    done = via(*words, "--map", "B-lines=b_lines", sheet=sheet)
    assert done.exit_code == 0, done.output
    found = rows()
    assert {name: (row.patient_id, row.severity, row.b_lines) for name, row in found.items()} == {
        "p1_z1.mp4": ("010", 2, 1),
        "p1_z2.mp4": ("010", 0, 0),
        "p2_z1.mp4": ("11", 1, 0),
        "p2_z2.mp4": ("11", 3, 1),
    }
    # The sheet's no says when there are B-lines: never; its yes does not.
    segments = [found[name].segments for name in sorted(found)]
    assert segments == [((0.4, 1.0),), (), (), None]
    assert "severity: known for 4 (0: 1, 1: 1, 2: 1, 3: 1)" in done.output
    assert "labels.csv: Unused columns: remark." in done.output


def test_a_sheet_that_contradicts_annotations_is_refused_with_all_its_rows(folder):
    sheet = "video,patient_id,b_lines\np1_z1,p1,0\np1_z2,p1,1\n"
    done = via("--patient", r"(?P<patient>p\d)_z\d", sheet=sheet)
    assert done.exit_code == 3
    assert "row 2: `b_lines` is '0' here and '1' in the annotations" in done.output
    assert "row 3: `b_lines` is '1' here and '0'" in done.output
    done = via("--patient", r"(?P<patient>p)\d_z\d", sheet="video,patient_id\np1_z1,p1\n")
    assert "--patient: `patient_id` is 'p' here and 'p1'" in done.output


@pytest.mark.parametrize(
    ("unannotated", "answers", "free"),
    [("skip", "", 1), ("no", "", 3), ("ask", "n\ny\n", 2)],
)
def test_silence_means_what_the_user_says(folder, unannotated, answers, free):
    done = via("--patient", r"(?P<patient>p\d)_z\d", "--unannotated", unannotated, answers=answers)
    assert done.exit_code == 0, done.output
    known = [name for name, row in rows().items() if (row.b_lines, row.segments) == (0, ())]
    assert len(known) == free
    assert ("p2_z2.mp4" in known) == (unannotated != "skip")


def test_without_pattern_and_sheet_nobody_knows_the_patients(folder):
    done = via()
    assert done.exit_code == 2 and "--patient" in done.output and "--table" in done.output


def test_a_sheet_with_columns_of_other_names_is_told_how_to_map_them(folder):
    (folder / "s.csv").write_text("File,Subject ID,B-lines\np1_z1,7,1\np1_z2,7,1\n")
    words = ["data", "import-table", "s.csv", "videos", "--out", "m.csv"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 2
    maps = ["--map", "File=video", "--map", "Subject ID=patient_id"]
    assert "--map File=video --map 'Subject ID=patient_id' --map B-lines=b_lines" in done.output
    done = CliRunner().invoke(main, [*words, *maps])
    assert (
        "Unused columns: B-lines. Did you mean one of these? --map B-lines=b_lines" in done.output
    )
    done = CliRunner().invoke(main, [*words, *maps, "--map", "B-lines=b_lines"])
    assert "b_lines: known for 2 (1: 2)" in done.output
    assert "`b_lines` is 1 in all 2 videos that state it, and never 0" in done.output


def test_labels_of_one_class_are_warned_of_and_blanks_do_not_count():
    videos = [Video("", "p", str(n), b_lines=n % 2, severity=2 if n else None) for n in range(3)]
    (warning,) = one_class_warnings(videos)
    assert warning.startswith(
        "`severity` is 2 in all 2 videos that state it, and never 0 or 1 or 3"
    )
    assert one_class_warnings(videos, ["b_lines"]) == []


@pytest.mark.parametrize(
    ("files", "given", "said"),
    [
        (["a/x.avi"], "data", "`lus-keras data annotate data --out page.html`"),
        (["a/1.png"], "data", "data import-frames data --fps"),
        (["a/IM0001"], "data", "data import-dicom data"),
        (["a/x.avi", "b/manifest.csv"], "data", "--data data/b/manifest.csv"),
        (["l.xlsx"], "data/l.xlsx", "data import-table data/l.xlsx"),
        (["p.json"], "data/p.json", "data import-via data/p.json"),
    ],
)
def test_data_that_are_no_manifest_are_told_their_importer(
    tmp_path, monkeypatch, files, given, said
):
    for name in files:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is not a manifest") as raised:
        datasets.load(given)
    assert said in str(raised.value)
