"""Types and options shared by several commands."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from lus_keras.core.files import check_writable

Box = tuple[int, int, int, int]


class Output(click.Path):
    """A path to write to, refused before any work is done where it cannot be written."""

    def __init__(self, *, is_file: bool, **options: Any) -> None:
        super().__init__(path_type=Path, **options)
        self.is_file = is_file

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parses a path.

        Raises:
            ConfigError: It cannot be written; the message is one line without the usage.
        """
        path = super().convert(value, param, ctx)
        check_writable(Path(os.fsdecode(path)), is_file=self.is_file)
        return path


PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
OUT_FILE = Output(is_file=True, dir_okay=False)
OUT_FOLDER = Output(is_file=False, file_okay=False)
# The same, shown as PATH in the help.
OUT_FILE_PATH, OUT_FOLDER_PATH = Output(is_file=True), Output(is_file=False)
COUNT, WHOLE = click.IntRange(min=1), click.IntRange(min=0)
POSITIVE = click.FloatRange(min=0, min_open=True)

JSON = click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
ROOT = click.option("--root", type=PATH, help="Folder of the videos.")
PATHS_ROOT = click.option("--root", type=PATH, help="Folder that paths are relative to.")
SEED = click.option("--seed", type=WHOLE, default=0, show_default=True, help="Random seed.")


class BoxType(click.ParamType):
    """A region `x,y,w,h` in pixels."""

    name = "box"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Box:
        """Parses a value like the column `roi` of a manifest.

        Raises:
            ConfigError: The value is not a region; the message is one line without the usage.
        """
        from lus_keras.core.errors import ConfigError
        from lus_keras.data.fields import parse_box

        try:
            return parse_box("--roi" if param is None else param.opts[0], value)
        except ValueError as error:
            raise ConfigError(str(error)) from error


BOX = BoxType()


def together(*options: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """One decorator from several options, which the help lists in this order."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate
