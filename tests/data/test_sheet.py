"""Sheets as people have them: nothing moves to another column, nothing is lost, nothing guessed."""

import re
import zipfile

import pytest

from lus_keras.core.errors import DataError
from lus_keras.data.importers.number_format import shown_as
from lus_keras.data.importers.sheet import read_sheet
from lus_keras.data.importers.table import import_table
from lus_keras.data.manifest import read_manifest

openpyxl = pytest.importorskip("openpyxl")


def sheet(tmp_path, text, name="s.csv"):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    for number in range(1, 8):
        (tmp_path / f"v{number}.avi").touch()
    return tmp_path / name


def imported(tmp_path, text, name="s.csv"):
    return import_table(sheet(tmp_path, text, name), tmp_path / "m.csv").videos


def refused(tmp_path, text, name="s.csv"):
    with pytest.raises(DataError) as caught:
        imported(tmp_path, text, name)
    assert not (tmp_path / "m.csv").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (["v1,p1,12,0,0", "v2,p2,12,1,0,3", "v3,p3,11,0,0,2", "v4,p4,9,1,1"], (3, 4)),
        (["v1,p1,12,0,0", "v2,p2,12,1"], (3,)),
        (["v1,p1,12,0,0", "v2,p2,12,1,0,"], (3,)),
        # A decimal comma in every row, and nothing in the last column.
        (["v1,p1,12,5,1,", "v2,p2,11,5,0,"], (2, 3)),
        (["v1,p1,12,0,0,,,"], (2,)),
    ],
)
def test_every_row_with_another_number_of_cells_is_named(tmp_path, rows, told):
    text = refused(tmp_path, "\n".join(["video,patient_id,depth,b_lines,severity", *rows]))
    assert tuple(map(int, re.findall(r"row (\d+) has", text))) == told


def test_a_delimiter_at_the_end_of_every_row_moves_nothing(tmp_path):
    rows = imported(tmp_path, "video,patient_id,b_lines\nv1,p1,1,\nv2,p2,0,\n")
    assert [(row.patient_id, row.b_lines) for row in rows] == [("p1", 1), ("p2", 0)]


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;", "sep=;;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_excels_separator_line_is_read(tmp_path, first, end):
    lines = [first, "video;patient_id;b_lines", "v1;p1;1", "v2;p,2;0", ""]
    rows = imported(tmp_path, end.join(lines))
    assert [(row.patient_id, row.b_lines) for row in rows] == [("p1", 1), ("p,2", 0)]


def test_any_separator_may_be_stated_and_rows_count_from_the_header(tmp_path):
    path = sheet(tmp_path, "sep=|\nvideo|patient_id\nv1|p1\n\n|\nv2|p2\n")
    found = read_sheet(path)
    assert found.header == ("video", "patient_id")
    assert [(number, row["patient_id"]) for number, row in found.rows] == [(2, "p1"), (5, "p2")]


@pytest.mark.parametrize(
    "word",
    [
        *("nan", "NaN", "NA", "N/A", "#N/A", "None", "NULL", "<NA>", ""),
        "#REF!",
        "#DIV/0!",
        "#BEZUG!",
    ],
)
def test_what_stands_for_nothing_is_no_patient(tmp_path, word):
    text = refused(tmp_path, f"video,patient_id,b_lines\nv1,p1,1\nv2,{word},0\nv3,{word},1\n")
    assert "rows 3, 4" in text and "'patient_id'" in text
    (tmp_path / "m.csv").write_text(f"video,patient_id\nv1.avi,{word}\n")
    with pytest.raises(DataError, match="row 2: `patient_id` must be"):
        read_manifest(tmp_path / "m.csv")


@pytest.mark.parametrize("word", ["-", "?", ".", "--", "n.a.", "Unknown", "ANONYMOUS"])
def test_a_word_for_nobody_makes_no_patient_of_many(tmp_path, word):
    text = refused(tmp_path, f"video,patient_id\nv1,{word}\nv2,{word}\n")
    assert "rows 2, 3" in text and "means no value" in text
    (tmp_path / "m.csv").write_text(f"video,patient_id\nv1.avi,{word}\n")
    with pytest.raises(DataError, match="row 2: `patient_id` must be an id"):
        read_manifest(tmp_path / "m.csv")


def test_a_label_that_is_missing_is_not_known_and_none_is_a_value(tmp_path):
    rows = imported(
        tmp_path, "video,patient_id,b_lines,signs\nv1,p1,nan,none\nv2,p2,1.0,NA\nv3,p3,NULL,\n"
    )
    assert [(row.b_lines, row.signs) for row in rows] == [(None, ()), (1, None), (None, None)]


@pytest.mark.parametrize("word", ["#REF!", "#N/A", "#NAME?", "#VALUE!"])
def test_an_error_value_of_excel_is_an_error_in_every_column_that_is_used(tmp_path, word):
    assert f"contains {word!r}" in refused(tmp_path, f"video,patient_id,b_lines\nv1,p1,{word}\n")


@pytest.mark.parametrize(
    "text", ['video,patient_id\nv1,"p1\nv2,p2\n', 'video,patient_id\nv1,"p"1\n']
)
def test_a_quotation_mark_that_is_left_open_loses_no_row(tmp_path, text):
    assert "CSV" in refused(tmp_path, text)


def book(path, rows, change=None):
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    if change:
        change(made.active)
    made.save(path)
    return path


@pytest.mark.parametrize("stated", ["A1", "A1:B3", "A1:C1048576", "C3:D4", "A1:XFD2"])
def test_a_wrong_dimension_loses_nothing(tmp_path, stated):
    rows = [["video", "patient_id", "b_lines"]]
    rows += [[f"v{number}.avi", f"p{number}", number % 2] for number in range(1, 7)]
    source = book(tmp_path / "plain.xlsx", rows)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(tmp_path / "s.xlsx", "w") as new:
        for item in old.infolist():
            data = old.read(item).decode()
            new.writestr(
                item, re.sub(r'<dimension ref="[^"]*"', f'<dimension ref="{stated}"', data)
            )
    content = (tmp_path / "s.xlsx").read_bytes()
    found = imported(tmp_path, content, "s.xlsx")
    assert [(row.patient_id, row.b_lines) for row in found] == [
        (f"p{number}", number % 2) for number in range(1, 7)
    ]


def test_a_workbook_is_told_by_its_content_and_not_by_its_name(tmp_path):
    rows = [["video", "patient_id", "b_lines"], ["v1.avi", "p1", 1]]
    content = book(tmp_path / "a.xlsx", rows).read_bytes()
    for name in ("s.csv", "s.xlsm", "S.XLSX"):
        assert [row.patient_id for row in imported(tmp_path, content, name)] == ["p1"]
        (tmp_path / "m.csv").unlink()
    old = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    assert "from before 2007" in refused(tmp_path, old, "s.xls")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_text_is_read_in_the_encoding_that_its_mark_states(tmp_path, encoding, end):
    """Excel's 'Unicode text' is UTF-16 with tabs."""
    lines = ["video\tpatient_id\tb_lines", "v1\tMüller\t1", "v2\t肺\t0"]
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    rows = imported(tmp_path, (mark + end.join(lines)).encode(encoding))
    assert [(row.patient_id, row.b_lines) for row in rows] == [("Müller", 1), ("肺", 0)]


def test_utf16_without_its_mark_is_told(tmp_path):
    text = "video\tpatient_id\nv1\tp1\n".encode("utf-16-le")
    assert "zero bytes, as in UTF-16" in refused(tmp_path, text)


def test_a_manifest_may_be_saved_as_utf16(tmp_path):
    path = sheet(tmp_path, "video,patient_id\nv1.avi,Müller\n".encode("utf-16"))
    assert [row.patient_id for row in read_manifest(path)] == ["Müller"]


def test_cells_that_were_kept_from_running_are_read_as_they_were(tmp_path):
    rows = imported(tmp_path, "video,patient_id\nv1,'=1+1\nv2,'001\n")
    assert [row.patient_id for row in rows] == ["=1+1", "'001"]


def test_what_surrounds_a_text_is_not_part_of_it(tmp_path):
    """Blanks between a comma and a quotation mark; the formula that makes Excel take a text."""
    rows = imported(tmp_path, 'video, patient_id\nv1, "p,1"\nv2,"=""007"""\n')
    assert [row.patient_id for row in rows] == ["p,1", "007"]


def test_hidden_sheets_are_passed_over_and_others_are_named(tmp_path):
    made = openpyxl.Workbook()
    for title, patient in (("old", "pOLD"), ("data", "p1"), ("notes", "p2")):
        added = made.create_sheet(title)
        added.append(["video", "patient_id"])
        added.append(["v1.avi", patient])
    del made["Sheet"]
    made["old"].sheet_state = "hidden"
    made.active = 1
    made.save(tmp_path / "a.xlsx")
    path = sheet(tmp_path, (tmp_path / "a.xlsx").read_bytes(), "s.xlsx")
    done = import_table(path, tmp_path / "m.csv")
    assert [row.patient_id for row in done.videos] == ["p1"]
    assert "not 'notes'" in done.notes[0]


def test_blank_rows_and_columns_before_the_header_move_nothing(tmp_path):
    rows = [[], [None, "video", "patient_id"], [], [None, "v1.avi", "p1"]]
    path = book(tmp_path / "s.xlsx", rows)
    assert [(number, row["patient_id"]) for number, row in read_sheet(path).rows] == [(4, "p1")]


def test_ids_longer_than_excel_keeps_are_shown_rounded_and_warned_of(tmp_path):
    from lus_keras.data.identity import warning_of_ids

    rows = [["video", "patient_id"], ["v1.avi", 999_999_999_999_999], ["v2.avi", 10**15 + 1]]
    content = book(tmp_path / "a.xlsx", rows).read_bytes()
    ids = [row.patient_id for row in imported(tmp_path, content, "s.xlsx")]
    assert ids == ["999999999999999", "1.00000000000000E+15"]
    assert "1 patient ids are numbers that a spreadsheet has rounded" in warning_of_ids(ids)


def rewritten(path, member, text):
    """A workbook with a member replaced."""
    with zipfile.ZipFile(path) as old:
        content = {item.filename: old.read(item) for item in old.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in (content | {member: text}).items():
            new.writestr(name, data)
    return path


def test_a_workbook_that_asks_for_more_than_a_sheet_needs_is_refused(tmp_path):
    path = book(tmp_path / "s.xlsx", [["video", "patient_id"], ["v1.avi", "p1"]])
    far = re.sub(
        rb'<row r="2"',
        b'<row r="900000000"',
        zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml"),
    )
    rewritten(path, "xl/worksheets/sheet1.xml", far)
    with pytest.raises(DataError, match="more rows than Excel"):
        read_sheet(path)
    rewritten(path, "xl/sharedStrings.xml", b"<sst>" + b" " * (257 << 20) + b"</sst>")
    assert path.stat().st_size < 1e6
    with pytest.raises(DataError, match=r"decompresses to 269,\d{3},\d{3} bytes"):
        read_sheet(path)


def test_a_cell_beyond_the_header_and_a_formula_without_a_value_are_named(tmp_path):
    rows = [["video", "patient_id", "b_lines"], ["v1.avi", "p1", 1], ["v2.avi", "p2", 0, "x"]]
    content = book(tmp_path / "a.xlsx", rows).read_bytes()
    assert "row 3 has 4" in refused(tmp_path, content, "s.xlsx")
    rows = [["video", "patient_id", "b_lines"], ["v1.avi", "p1", "=1-1"]]
    content = book(tmp_path / "b.xlsx", rows).read_bytes()
    assert "formulas whose values were not stored: row 2" in refused(tmp_path, content, "s.xlsx")


def test_an_id_that_excel_turned_into_a_date_is_told(tmp_path):
    import datetime

    for value, shown in (
        (datetime.datetime(2024, 2, 1), "2024-02-01"),
        (datetime.time(1, 3), "01:03:00"),
    ):
        content = book(tmp_path / "a.xlsx", [["video", "patient_id"], ["v1.avi", value]])
        told = refused(tmp_path, content.read_bytes(), "s.xlsx")
        assert f"contains a date or time, {shown}. A spreadsheet" in told


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (1, '"P"000', "P001"),
        (1234, '"P"000', "P1234"),
        (1, "\\P000", "P001"),
        (7, '"pat "0', "pat 7"),
        (7, '0" A"', "7 A"),
        (1234567, "000-0000", "123-4567"),
        (12345678, "000-0000", "1234-5678"),
        (5, "##0", "5"),
        (0, "#", ""),
        (5, "000", "005"),
        (-5, "000", "-005"),
        (-5, '0;"minus "0', "minus 5"),
        (0, '"yes";;"no"', "no"),
        (3, '[Red]"P"00', "P03"),
        (3, "General", "3"),
        (3, "", "3"),
        (3, "@", "3"),
        # Without words of their own, formats only dress a number.
        (1234, "#,##0", "1234"),
        (1234, "_-* #,##0_-;-* #,##0_-", "1234"),
        (3, "0.00", "3"),
        (3, "0%", "3"),
        (3, '0.0" mm"', None),
        (3, 'General" a"', None),
        (1, '[=1]"P"0;0', None),
    ],
)
def test_a_number_is_shown_as_a_spreadsheet_shows_it(value, number_format, shown):
    assert shown_as(value, number_format) == shown


def with_formats(tmp_path, cells):
    """Imports rows of (patient, format, score, format), one video each."""
    rows = [["video", "patient_id", "severity"]]
    for number, (patient, _, score, _) in enumerate(cells):
        (tmp_path / f"v{number}.avi").touch()
        rows.append([f"v{number}.avi", patient, score])

    def change(page):
        for number, (_, one, _, other) in enumerate(cells, start=2):
            page[f"B{number}"].number_format = one
            page[f"C{number}"].number_format = other

    return import_table(book(tmp_path / "t.xlsx", rows, change), tmp_path / "m.csv")


def test_ids_are_those_that_are_shown_and_labels_those_that_are_stored(tmp_path):
    """A format and a text that show one patient neither split nor merge it with another."""
    shown = '"P"000'
    cells = [(1, shown, 2, '0" points"'), ("P001", "General", 3, "General")]
    cells += [(1, "General", 1, '"yes";;"no"'), (2, shown, 0, "General")]
    done = with_formats(tmp_path, cells)
    assert [row.patient_id for row in done.videos] == ["P001", "P001", "1", "P002"]
    assert [row.severity for row in done.videos] == [2, 3, 1, 0]
    (note,) = done.notes
    assert (
        "'severity': numbers are read, such as 2, which a spreadsheet shows as '2 points'" in note
    )


def test_an_id_in_a_format_that_is_not_understood_is_an_error_of_its_rows(tmp_path):
    cells = [(1, '[=1]"P"0;0', 2, "General"), (2, '0.0"x"', 2, "General"), (3, "0", 1, "General")]
    with pytest.raises(DataError) as caught:
        with_formats(tmp_path, cells)
    text = str(caught.value)
    assert (
        "row 2: column 'patient_id': contains the number 1 in a format that cannot be interpreted"
        in text
    )
    assert "row 3" in text and "row 4" not in text and "Format the column as text" in text
    assert not (tmp_path / "m.csv").exists()
