"""Escapes text from data, settings and files for Markdown."""

import re

# A link or image inside a name would be followed or loaded by the reader.
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
    """Escapes text so that it is neither HTML nor a link nor an image.

    Returns:
        Markdown that shows the text. Text between backticks is escaped as well, because whether it
        is code depends on what follows.
    """
    return _LINK.sub(r"]\\", _ENTITY.sub("&amp;", text).replace("<", "&lt;"))


def code(text: str) -> str:
    """Prints text as inline code, even if it contains backticks."""
    text = " ".join(text.split())
    longest = max((len(found) for found in _BACKTICKS.findall(text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}"


def marked(text: str) -> str:
    """Prints text according to its type: `Code`, `Bold` or plain."""
    if isinstance(text, Code):
        return code(text)
    return f"**{escaped(text)}**" if isinstance(text, Bold) else escaped(str(text))


def in_cell(text: str) -> str:
    """Keeps Markdown within one table cell: one line, without a bar that would end the cell."""
    return text.replace("|", "\\|").replace("\n", " ")
