"""What names of files may do to terminals, to spreadsheets and to each other."""

import csv
import io
import unicodedata

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lus_keras.cli import main
from lus_keras.core.files import file_names
from lus_keras.core.safe_text import guard, printable, unguard
from lus_keras.data.manifest import Video, read_manifest, write_manifest


@given(st.text())
def test_nothing_that_steers_a_terminal_is_left(text):
    shown = printable(text)
    assert not {c for c in shown if unicodedata.category(c) in ("Cc", "Cf", "Cs")} - {"\n", "\t"}
    if text.isprintable():
        assert shown == text


def test_an_escape_is_shown_and_not_sent():
    assert printable("a\x1b]0;x\x07\u202eb") == r"a\x1b]0;x\x07\u202eb"


def test_commands_do_not_send_the_escapes_of_names(tmp_path):
    (tmp_path / "a\x1b[2J.csv").write_text("video\n")
    done = CliRunner().invoke(
        main,
        ["data", "import-table", str(tmp_path / "a\x1b[2J.csv"), "--out", str(tmp_path / "m.csv")],
    )
    assert done.exit_code == 3
    assert "\x1b" not in done.output and r"a\x1b[2J.csv" in done.output


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_guarded_cell_is_read_back_and_starts_no_formula(text):
    cell = guard(text)
    assert unguard(cell) == text
    assert cell[:1] not in ("=", "@", "\t", "\r")
    if cell[:1] in ("+", "-") and cell:
        float(cell)


@pytest.mark.parametrize("text", ["-1", "+2.5", "-1e-05", ".5", "p1", "a=b", ""])
def test_numbers_and_plain_words_are_left_alone(text):
    assert guard(text) == text


@pytest.mark.parametrize("name", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "'=x"])
def test_ids_that_begin_as_formulas_come_back_from_a_manifest(tmp_path, name):
    (tmp_path / "v.avi").touch()
    videos = [Video(str(tmp_path / "v.avi"), name, "v")]
    write_manifest(videos, tmp_path / "m.csv")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "m.csv").read_text()))
    assert row["patient_id"] == f"'{name}"
    assert read_manifest(tmp_path / "m.csv") == videos


@given(st.lists(st.text(alphabet="p1/_a.A é\x1b肺", min_size=1, max_size=120), max_size=8))
def test_no_two_ids_share_a_file_on_any_file_system(ids):
    names = file_names(ids)
    assert set(names) == set(ids)
    folded = [unicodedata.normalize("NFC", name).casefold() for name in names.values()]
    assert len(set(folded)) == len(folded)
    for name in names.values():
        assert "/" not in name and name.isprintable() and not name.startswith(".")
        assert len(name.encode()) < 200


def test_folders_and_underscores_are_kept_apart():
    assert len(set(file_names(["p/1/a", "p_1/a", "p/1_a", "p_1_a"]).values())) == 4
