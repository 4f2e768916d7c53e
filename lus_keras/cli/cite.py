"""`lus-keras cite`: BibTeX of the papers, from their configurations."""

import re

import click

from lus_keras.cli.output import Command
from lus_keras.core import config


@click.command(cls=Command)
@click.argument("papers", nargs=-1)
def cite(papers: tuple[str, ...]) -> None:
    r"""Print BibTeX of PAPERS, or of all.

    \b
    lus-keras cite
    lus-keras cite bline
    """
    click.echo("\n\n".join(bibtex(name) for name in papers or config.papers()))


def bibtex(paper: str) -> str:
    """Makes a BibTeX entry.

    Returns:
        The entry; what its configuration does not know is left out.

    Raises:
        ConfigError: There is no such paper.
    """
    said = config.load(paper)
    year = re.search(r"(?:19|20)\d\d", said.venue)
    # Braces keep the capitals of a title.
    fields = {
        "title": f"{{{said.title}}}",
        "author": re.sub(r" et al\.?$", " and others", said.authors),
        "howpublished": re.sub(r",? (?:19|20)\d\d$", "", said.venue),
        "year": year.group() if year else "",
        "doi": said.doi,
    }
    if not said.venue:
        # A text without a source has no author to name either.
        fields |= {"author": "", "note": said.authors.capitalize()}
    escaped = {key: re.sub(r"([&%#_])", r"\\\1", value) for key, value in fields.items() if value}
    lines = [f"  {key} = {{{value}}}," for key, value in escaped.items()]
    return "\n".join([f"@misc{{{paper},", *lines, "}"])
