"""Sheets become manifests: ids stay text, words are translated, all that is unknown is listed."""

import csv

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.cli import main
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.safe_text import unguard
from lus_keras.data.fields import is_missing
from lus_keras.data.importers.table import TableOptions, import_table
from lus_keras.data.importers.values import ValueMap
from lus_keras.data.manifest import read_manifest

openpyxl = pytest.importorskip("openpyxl")
COLUMNS = {"File": "video", "Patient": "patient_id", "Finding": "sign"}


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def sheet(path, rows, delimiter=","):
    with path.open("w", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_are_mapped_and_ids_stay_text(tmp_path, delimiter):
    touch(tmp_path, "videos/a.avi", "videos/b.mp4")
    rows = [["File", "Patient", "Finding", "zone", "remark"]]
    rows += [["a.avi", "010", "B line", "01", "x"], ["videos/b", "10", "effusion", "2", ""]]
    source = sheet(tmp_path / "s.csv", rows, delimiter)
    options = TableOptions(COLUMNS, ValueMap.parse(["sign:B line=b_lines"]))
    done = import_table(source, tmp_path / "m.csv", options)
    assert [(row.patient_id, row.sign, row.zone) for row in done.videos] == [
        ("010", "b_lines", "01"),
        ("10", "effusion", "2"),
    ]
    assert done.notes == ("Unused columns: remark.",)
    with pytest.warns(UserWarning, match="are similar"):
        assert tuple(read_manifest(tmp_path / "m.csv")) == done.videos


def test_excel_cells_are_read_as_they_are_shown(tmp_path):
    """A number formatted 000 is an id with zeros; 2.0 is 2; TRUE is yes; an empty cell is blank."""
    touch(tmp_path, "a.avi", "b.avi")
    book = openpyxl.Workbook()
    page = book.active
    page.append(["video", "patient_id", "severity", "b_lines", "exam_id"])
    page.append(["a.avi", 10, 2.0, True, None])
    page.append(["b.avi", "007", "3", "no", 7])
    page["B2"].number_format = "000"
    book.save(tmp_path / "s.xlsx")
    rows = import_table(tmp_path / "s.xlsx", tmp_path / "m.csv").videos
    assert [(row.patient_id, row.severity, row.b_lines, row.exam_id) for row in rows] == [
        ("010", 2, 1, ""),
        ("007", 3, 0, "7"),
    ]
    assert tuple(read_manifest(tmp_path / "m.csv")) == rows


def test_all_unknown_words_are_listed_once_with_their_rows(tmp_path):
    touch(tmp_path, *(f"v{number}.avi" for number in range(8)))
    rows = [["video", "patient_id", "sign", "severity"]]
    rows += [[f"v{number}.avi", "p", "PE", "4" if number == 3 else "1"] for number in range(7)]
    rows += [["v9.avi", "", "comet", "x"]]
    with pytest.raises(DataError) as caught:
        import_table(sheet(tmp_path / "s.csv", rows), tmp_path / "m.csv")
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert "rows 2, 3, 4, 5, 6, …: column 'sign'" in lines[0] and "'PE'" in lines[0]
    assert "--value 'sign:PE=…'" in lines[0]
    text = str(caught.value)
    for cause in (
        "row 5: column 'severity'",
        "'comet'",
        "Received 'x'",
        "row 9: column 'patient_id' must be filled",
        "no video has the name 'v9.avi'",
    ):
        assert cause in text
    assert not (tmp_path / "m.csv").exists()


def test_a_word_may_stand_for_nothing(tmp_path):
    touch(tmp_path, "a.avi")
    source = sheet(tmp_path / "s.csv", [["video", "patient_id", "sliding"], ["a", "p", "n/a"]])
    options = TableOptions(values=ValueMap.parse(["sliding:n/a="]))
    assert import_table(source, tmp_path / "m.csv", options).videos[0].sliding is None


def test_paths_may_be_put_together_from_columns(tmp_path):
    touch(tmp_path, "data/p1/e1/z1.avi", "data/p2/e1/z1.avi")
    rows = [["patient", "exam", "area", "score"], ["p2", "e1", "z1", "3"], ["p1", "e1", "z1", "0"]]
    options = TableOptions(
        {"patient": "patient_id", "area": "zone", "score": "severity"},
        video="{patient}/{exam}/{area}",
    )
    done = import_table(sheet(tmp_path / "s.csv", rows), tmp_path / "m.csv", options)
    assert [(row.video_id, row.severity) for row in done.videos] == [
        ("data/p2/e1/z1", 3),
        ("data/p1/e1/z1", 0),
    ]


def test_two_rows_of_one_video_are_an_error(tmp_path):
    touch(tmp_path, "a.avi")
    rows = [["video", "patient_id"], ["a.avi", "p1"], ["A.AVI", "p2"]]
    with pytest.raises(DataError, match=r"row 3: video 'a\.avi' already has a row, row 2"):
        import_table(sheet(tmp_path / "s.csv", rows), tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (TableOptions({"Fiel": "video"}), "no column 'Fiel'"),
        (TableOptions({"File": "video"}), "patient_id missing"),
        (TableOptions({"File": "video", "Patient": "video"}), "video mapped twice|missing"),
        (TableOptions({"Patient": "patient_id"}, video="{nope}"), "no column 'nope'"),
    ],
)
def test_wrong_mappings_are_refused(tmp_path, options, cause):
    source = sheet(tmp_path / "s.csv", [["File", "Patient"], ["a.avi", "p"]])
    with pytest.raises(ConfigError, match=cause):
        import_table(source, tmp_path / "m.csv", options)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("s.csv", b""),
        ("s.csv", b"video,patient_id\n"),
        ("s.csv", b"\xff\xfe"),
        ("s.xlsx", b"PK"),
        ("s.xlsx", b""),
        ("none.csv", None),
    ],
)
def test_what_is_no_sheet_is_refused(tmp_path, name, content):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        import_table(tmp_path / name, tmp_path / "m.csv")


WORDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8)


@settings(deadline=None)
@given(st.lists(WORDS.filter(lambda w: not is_missing(w) and unguard(w) == w), min_size=1))
def test_any_id_comes_back_as_it_was(tmp_path_factory, ids):
    folder = tmp_path_factory.mktemp("ids")
    touch(folder, *(f"v{number}.avi" for number in range(len(ids))))
    rows = [["video", "patient_id", "exam_id"]]
    rows += [[f"v{number}.avi", "p", name] for number, name in enumerate(ids)]
    import_table(sheet(folder / "s.csv", rows), folder / "m.csv")
    assert [row.exam_id for row in read_manifest(folder / "m.csv")] == ids


def test_the_command_reads_a_sheet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "videos/a.avi")
    sheet(tmp_path / "s.csv", [["File", "Patient", "Finding"], ["a.avi", "p1", "A lines"]])
    arguments = ["data", "import-table", "s.csv", "videos", "--out", "m.csv"]
    for column, target in COLUMNS.items():
        arguments += ["--map", f"{column}={target}"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "sign: known for 1" in done.output
    assert read_manifest(tmp_path / "m.csv")[0].sign == "a_lines"
