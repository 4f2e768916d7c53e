"""Experiment configurations, read from YAML and validated.

A paper's file contains every number and name of its experiment. A preset changes the scale and the
training settings for that scale, `--set` any key. Both are merged before validation, so an error is
one line with source, key, value and what is allowed. Types are strict: a quoted number is text, and
`true` is not a number.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from lus_keras.core.config.contradictions import contradictions
from lus_keras.core.config.descriptions import (
    PrivateDescription,
    PublicDescription,
    SimulatedDescription,
)
from lus_keras.core.config.layers import (
    PRESETS,
    cut,
    override_layer,
    preset_layer,
    stacked,
    variant_layer,
)
from lus_keras.core.config.messages import Layer, did_you_mean, explained, has
from lus_keras.core.config.paper import LABELS, Claim, ModelEntry, OwnNetwork, PaperConfig
from lus_keras.core.config.reading import read_mapping, read_yaml
from lus_keras.core.config.sections import (
    SCALINGS,
    ClipConfig,
    CohortConfig,
    FitConfig,
    LocalisationConfig,
    Section,
    SplitConfig,
)
from lus_keras.core.errors import ConfigError
from lus_keras.core.files import read_text

D = TypeVar("D", PublicDescription, SimulatedDescription, PrivateDescription)
# Says what is wrong with `model`: the networks' builders know, this room does not.
ModelCheck = Callable[[Mapping[str, Any]], Iterable[str]]

__all__ = [
    "LABELS",
    "PRESETS",
    "SCALINGS",
    "Claim",
    "ClipConfig",
    "CohortConfig",
    "FitConfig",
    "LocalisationConfig",
    "ModelCheck",
    "ModelEntry",
    "OwnNetwork",
    "PaperConfig",
    "PrivateDescription",
    "PublicDescription",
    "Section",
    "SimulatedDescription",
    "SplitConfig",
    "describe_dataset",
    "descriptions",
    "did_you_mean",
    "load",
    "papers",
    "parse",
]


def papers() -> list[str]:
    """Names of all papers, one per file in `configs/`."""
    files = resources.files("lus_keras.configs").iterdir()
    return sorted(Path(file.name).stem for file in files if file.name.endswith(".yaml"))


def load(
    paper: str,
    preset: str = "paper",
    overrides: Iterable[str] = (),
    variant: str = "",
    file: Path | None = None,
    *,
    check_model: ModelCheck | None = None,
    options: type[Section] | None = None,
) -> PaperConfig:
    """Reads a paper's configuration, applies a preset, a file, a variant and then overrides.

    Args:
        paper: One of `papers()`.
        preset: One of `PRESETS`.
        overrides: `section.key=value` strings; the value is read as YAML 1.2.
        variant: One of the configuration's `variants`; empty for none.
        file: The user's YAML file with changes, in the structure of the paper's; entries under
            `presets` apply only to that preset.
        check_model: Validates the networks' settings against their builders.
        options: Type of the paper's `options`; not validated if not given.

    Raises:
        ConfigError: The paper or preset is unknown, or keys or values are wrong; all are listed.
    """
    if paper not in papers():
        raise ConfigError(f"unknown paper '{paper}'.{did_you_mean(paper, papers())}")
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset '{preset}'.{did_you_mean(preset, PRESETS)}")
    text = resources.files("lus_keras.configs").joinpath(f"{paper}.yaml").read_text("utf-8")
    source, own = f"configs/{paper}.yaml", _own_layers(file, paper, preset) if file else ()
    return parse(
        text,
        source=source,
        preset=preset,
        overrides=overrides,
        variant=variant,
        own=own,
        check_model=check_model,
        options=options,
    )


def _own_layers(file: Path, paper: str, preset: str) -> list[Layer]:
    """What the user's file changes, in every preset and in this one."""
    source = str(file)
    try:
        values = read_mapping(read_text(file), source)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(
            f"--config {source}: cannot be read: {reason}. Give a readable file."
        ) from None
    if values.get("paper", paper) != paper:
        raise ConfigError(
            f"{source}: paper: is '{values['paper']}', and '{paper}' is requested. Give --paper "
            f"{values['paper']}, or another file."
        )
    presets = values.pop("presets", {})
    # Presets that it does not name are as they were.
    known = {preset: {}, **presets} if isinstance(presets, Mapping) else presets
    return [(source, values), preset_layer(known, preset, source)]


def parse(
    text: str,
    *,
    source: str,
    preset: str,
    overrides: Iterable[str] = (),
    variant: str = "",
    own: Sequence[Layer] = (),
    check_model: ModelCheck | None = None,
    options: type[Section] | None = None,
) -> PaperConfig:
    """Parses the text of a configuration.

    Raises:
        ConfigError: As in `load`.
    """
    base = read_mapping(text, source)
    layers = [(source, base), preset_layer(base.pop("presets", None), preset, source), *own]
    by_hand, problems = _typed(overrides)
    if variant:
        # `--set variants.<name>.set.…` changes the variant, and a plain `--set` every variant.
        layers.append(variant_layer([*layers, *by_hand], variant, source))
    layers += by_hand
    # What is set by hand comes last, whatever the transfer sets.
    transfer = stacked(layers).get("transfer") or {}
    if isinstance(transfer, Mapping) and (transfer.get("train_on") or transfer.get("pretrain")):
        place = next((i for i, layer in enumerate(layers) if layer[0].startswith("--set")), None)
        layers.insert(
            len(layers) if place is None else place,
            (f"{source}: transfer.set", transfer.get("set") or {}),
        )
    values = stacked(layers)
    try:
        config = PaperConfig.model_validate(values)
    except ValidationError as error:
        problems += explained(error, layers)
    else:
        problems += [f"{_origin(text, layers)}: {text}" for text in contradictions(config)]
    model = values.get("model")
    if check_model and isinstance(model, Mapping):
        problems += [f"{_origin(text, layers)}: {text}" for text in check_model(model)]
    problems += _option_problems(values.get("options", {}), options, layers)
    if problems:
        raise ConfigError.from_problems(problems)
    return config


def _typed(overrides: Iterable[str]) -> tuple[list[Layer], list[str]]:
    """What `--set` changes, and what is wrong with it."""
    layers: list[Layer] = []
    problems: list[str] = []
    for text in overrides:
        try:
            layers.append((f"--set {cut(text)}", override_layer(text)))
        except ConfigError as error:
            problems.append(str(error))
    return layers, problems


def _option_problems(
    values: Any, kind: type[Section] | None, layers: Sequence[Layer]
) -> Iterable[str]:
    if kind and isinstance(values, Mapping):
        try:
            kind.model_validate(values)
        except ValidationError as error:
            yield from explained(error, layers, kind, ("options",))


def _origin(problem: str, layers: Sequence[Layer]) -> str:
    """The last layer that sets one of the keys that a problem names."""
    keys = [key.split(".") for key in re.findall(r"[a-z_]+(?:\.\w+)+", problem)]
    named = (name for name, layer in reversed(layers) if any(has(layer, key) for key in keys))
    return next(named, layers[0][0])


def descriptions(kind: type[D]) -> list[str]:
    """Names of the described data sets of a kind, one a file in `data_manifests/`."""
    files = resources.files("lus_keras.data_manifests").iterdir()
    names = sorted(Path(file.name).stem for file in files if file.name.endswith(".yaml"))
    return [name for name in names if _kind_of(name) is kind]


def _kind_of(name: str) -> type[Section]:
    if name.endswith("-private"):
        return PrivateDescription
    return SimulatedDescription if name == "simulated" else PublicDescription


def describe_dataset(name: str, kind: type[D]) -> D:
    """Reads the description of a data set, `data_manifests/<name>.yaml`.

    Args:
        kind: `PublicDescription`, `SimulatedDescription` of `simulated`, or `PrivateDescription` of
            the files that end in `-private`.

    Raises:
        ConfigError: There is no such description of that kind, or it has wrong keys or values.
    """
    known = descriptions(kind)
    if name not in known:
        raise ConfigError(f"unknown data set '{name}'.{did_you_mean(name, known)}")
    source = f"data_manifests/{name}.yaml"
    text = resources.files("lus_keras.data_manifests").joinpath(f"{name}.yaml").read_text("utf-8")
    values = read_mapping(text, source)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError.from_problems(explained(error, [(source, values)], kind)) from None
