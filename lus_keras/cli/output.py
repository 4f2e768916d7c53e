"""Output of commands: help, printed text, and the list of files written."""

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lus_keras.core.former_names import OPTIONS
from lus_keras.core.safe_text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Files of one folder that are listed one by one; a report has dozens of figures.
LISTED = 12


def _keep_lines(options: dict[str, Any]) -> dict[str, Any]:
    r"""Options in whose help text the escape `\b` is replaced by the character click expects."""
    help_text = options.get("help")
    return {**options, "help": help_text and help_text.replace("\\b\n", "\b\n")}


class Command(click.Command):
    """Command whose help is a raw docstring and preserves the lines of its examples."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **_keep_lines(options))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses arguments; the error about a renamed option states the new name."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if new := OPTIONS.get(error.option_name):
                text = f"{error.message} It is now {new}."
                raise click.NoSuchOption(error.option_name, message=text, ctx=ctx) from None
            raise


class Group(click.Group):
    """Group of such commands."""

    command_class = Command

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **_keep_lines(options))


def echo(text: str, *, err: bool = False) -> None:
    """Prints a text with terminal control characters removed."""
    click.echo(printable(text), err=err)


def number_of(count: int, noun: str) -> str:
    """A count with its noun, such as `1 fold` or `2 folds`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def name_files(files: list[Path]) -> None:
    """Prints a list of files, and which one to open if there is an index page among them.

    A folder with more than `LISTED` of them is one line with their number.
    """
    folders = Counter(path.parent for path in files)
    lines = [
        f"  {path}"
        if (count := folders[path.parent]) <= LISTED
        else f"  {path.parent}{os.sep} ({count} files)"
        for path in files
    ]
    for line in dict.fromkeys(["Files:", *lines]):
        echo(line)
    index = next((path for path in files if path.name == "index.html"), None)
    if index:
        echo(f"Open {os.fspath(index)}")


def write_figure(path: Path, figure: "Figure", *, quiet: bool = False) -> None:
    """Writes a figure as PNG and prints its path unless `quiet`."""
    from lus_keras.core.files import write_file
    from lus_keras.evaluation.plots import png_bytes

    write_file(path, png_bytes(figure))
    if not quiet:
        name_files([path])
