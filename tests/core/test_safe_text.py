"""What names of files may do to terminals, to spreadsheets and to each other."""

import csv
import io
import unicodedata
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from lus_keras.cli import last_resort, main
from lus_keras.core.files import file_names
from lus_keras.core.progress import Console, Reporter
from lus_keras.core.safe_text import guard, guarded, printable, unguard
from lus_keras.data.manifest import Video, read_manifest, write_manifest
from lus_keras.evaluation.report.write import _csv
from lus_keras.evaluation.run_record import read_predictions
from lus_keras.evaluation.tables.cells import Cell
from lus_keras.experiments.training.tables import write_predictions

EVIL = "a\x1b[2J\x1b]0;x\x07\u202eb"
SHOWN = r"a\x1b[2J\x1b]0;x\x07\u202eb"


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


def test_tables_and_progress_send_no_escapes_but_their_own():
    """A terminal that shows colors gets those of rich, and names as text."""
    stream = io.StringIO()
    options = {"color_system": "standard", "highlight": False}
    console = Console(file=stream, force_terminal=True, width=120, **options)
    table = Table("video")
    table.add_row(EVIL, style="red")
    console.print(table)
    console.print(f"[bold]{EVIL}[/bold]")
    Reporter(console).note(EVIL)
    sent = stream.getvalue()
    assert sent.count(SHOWN) == 3
    assert "\x1b[31m" in sent and "\x1b[2J" not in sent and "\x1b]" not in sent
    assert "\x07" not in sent and "\u202e" not in sent


@pytest.mark.parametrize(
    "arguments", [[f"--{EVIL}"], [EVIL], ["list", EVIL], ["predict", "run", "--fold", EVIL]]
)
def test_what_was_typed_wrongly_is_quoted_without_its_escapes(arguments):
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert not {"\x1b", "\x07", "\u202e"} & set(result.output)


def test_a_warning_is_a_line_without_escapes(monkeypatch):
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    last_resort.show_warnings_in_a_line()
    shown = warnings.formatwarning(UserWarning(EVIL), UserWarning, "file.py", 1)
    assert shown == f"Warning: {SHOWN}\n"
    assert "file.py:1" in warnings.formatwarning("old", DeprecationWarning, "file.py", 1)


FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "'=x", "-p 1", "p1"]


def test_predictions_start_no_formula_and_give_ids_back(tmp_path):
    ids = np.array(FORMULAS, object)
    index = SimpleNamespace(clip_id=ids, video_id=ids, patient_id=ids)
    rows, truth, chances = np.arange(6), np.zeros(6, int), np.tile([0.25, 0.75], (6, 1))
    path = tmp_path / "predictions.csv"
    write_predictions(path, SimpleNamespace(index=index), rows, 0, truth, chances)
    with path.open(newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    read = read_predictions(path)
    for name in ("clip_id", "video_id", "patient_id"):
        assert read[name].tolist() == FORMULAS


def test_tables_of_a_report_start_no_formula():
    """Labels of a user's data are rows of tables; numbers stay numbers."""
    text = _csv(SimpleNamespace(cells=[Cell("p", "t", "=1+1", "@m", value=-0.5)]))
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["row"], row["metric"], row["value"]) == ("'=1+1", "'@m", "-0.5")
    assert guarded(["=x", -1, None]) == ["'=x", -1, None]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_guarded_cell_is_read_back_and_starts_no_formula(text):
    cell = guard(text)
    assert unguard(cell) == text
    assert cell[:1] not in ("=", "@", "\t", "\r", "\n", *"＝＋－＠")
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
