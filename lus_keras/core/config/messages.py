"""What is wrong with a configuration, in the words of the file, not of the library behind it."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from lus_keras.core.config.paper import PaperConfig, lookup
from lus_keras.core.former_names import KEYS, VARIANTS

MAX_SHOWN = 60
# Where values come from, and the values: the file, a preset, an override.
Layer = tuple[str, Mapping[str, Any]]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that starts with a blank: a word's new name, or the nearest known and all of them."""
    known = list(known)
    if (renamed := (KEYS | VARIANTS).get(word)) in known:
        return f" It is now '{renamed}'."
    near = difflib.get_close_matches(word, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{hint} Known: {', '.join(known)}."


def explained(
    error: ValidationError,
    layers: Sequence[Layer],
    kind: type[BaseModel] = PaperConfig,
    place: Sequence[str] = (),
) -> list[str]:
    """One sentence a problem, with the layer that brought it in: file, preset or `--set`.

    Args:
        error: What the check raised.
        layers: Where values come from, the last one counts.
        kind: What was checked.
        place: Where in the layers this stands; empty for all of them.
    """
    problems = []
    for item in error.errors(include_url=False):
        within = [part for part in item["loc"] if part != "[key]"]
        location = [*place, *within]
        named = ".".join(map(str, location))
        sources = (name for name, layer in reversed(layers) if has(layer, location))
        source = next(sources, layers[0][0])
        if item["type"] == "extra_forbidden":
            hint = did_you_mean(str(location[-1]), _known_keys(kind, within[:-1]))
            problems.append(f"{source}: unknown key '{named}'.{hint}")
        else:
            received = "nothing" if item["type"] == "missing" else shown(item["input"])
            wanted = rule(item["type"], item.get("ctx", {}), item["msg"])
            hint = nearest_choice(item)
            problems.append(f"{source}: {named}: must be {wanted}. Received {received}.{hint}")
    return problems


_RULES = {
    "missing": "given",
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "invalid_key": "a key of text",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys",
    "model_type": "a mapping of keys",
    "literal_error": "{expected}",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "too_long": "a list of {max_length}",
}


def rule(kind: str, context: Mapping[str, Any], message: str) -> str:
    """What is allowed, in words of the file and not of the library that checks it."""
    known = _RULES.get(kind)
    return known.format(**context) if known else message.removeprefix("Input should be ")


def shown(value: Any) -> str:
    """A value as the file would show it, cut to a length that can be read."""
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} …"


def nearest_choice(item: Mapping[str, Any]) -> str:
    """A hint that starts with a blank: the choice that a wrong word is nearest to, if any."""
    if item["type"] != "literal_error" or not isinstance(item["input"], str):
        return ""
    choices = re.findall(r"'([^']*)'", item["ctx"]["expected"])
    near = difflib.get_close_matches(item["input"], choices, n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def _known_keys(kind: Any, location: Sequence[Any]) -> list[str]:
    """Keys that a place may have; `location` leads there from what `kind` describes."""
    for part in location:
        fields = getattr(kind, "model_fields", {})
        kind = fields[part].annotation if part in fields else _element(kind)
        if type(None) in get_args(kind):
            kind = get_args(kind)[0]
    return list(getattr(kind, "model_fields", {}))


def _element(kind: Any) -> Any:
    """Type of the values of a mapping or a list."""
    arguments = get_args(kind)
    return arguments[-1 if get_origin(kind) is dict else 0] if arguments else None


def has(values: Any, location: Sequence[Any]) -> bool:
    """Whether nested mappings and lists have something at a place."""
    try:
        lookup(values, location)
    except (KeyError, TypeError, IndexError):
        return False
    return True
