"""How commands look: their help, and how each ends, by naming the files it wrote."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lus_keras.core.former_names import OPTIONS
from lus_keras.core.safe_text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _keep_lines(options: dict[str, Any]) -> dict[str, Any]:
    """Click keeps the lines of a block that starts with this character, not with its escape."""
    help_text = options.get("help")
    return {**options, "help": help_text and help_text.replace("\\b\n", "\b\n")}


class Command(click.Command):
    """Command whose help is a raw docstring and shows its examples as they are typed."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **_keep_lines(options))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Names the new option where a former one is given."""
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
    """Prints a text whose names of files and the like cannot steer the terminal."""
    click.echo(printable(text), err=err)


def number_of(count: int, noun: str) -> str:
    """`1 fold`, `2 folds`."""
    return f"{count} {noun}{'s' * (count != 1)}"


def name_files(files: list[Path]) -> None:
    """Lists files, and says which to open if there is a page among them."""
    echo("Files:")
    for path in files:
        echo(f"  {path}")
    index = next((path for path in files if path.name == "index.html"), None)
    if index:
        echo(f"Open {os.fspath(index)}")


def write_figure(path: Path, figure: "Figure", *, quiet: bool = False) -> None:
    """Writes a figure as PNG and names the file."""
    from lus_keras.core.files import write_file
    from lus_keras.evaluation.plots import png_bytes

    write_file(path, png_bytes(figure))
    if not quiet:
        name_files([path])
