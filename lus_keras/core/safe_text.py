"""Text from files and their names, made harmless to terminals and spreadsheets."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

# What Excel and LibreOffice take for the start of a formula, in full width where Excel is Japanese.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def printable(text: str) -> str:
    r"""Shows characters that steer a terminal as `\x1b` and the like; line breaks and tabs stay."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        and character not in "\n\t"
        else character
        for character in text
    )


def guard(cell: str) -> str:
    """A cell of a CSV that no spreadsheet runs: an apostrophe is put before `=`, `+`, `-` and `@`.

    Numbers stay as they are. `unguard` gives the text back, whatever it was.
    """
    if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def unguard(cell: str) -> str:
    """Inverse of `guard`; so that Excel's leading apostrophe is taken off such a cell, too."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def guarded(row: Iterable[Any]) -> list[Any]:
    """A row of a CSV whose texts no spreadsheet runs, see `guard`."""
    return [guard(cell) if isinstance(cell, str) else cell for cell in row]
