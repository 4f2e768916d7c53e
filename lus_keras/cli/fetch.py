"""`lus-keras data fetch`: public data, verified by hash, after acceptance of their license."""

import sys
from pathlib import Path

import click

from lus_keras.cli.options import OUT_FOLDER
from lus_keras.cli.output import Command, echo
from lus_keras.core.errors import ConfigError


@click.command(cls=Command, short_help="Fetch a public data set, verified by sha256.")
@click.argument("name", metavar="[covid-blues|pocus]")
@click.option("--offline", is_flag=True, help="Download nothing; list missing files.")
@click.option(
    "--from",
    "own_copy",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with a copy of the data set; only files that it lacks are downloaded.",
)
@click.option("--to", type=OUT_FOLDER, help="Output folder.  [default: the cache]")
@click.option(
    "--accept-licence",
    "--accept-license",
    "accepted",
    is_flag=True,
    help="Accept the license of the data set without a prompt.",
)
def fetch(name: str, offline: bool, own_copy: Path | None, to: Path | None, accepted: bool) -> None:
    r"""Fetch a public data set at a pinned version, every file verified by its sha256.

    Verified files are not fetched again; run the same command again to resume.

    \b
    lus-keras data fetch covid-blues --accept-license
    lus-keras data fetch pocus --offline --from ~/Downloads/pocus --to data/pocus
    """
    from lus_keras.core.progress import Reporter
    from lus_keras.data import download as work

    source = work.find_source(name)
    size = sum(remote.size for remote in source.files) / 1e6
    echo(f"{source.title}\n{source.homepage} at commit {source.commit[:12]}")
    echo(f"{len(source.files)} files, {size:.0f} MB\nLicense: {source.license}")
    echo(f"Cite: {source.citation}")
    if not accepted:
        if not _asks():
            raise ConfigError(f"{name}: accept the license above with --accept-license.")
        if not click.confirm("Do you accept the license?"):
            raise ConfigError(f"{name}: nothing was fetched. Accept the license to fetch it.")
    with Reporter() as reporter:
        live = reporter.console.is_terminal
        result = work.fetch(
            source,
            to=to,
            own_copy=own_copy,
            offline=offline,
            progress=(lambda done, total: reporter.advance(name, done, total)) if live else None,
        )
    echo(
        f"{result.folder}: {result.present} files were present, {result.copied} copied, "
        f"{result.downloaded} downloaded; all verified."
    )
    for sentence in result.tables:
        echo(sentence)
    for sentence in source.not_listed:
        echo(f"Not listed: {sentence}.")


def _asks() -> bool:
    """Whether the command runs interactively."""
    return sys.stdin.isatty()
