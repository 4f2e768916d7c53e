"""What a configuration may set of a network: the options of its builder that do not define its row.

A row of a table is a builder with some keywords bound (`functools.partial`). These are what the row
is, so they are no settings of it. The types of the others are those of the builder's signature.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from lus_keras.core.config import did_you_mean
from lus_keras.core.config.messages import nearest_choice, rule, shown

# Types of options, for signatures of builders.
Share = Annotated[float, Field(ge=0, lt=1)]
Factor = Annotated[float, Field(ge=0)]


@dataclass(frozen=True)
class Part:
    """Marks an option whose null or 0 omits a part of a network, which a setting may only vary.

    Attributes:
        kind: Type of the option of networks with the part.
    """

    kind: Any


@dataclass(frozen=True)
class Only:
    """Marks an option that has an effect only where another one has one of some values."""

    option: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class OfClasses:
    """Marks an option that follows from the classes of a paper and is no setting."""


def settable(build: Callable[..., Any]) -> dict[str, Any]:
    """Options that a configuration may set of a network.

    Args:
        build: Builder, with bound keywords that define the row.

    Returns:
        Option → type, in the order of the signature.
    """
    hints = get_type_hints(getattr(build, "func", build), include_extras=True)
    bound = getattr(build, "keywords", {})
    options = dict(inspect.signature(build).parameters)
    kinds = {}
    for name in options.keys() - {"input_shape", "name"}:
        marks = getattr(hints[name], "__metadata__", ())
        part = next((mark for mark in marks if isinstance(mark, Part)), None)
        only = [mark for mark in marks if isinstance(mark, Only)]
        if any(isinstance(mark, OfClasses) for mark in marks):
            continue
        acts = all(options[mark.option].default in mark.values for mark in only)
        if acts and (options[name].default if part else name not in bound):
            kinds[name] = part.kind if part else hints[name]
    return {name: kinds[name] for name in options if name in kinds}


def problems(
    options: Mapping[str, Any], known: Mapping[str, Callable[..., Any]], titles: Mapping[str, str]
) -> list[str]:
    """Checks settings of networks against the signatures of their builders.

    Args:
        known: Builders of the networks concerned, by name.

    Returns:
        One sentence for each setting that is unknown, defines a row or has a wrong value.
    """
    kinds = {name: settable(build) for name, build in known.items()}
    every = dict.fromkeys(option for of_one in kinds.values() for option in of_one)
    found = []
    for key, value in options.items():
        having = {str(of_one[key]): of_one[key] for of_one in kinds.values() if key in of_one}
        rows = [n for n, build in known.items() if key in inspect.signature(build).parameters]
        if not having and rows:
            names = ", ".join(titles.get(name, name) for name in rows)
            found.append(
                f"model.{key}: defines what {names} is and cannot be set. Choose a network with "
                "--model, or add one of your own with --network."
            )
        elif not having:
            found.append(f"unknown key 'model.{key}'.{did_you_mean(key, every)}")
        else:
            found += dict.fromkeys(p for kind in having.values() for p in _wrong(key, kind, value))
    return found


def _wrong(key: str, kind: Any, value: Any) -> Iterable[str]:
    try:
        # Only lists become tuples: what they hold stays strict.
        TypeAdapter(kind, config=ConfigDict(strict=True)).validate_python(_tuples(value))
    except ValidationError as error:
        for item in error.errors(include_url=False)[:1]:
            place = ".".join(["model", key, *(str(p) for p in item["loc"] if isinstance(p, int))])
            wanted = rule(item["type"], item.get("ctx", {}), item["msg"])
            received = list(item["input"]) if isinstance(item["input"], tuple) else item["input"]
            hint = nearest_choice(dict(item))
            yield f"{place}: must be {wanted}. Received {shown(received)}.{hint}"


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def changed(
    options: Mapping[str, Any], usual: Mapping[str, Any], build: Callable[..., Any]
) -> dict[str, Any]:
    """Settings of a network that differ from the usual ones, as its row's title shows them.

    Args:
        usual: The same as it ships.

    Returns:
        Option → value, of those that the network has.
    """
    return {
        key: options[key]
        for key in settable(build)
        if key in options and (key not in usual or options[key] != usual[key])
    }
