"""How a spreadsheet displays a whole number: 1 in the format `"P"000` is shown as `P001`."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<hidden>_.|\*.|\[[^\]]*\])|(?P<digit>[0#?])'
    r"|(?P<plain>[-+(): $€£/!&~'^={}<>])|(?P<end>;)|(?P<other>.)",
    re.DOTALL,
)
# A section that applies to some values only, such as [=1].
_CONDITION = re.compile(r"\[[<>=]")
_BLANK = {"0": "0", "#": "", "?": " "}


def shown_as(value: int, number_format: str) -> str | None:
    """Text that a spreadsheet displays for a whole number.

    Args:
        value: The number stored in the cell.
        number_format: Excel format code; `General` displays the number unchanged.

    Returns:
        The text, stripped. Unsupported formats (grouped digits, decimals, percent, powers,
        conditions) give the plain number, or None if they contain literal text.
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
        # Decimals, powers, thousands separators and so on.
        return None if words else str(value)
    sign = "-" if value < 0 and number == 0 else ""
    return (sign + _filled(part, str(abs(value)) if value else "")).strip()


def _parts(number_format: str) -> Iterator[list[tuple[str, str]]]:
    """Sections of a format (positive numbers, negative ones, 0) as pairs of kind and text."""
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
    """Fills placeholders with digits from the right; the first one takes all remaining digits."""
    places = [place for place, (kind, _) in enumerate(part) if kind == "digit"]
    texts = [text for _, text in part]
    for place in reversed(places):
        if place == places[0] and len(digits) > 1:
            texts[place] = digits
        else:
            texts[place] = digits[-1:] or _BLANK[texts[place]]
        digits = digits[:-1]
    return "".join(texts)
