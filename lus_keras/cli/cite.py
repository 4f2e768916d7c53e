"""`lus-keras cite`: BibTeX of the papers, from their configurations."""

import click

from lus_keras.cli.output import Command
from lus_keras.core import config
from lus_keras.core.bibtex import paper_entry


@click.command(cls=Command)
@click.argument("papers", nargs=-1)
def cite(papers: tuple[str, ...]) -> None:
    r"""Print BibTeX entries of PAPERS, or of all papers.

    \b
    lus-keras cite
    lus-keras cite bline
    """
    click.echo("\n\n".join(bibtex(name) for name in papers or config.papers()))


def bibtex(paper: str) -> str:
    """BibTeX entry of a paper from its configuration.

    Raises:
        ConfigError: There is no such paper.
    """
    said = config.load(paper)
    return paper_entry(paper, said.title, said.authors, said.venue, said.doi)
