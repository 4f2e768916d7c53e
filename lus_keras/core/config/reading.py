"""Reads YAML, of files and of `--set`; the only module that does."""

import copy
import functools
from collections.abc import Mapping
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lus_keras.core.config.messages import shown
from lus_keras.core.errors import ConfigError

# Values that a file or an option may hold, what aliases stand for included.
MAX_VALUES = 100_000


@functools.lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(StringIO(text))


def read_yaml(text: str, source: str) -> Any:
    """Reads YAML.

    Args:
        text: What to read.
        source: Name of the file or option, for messages.

    Raises:
        ConfigError: It is not valid YAML, is nested too deeply or expands to too many values.
    """
    try:
        values = copy.deepcopy(_parsed(text))
        _refuse_bomb(values)
        return values
    # Tags and numbers that cannot be read raise what Python does; deep nesting, RecursionError.
    except (
        YAMLError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = getattr(error, "problem", None) or next(iter(str(error).splitlines()), "")
        if isinstance(error, RecursionError):
            reason = "it is nested too deeply"
        raise ConfigError(f"{source}{place}: not valid YAML: {reason}. Correct it.") from None


def _refuse_bomb(values: Any) -> None:
    """Refuses text whose aliases stand for more than anybody writes, or for themselves.

    Raises:
        ValueError: It does.
    """
    waiting, count = [values], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            value = [*value, *value.values()]
        if isinstance(value, list | tuple | set):
            count += len(value)
            waiting += value
        if count > MAX_VALUES:
            raise ValueError(f"its aliases (*) expand to more than {MAX_VALUES:,} values")


def read_mapping(text: str, source: str) -> dict[str, Any]:
    """Reads YAML that must be a mapping of keys; see `read_yaml`."""
    values = read_yaml(text, source)
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: must be a mapping of keys. Received {shown(values)}.")
    return values
