"""Reads a CSV or Excel sheet as text; rows that do not match the header are refused."""

import importlib.util
import io
import itertools
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.files import read_text
from lus_keras.core.safe_text import unguard
from lus_keras.data.importers.number_format import shown_as
from lus_keras.data.importers.reading import readable

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_SEPARATOR_LINE = re.compile(r'"?sep=(\\t|[^"\n])"?[,;\t]*', re.IGNORECASE)
_MOST_CELLS = 10_000
# Largest number of rows in Excel, and largest uncompressed size of a workbook in bytes.
_MOST_ROWS = 1 << 20
_MOST_UNPACKED = 256 << 20
# Excel stores numbers with fifteen digits.
_EXACT = 10**15
# A cell forced to be text in Excel, `="007"`.
_TEXT_FORMULA = re.compile(r'="([^"]*)"')
# First bytes of workbooks, whatever their names: current ones, and those from before 2007.
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

# By row and column index, what is displayed instead of a cell's text; None if unknown.
_Shown = dict[tuple[int, int], str | None]


@dataclass(frozen=True)
class Sheet:
    """A sheet as text.

    Attributes:
        header: Names of the columns, stripped; empty for columns without a name.
        rows: Row number as in a spreadsheet, and cells by column; without blank rows.
        others: Sheets of the workbook that were not read.
        shown: By row and column, what a spreadsheet displays instead of the stored number; None if
            the format is not supported.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    others: tuple[str, ...] = ()
    shown: Mapping[tuple[int, str], str | None] = field(default_factory=dict)


def read_sheet(path: Path) -> Sheet:
    """Reads a CSV file, or the first visible sheet of a workbook.

    A CSV is in UTF-8, or in UTF-16 with a byte-order mark; its cells are separated by commas,
    semicolons or tabs. Blank rows are skipped, also before the header.

    Raises:
        ConfigError: The file is an `.xlsx` and the extra `excel` is not installed.
        DataError: The file cannot be read, or rows have more or fewer cells than the header; the
            rows are listed.
    """
    magic = _first_bytes(path)
    if magic == _OLE:
        raise DataError(
            f"{path}: is an Excel file from before 2007, which cannot be read. "
            "Save it as .xlsx or 'CSV UTF-8'."
        )
    if path.suffix.lower() == ".xlsx" or magic.startswith(_ZIP):
        # Cells of a workbook have a fixed column; only cells beyond the header are errors.
        rows, others, shown = _read_xlsx(path)
        sheet = _fitted(path, rows, "columns", False)
        names = dict(enumerate(sheet.header))
        by_column = {
            (row, names[place]): text for (row, place), text in shown.items() if place in names
        }
        return replace(sheet, others=others, shown=by_column)
    table, delimiter = _read_csv(path)
    rows = {number: row for number, row in enumerate(table, start=1) if any(row)}
    return _fitted(path, rows, DELIMITERS.get(delimiter, repr(delimiter)), True)


def _first_bytes(path: Path) -> bytes:
    with readable(path), path.open("rb") as stream:
        return stream.read(len(_OLE))


def _read_csv(path: Path) -> tuple[list[list[str]], str]:
    """Stripped cells of all rows, and the delimiter."""
    import pandas

    try:
        with readable(path):
            text = io.StringIO(read_text(path), newline=None).read()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 CSV ({error}). Save it as 'CSV UTF-8'.") from error
    if "\0" in text:
        raise DataError(f"{path}: contains zero bytes, as in UTF-16. Save it as 'CSV UTF-8'.")
    first, _, rest = text.partition("\n")
    # Excel takes a first line `sep=;` as a directive and does not count it as a row.
    stated = _SEPARATOR_LINE.fullmatch(first.strip(" \r"))
    if stated:
        text, first = rest, rest.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    if stated:
        delimiter = stated[1].replace("\\t", "\t")
    if not text.strip():
        return [], delimiter
    most = max(line.count(delimiter) for line in text.splitlines()) + 1
    if most > _MOST_CELLS:
        raise DataError(f"{path}: a row has {most} cells. Give a sheet with one row per video.")
    try:
        # Only the Python engine distinguishes missing cells (not text) from empty ones.
        frame = pandas.read_csv(
            io.StringIO(text), sep=delimiter, engine="python", header=None, names=range(most),
            dtype=str, keep_default_na=False, skip_blank_lines=False, index_col=False,
            skipinitialspace=True,
        )  # fmt: skip
    except (ValueError, pandas.errors.ParserError) as error:
        raise DataError(f"{path}: is not UTF-8 CSV ({error}). Save it as 'CSV UTF-8'.") from error
    cells = frame.to_numpy().tolist()
    texts = [[_csv_text(cell.strip()) for cell in row if isinstance(cell, str)] for row in cells]
    return texts, delimiter


def _csv_text(cell: str) -> str:
    as_text = _TEXT_FORMULA.fullmatch(cell)
    return as_text[1] if as_text else unguard(cell)


def _fitted(path: Path, table: Mapping[int, list[str]], between: str, exact: bool) -> Sheet:
    """Assigns the cells of each row to the columns of the header, which is the first row.

    Args:
        table: Cells by row number, without blank rows.
        between: Name of the delimiter, for the message.
        exact: Whether rows with fewer cells than the header are errors, too.

    Raises:
        DataError: There is no row after the header, or rows do not match the header.
    """
    first = next(iter(table), 1)
    rows = list(table.items())[1:]
    if not rows:
        raise DataError(
            f"{path}: must have a header and one row per video. Received none. Add them."
        )
    header = tuple(table[first])
    if exact and _ends_with_delimiters(header, [row for _, row in rows], between):
        rows = [(number, row[:-1]) for number, row in rows]
    unfit = [
        f"row {number} has {len(row)}"
        for number, row in rows
        if len(row) > len(header) or (exact and len(row) < len(header))
    ]
    if unfit:
        more = f", … and {len(unfit) - 10} more rows" if len(unfit) > 10 else ""
        raise DataError(
            f"{path}: every row must have as many cells as row {first}, {len(header)} so that no "
            f"value is assigned to the wrong column. Cells are separated by {between}: "
            f"{', '.join(unfit[:10])}{more}. Put double quotes around a cell that contains a "
            "comma, such as a decimal comma, or save the sheet again; a column needs a name in "
            f"row {first}. Nothing was imported."
        )
    filled = [(number, [*row, *[""] * (len(header) - len(row))]) for number, row in rows]
    named = ((number, dict(zip(header, row, strict=True))) for number, row in filled)
    return Sheet(header, tuple(named))


def _ends_with_delimiters(header: Sequence[str], rows: list[list[str]], between: str) -> bool:
    """Whether every row certainly ends with one superfluous delimiter.

    In a comma-separated sheet, a decimal comma in every row before an empty last column would look
    the same. The answer is therefore False if two adjacent cells of any row are whole numbers.
    """
    if not all(len(row) == len(header) + 1 and not row[-1] and row[-2] for row in rows):
        return False
    pairs = itertools.chain.from_iterable(itertools.pairwise(row) for row in rows)
    return between != DELIMITERS[","] or not any(
        re.fullmatch(r"-?\d+", one) and other.isdecimal() for one, other in pairs
    )


def _read_xlsx(path: Path) -> tuple[dict[int, list[str]], tuple[str, ...], _Shown]:
    """Rows of the first visible sheet, names of the other visible ones, and displayed texts.

    Uses openpyxl directly because pandas drops number formats, such as the one that shows `010`.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise ConfigError(
            f"{path}: reading Excel files requires another package: pip install "
            "'lus-keras[excel]'. Or save the sheet as 'CSV UTF-8'."
        )
    try:
        with readable(path), warnings.catch_warnings():
            _refuse_bomb(path)
            warnings.simplefilter("ignore")
            values, others, shown = _cells(path, stored=True)
            formulas, _, _ = _cells(path, stored=False)
    except DataError:
        raise
    except Exception as error:
        # openpyxl raises its own errors and those of its zip and XML parsers.
        raise DataError(f"{path}: is not an Excel sheet ({error}). Save it again.") from error
    bare = [
        f"row {number}"
        for number, told in formulas.items()
        if set(told) - set(values.get(number, ()))
    ]
    if bare:
        raise DataError(
            f"{path}: contains formulas whose values were not stored: {', '.join(bare[:10])}. Open "
            "it in a spreadsheet and save it, or paste the values."
        )
    rows = {number: _row(cells) for number, cells in values.items()}
    return {number: row for number, row in rows.items() if row}, others, shown


def _refuse_bomb(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _MOST_UNPACKED:
        raise DataError(
            f"{path}: decompresses to {unpacked:,} bytes. Save the sheet as 'CSV UTF-8'."
        )


def _cells(path: Path, stored: bool) -> tuple[dict[int, dict[int, str]], tuple[str, ...], _Shown]:
    """Texts of cells by row and column index, names of the other sheets, and displayed texts.

    Args:
        stored: Whether cells with formulas give their stored values; otherwise the formulas.
    """
    import openpyxl

    # Opened here because openpyxl judges a file by its name, not by its content.
    with path.open("rb") as stream:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=stored)
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        sheet = (shown or book.worksheets)[0]
        # Several programs write wrong dimensions; after a reset openpyxl reads all cells.
        sheet.reset_dimensions()
        found, differ = {}, dict[tuple[int, int], str | None]()
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number > _MOST_ROWS:
                raise DataError(f"{path}: has more rows than Excel supports. Save the sheet again.")
            filled = {place: _cell_text(c) for place, c in enumerate(row) if c.value is not None}
            if filled:
                found[number] = filled
            for place, cell in enumerate(row):
                text = _shown_text(cell)
                if text != filled.get(place, text):
                    differ[number, place] = text
        book.close()
    return found, tuple(other.title for other in shown if other is not sheet), differ


def _row(cells: Mapping[int, str]) -> list[str]:
    """Cells of a row up to the last one that is not empty."""
    last = max((place for place, text in cells.items() if text), default=-1)
    return [cells.get(place, "") for place in range(last + 1)]


def _shown_text(cell: Any) -> str | None:
    """Displayed text of a whole number, None if unknown; the text of any other cell."""
    value = cell.value
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if not whole or isinstance(value, bool) or abs(value) >= _EXACT:
        return _cell_text(cell)
    return shown_as(int(value), cell.number_format or "")


def _cell_text(cell: Any) -> str:
    """Text of a cell as displayed: `010` for 10 in the format `000`, `2` for 2.0."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) >= _EXACT:
        # As Excel displays it: digits after the fifteenth are lost.
        return f"{value:.14E}"
    if isinstance(value, int) and re.fullmatch("0+", cell.number_format or ""):
        return str(value).zfill(len(cell.number_format))
    return str(value).strip()
