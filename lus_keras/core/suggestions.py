"""Names that a person may have meant to be the same: of files, of patients."""

import difflib
import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

MAX_FILES_COMPARED = 5_000

# Letters of Cyrillic and Greek that are drawn as Latin ones.
_LATIN = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаесоріјѕухһвкмнтԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορτυχικ",
    "ABESIJKMHOPCTYXaecopijsyxhbkmhtdqwABEZHIKMNOPTYXavoptuxik",
)
# Letters that do not come apart into a plain one and a mark.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"}
)
_MARKS = frozenset("'’‘‚`´\"“”„")


def nearest_files(names: Iterable[str], folder: Path) -> dict[str, str]:
    """By name of an absent file, the path below the folder of the file named most alike, if any."""
    files = (found for found in folder.rglob("*") if found.is_file())
    there: dict[str, str] = {}
    for found in itertools.islice(files, MAX_FILES_COMPARED):
        there[_fold(found.name)] = found.relative_to(folder).as_posix()
    nearest = {
        name: difflib.get_close_matches(_fold(Path(name).name), there, n=1) for name in names
    }
    return {name: there[near[0]] for name, near in nearest.items() if near}


def groups_alike(names: Iterable[str]) -> list[list[str]]:
    """Groups names that may be spellings of one, see `spelling_key`.

    Letters that are drawn as the figure 1 count as one only where a name of the group has that
    figure: `P1` and `Pl` look alike, `Ali` and `Ail` are two people.
    """
    groups = defaultdict(list)
    for name in sorted(set(names)):
        groups[spelling_key(name)].append(name)
    drawn = defaultdict(set)
    for key, group in groups.items():
        for name in group:
            drawn[spelling_key(name, drawn=True)].add(key)
    for keys in drawn.values():
        left = sorted(keys & groups.keys())
        if len(left) > 1 and any("1" in name for key in left for name in groups[key]):
            groups[left[0]] = sorted(name for key in left for name in groups.pop(key))
    return [group for group in groups.values() if len(group) > 1]


def spelling_key(name: str, *, drawn: bool = False) -> str:
    """What is left of a name once all is taken away that spreadsheets and typing change.

    That is case, width, blanks, invisible characters, quotation marks (Excel's leading apostrophe),
    accents, letters of other alphabets that look like Latin ones, O for 0, leading zeros, a `.0` at
    the end, and hyphens, dots and the like, unless they stand between two digits: `1-12` and `11-2`
    are two patients.

    Args:
        drawn: Whether l, I and | are taken for the figure 1, too.

    Returns:
        Text for comparison only; the same for `P-01`, `p_1` and `PO1`, or for `12.0` and `12`.
    """
    text = unicodedata.normalize("NFKC", _decoded_once(name.replace("\u200b", ""))).translate(
        _LATIN
    )
    letters = unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)
    text = "".join(c for c in letters if unicodedata.category(c)[0] != "M")
    text = "".join(
        c for c in text if unicodedata.category(c) not in ("Cf", "Cc") and c not in _MARKS
    )
    text = re.sub(r"\s+", "", text)
    if drawn:
        text = re.sub("[il|]", "1", text)
    text = re.sub(r"(?<=\d)[.,]0+$", "", text)
    text = re.sub(r"(?<=\d)o+(?=\d|$)|(?<![a-z])o+(?=\d)|o(?=\d)", lambda o: "0" * len(o[0]), text)
    text = re.sub(r"(?<=\d)[\W_]+(?=\d)", "-", text)
    text = re.sub(r"(?!(?<=\d)-(?=\d))[\W_]", "", text)
    text = re.sub(r"(?<!\d)0+(?=\d)", "", text).replace("o", "0")
    return text or _fold(name)


def _decoded_once(text: str) -> str:
    """Text whose UTF-8 bytes were read as Latin letters, `MÃ¼ller`, as it was."""
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
