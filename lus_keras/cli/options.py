"""Types and options shared by several commands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Box = tuple[int, int, int, int]

PATH = click.Path(path_type=Path)
FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
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
