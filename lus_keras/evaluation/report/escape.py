"""Names and sentences of data, settings and files, made harmless in Markdown."""

import re

# A link or picture, of whatever a name holds, would be followed or loaded by whoever looks at it.
_LINK = re.compile(r"\](?=[(\[])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_BACKTICKS = re.compile(r"`+")


class Code(str):
    """Text to print as code."""

    __slots__ = ()


class Bold(str):
    """Text to print in bold."""

    __slots__ = ()


def escaped(text: str) -> str:
    """Keeps text from acting as HTML, as a link or as a picture.

    Returns:
        Markdown that shows the text; what is between backticks is not told apart, as whether they
        make it code depends on all that follows.
    """
    return _LINK.sub(r"]\\", _ENTITY.sub("&amp;", text).replace("<", "&lt;"))


def code(text: str) -> str:
    """Prints text as code, whatever backticks it holds."""
    text = " ".join(text.split())
    longest = max((len(found) for found in _BACKTICKS.findall(text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def marked(text: str) -> str:
    """Prints `Code`, `Bold` or plain text as what its type says it is."""
    if isinstance(text, Code):
        return code(text)
    return f"**{escaped(text)}**" if isinstance(text, Bold) else escaped(str(text))


def in_cell(text: str) -> str:
    """Keeps Markdown within one table cell: one line, without a bar that would end the cell."""
    return text.replace("|", "\\|").replace("\n", " ")
