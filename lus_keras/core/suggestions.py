"""Names that a person may have meant to be the same: of files, of patients."""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

MAX_FILES_COMPARED = 5_000


def nearest_files(names: Iterable[str], folder: Path) -> dict[str, str]:
    """Finds, for names of files that are absent, what they may have been meant to be.

    Args:
        names: Paths relative to `folder`.
        folder: Folder to search, with all below it.

    Returns:
        By name, the path relative to `folder` of the file named most alike, where there is one.
    """
    files = (found for found in folder.rglob("*") if found.is_file())
    there: dict[str, str] = {}
    for found in itertools.islice(files, MAX_FILES_COMPARED):
        there[_fold(found.name)] = found.relative_to(folder).as_posix()
    nearest = {
        name: difflib.get_close_matches(_fold(Path(name).name), there, n=1) for name in names
    }
    return {name: there[near[0]] for name, near in nearest.items() if near}


def groups_alike(names: Iterable[str]) -> list[list[str]]:
    """Groups names that differ in case, blanks, width or leading zeros only.

    Args:
        names: Different names.

    Returns:
        Groups of two and more, sorted.
    """
    groups = defaultdict(list)
    for name in sorted(names):
        # Leading zeros are lost in spreadsheets, case and blanks in typing.
        groups[re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"\s", "", _fold(name)))].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
