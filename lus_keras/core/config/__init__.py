"""Experiment configurations, read from YAML and validated; the only module that reads YAML.

A paper's file contains every number and name of its experiment. A preset changes the scale and the
training settings for that scale, `--set` any key. Both are merged before validation, so an error is
one line with source, key, value and what is allowed. Types are strict: a quoted number is text, and
`true` is not a number.
"""

import copy
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lus_keras.core.config.descriptions import (
    PrivateDescription,
    PublicDescription,
    SimulatedDescription,
)
from lus_keras.core.config.messages import MAX_SHOWN, Layer, did_you_mean, explained, has, shown
from lus_keras.core.config.sections import (
    LABELS,
    SCALINGS,
    Claim,
    ClipConfig,
    CohortConfig,
    FitConfig,
    LocalisationConfig,
    ModelEntry,
    OwnNetwork,
    PaperConfig,
    Section,
    SplitConfig,
)
from lus_keras.core.errors import ConfigError
from lus_keras.core.files import read_text
from lus_keras.core.former_names import renamed_field
from lus_keras.core.labels import REGISTRY

PRESETS = ("paper", "overnight", "quick", "smoke")
D = TypeVar("D", PublicDescription, SimulatedDescription, PrivateDescription)
# Values that a file or an option may hold, what aliases stand for included.
MAX_VALUES = 100_000
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
        values = _read_mapping(read_text(file), source)
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
    return [(source, values), _preset_layer(known, preset, source)]


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
    base = _read_mapping(text, source)
    layers = [(source, base), _preset_layer(base.pop("presets", None), preset, source), *own]
    by_hand, problems = _typed(overrides)
    if variant:
        # `--set variants.<name>.set.…` changes the variant, and a plain `--set` every variant.
        layers.append(_variant_layer([*layers, *by_hand], variant, source))
    layers += by_hand
    # What is set by hand comes last, whatever the transfer sets.
    transfer = _stacked(layers).get("transfer") or {}
    if isinstance(transfer, Mapping) and (transfer.get("train_on") or transfer.get("pretrain")):
        place = next((i for i, layer in enumerate(layers) if layer[0].startswith("--set")), None)
        layers.insert(
            len(layers) if place is None else place,
            (f"{source}: transfer.set", transfer.get("set") or {}),
        )
    values = _stacked(layers)
    try:
        config = PaperConfig.model_validate(values)
    except ValidationError as error:
        problems += explained(error, layers)
    else:
        problems += [f"{_origin(text, layers)}: {text}" for text in _contradictions(config)]
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
    for override in overrides:
        try:
            layers.append((f"--set {_cut(override)}", _override(override)))
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
    values = _read_mapping(text, source)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ConfigError.from_problems(explained(error, [(source, values)], kind)) from None


@functools.lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(StringIO(text))


def _read_yaml(text: str, source: str) -> Any:
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


def _read_mapping(text: str, source: str) -> dict[str, Any]:
    values = _read_yaml(text, source)
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: must be a mapping of keys. Received {shown(values)}.")
    return values


def _preset_layer(presets: Any, preset: str, source: str) -> Layer:
    """The preset asked for; all presets must be known by name and change something by key."""
    if not isinstance(presets, Mapping):
        raise ConfigError(
            f"{source}: presets: must be a mapping of {', '.join(PRESETS)}. "
            f"Received {shown(presets)}."
        )
    problems = [
        f"{source}: unknown key 'presets.{name}'.{did_you_mean(str(name), PRESETS)}"
        for name in presets
        if name not in PRESETS
    ]
    problems += [
        f"{source}: presets.{name}: must be a mapping of keys. Received {shown(changes)}."
        for name, changes in presets.items()
        if not isinstance(changes, Mapping)
    ]
    if preset not in presets:
        present = ", ".join(map(str, presets)) or "none"
        problems.append(f"{source}: presets: must contain '{preset}'. Received {present}.")
    if problems:
        raise ConfigError.from_problems(problems)
    return f"{source}: presets.{preset}", presets[preset]


def _variant_layer(layers: list[Layer], variant: str, source: str) -> Layer:
    """What a variant changes; the variant itself may be changed by the preset."""
    variants = _stacked(layers).get("variants") or {}
    changes = variants.get(variant)
    if not isinstance(changes, Mapping):
        raise ConfigError(
            f"{source}: unknown variant '{variant}'.{did_you_mean(variant, variants)}"
        )
    return f"{source}: variants.{variant}.set", changes.get("set", {})


def _stacked(layers: Iterable[Layer]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _, layer in layers:
        values = _merged(values, layer)
    return values


def _override(text: str) -> dict[str, Any]:
    key, separator, value = text.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise ConfigError(f"--set {_cut(text)}: must be KEY=VALUE, such as fit.epochs=10.")
    result = _read_yaml(value, f"--set {_cut(text)}")
    for part in reversed(parts):
        result = {part: result}
    return result


def _cut(text: str) -> str:
    """What was typed, for a message of one line."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in change.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = _merged(result[key], value) if both else value
    return result


def _contradictions(config: PaperConfig) -> Iterator[str]:
    """What no single field can tell."""
    values = config.model_dump()
    for field in config.choices:
        if not has(values, field.split(".")):
            new = renamed_field(field)
            remedy = f"It is now '{new}'." if new != field else "Correct the name."
            yield f"choices: '{field}' must be a field of the configuration. {remedy}"
    for number, claim in enumerate(config.claims):
        for side in ("better", "worse"):
            named = getattr(claim, side)
            entries = [*config.models, *config.entries()]
            for name in (named,) if isinstance(named, str) else named:
                if name not in entries:
                    hint = did_you_mean(name, entries)
                    yield f"claims.{number}.{side}: unknown model '{name}'.{hint}"
    yield from _clip_contradictions(config)
    for name, variant in config.variants.items():
        for model in variant.models or ():
            if model not in config.models:
                hint = did_you_mean(model, config.models)
                yield f"variants.{name}.models: unknown model '{model}'.{hint}"
    if not config.split.test_fraction and not config.split.test_patients:
        yield "split.test_fraction: 0 requires split.test_patients. Set them, or raise it."
    validated = config.fit.select in ("val_loss", "val_accuracy")
    if validated and not config.split.validation_fraction:
        yield (
            f"fit.select: {config.fit.select} needs patients to validate on. "
            "Set split.validation_fraction."
        )
    if config.fit.calibrate != "none" and not config.split.validation_fraction:
        yield (
            f"fit.calibrate: {config.fit.calibrate} needs patients to validate on. "
            "Set split.validation_fraction."
        )


def _clip_contradictions(config: PaperConfig) -> Iterator[str]:
    clip = config.clip
    if clip.min_frames > clip.frames:
        yield (
            f"clip.min_frames: must be at most clip.frames, {clip.frames}. "
            f"Received {clip.min_frames}."
        )
    if clip.unit == "tile" and clip.tile is None:
        yield "clip.tile: must be (height, width) where clip.unit is tile. Received nothing."
    if clip.unit == "frame" and clip.frames != 1:
        yield f"clip.frames: must be 1 where clip.unit is frame. Received {clip.frames}."
    if clip.crop == "roi" and clip.unit != "tile":
        yield "clip.crop: roi keeps each region's own size, so clip.unit must be tile."
    if clip.mask and clip.crop != "sector":
        yield "clip.mask: needs the sector, so clip.crop must be sector."
    if clip.scaling == "imagenet" and clip.channels != 3:
        yield f"clip.scaling: imagenet needs three channels. Received {clip.channels}."
    if clip.scaling in ("clip", "depth") and clip.unit == "video":
        yield (
            f"clip.scaling: {clip.scaling} would include padded frames. "
            "Use unit, minmax or imagenet."
        )
    if clip.colour and clip.channels != 3:
        yield f"clip.colour: needs three channels. Received {clip.channels}."
    if REGISTRY[config.label_column].frames and clip.fps is None:
        yield f"clip.fps: must be a number, as {config.label_column} is annotated in seconds."
