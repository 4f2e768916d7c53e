"""What a spreadsheet shows of a whole number: `P001` of 1 in the format `"P"000`."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<hidden>_.|\*.|\[[^\]]*\])|(?P<digit>[0#?])'
    r"|(?P<plain>[-+(): $€£/!&~'^={}<>])|(?P<end>;)|(?P<other>.)",
    re.DOTALL,
)
# A part that holds for some values only, such as [=1].
_CONDITION = re.compile(r"\[[<>=]")
_BLANK = {"0": "0", "#": "", "?": " "}


def shown_as(value: int, number_format: str) -> str | None:
    """Text that a spreadsheet shows of a whole number.

    Args:
        number_format: As Excel writes it; `General` shows the number.

    Returns:
        The text, stripped; None where a format has words of its own and is not understood. Of
        formats without words that group digits or show decimals, percent or powers, the number.
    """
    if number_format in ("", "General", "@"):
        return str(value)
    parts = list(_parts(number_format))
    words = any(kind in ("quoted", "escaped") and text.strip() for p in parts for kind, text in p)
    if _CONDITION.search(number_format):
        return None if words else str(value)
    number = 1 if value < 0 and len(parts) > 1 else 2 if value == 0 and len(parts) > 2 else 0
    part = parts[number]
    if any(kind == "other" for kind, _ in part):
        # Decimals, powers, thousands and the like.
        return None if words else str(value)
    sign = "-" if value < 0 and number == 0 else ""
    return (sign + _filled(part, str(abs(value)) if value else "")).strip()


def _parts(number_format: str) -> Iterator[list[tuple[str, str]]]:
    """Kinds and texts of what a format holds: of positive numbers, of negative ones, of 0."""
    part: list[tuple[str, str]] = []
    for match in _TOKEN.finditer(number_format):
        kind = str(match.lastgroup)
        if kind == "end":
            yield part
            part = []
        elif kind != "hidden":
            part.append((kind, match[kind]))
    yield part


def _filled(part: list[tuple[str, str]], digits: str) -> str:
    """Puts digits in their places from the right; the first place takes all that are left."""
    places = [place for place, (kind, _) in enumerate(part) if kind == "digit"]
    texts = [text for _, text in part]
    for place in reversed(places):
        if place == places[0] and len(digits) > 1:
            texts[place] = digits
        else:
            texts[place] = digits[-1:] or _BLANK[texts[place]]
        digits = digits[:-1]
    return "".join(texts)
