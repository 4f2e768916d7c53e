"""Layers of a configuration: the paper's file, a preset, a variant, `--set`; later ones win."""

from collections.abc import Iterable, Mapping
from typing import Any

from lus_keras.core.config.messages import MAX_SHOWN, Layer, did_you_mean, shown
from lus_keras.core.config.reading import read_yaml
from lus_keras.core.errors import ConfigError

PRESETS = ("paper", "overnight", "quick", "smoke")


def preset_layer(presets: Any, preset: str, source: str) -> Layer:
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


def variant_layer(layers: list[Layer], variant: str, source: str) -> Layer:
    """What a variant changes; the variant itself may be changed by the preset."""
    variants = stacked(layers).get("variants") or {}
    changes = variants.get(variant)
    if not isinstance(changes, Mapping):
        raise ConfigError(
            f"{source}: unknown variant '{variant}'.{did_you_mean(variant, variants)}"
        )
    return f"{source}: variants.{variant}.set", changes.get("set", {})


def stacked(layers: Iterable[Layer]) -> dict[str, Any]:
    """Merges layers, key by key; later ones win."""
    values: dict[str, Any] = {}
    for _, layer in layers:
        values = _merged(values, layer)
    return values


def override_layer(text: str) -> dict[str, Any]:
    """Reads the text of a `--set`, such as `fit.epochs=10`.

    Raises:
        ConfigError: It is not KEY=VALUE, or the value is not valid YAML.
    """
    key, separator, value = text.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise ConfigError(f"--set {cut(text)}: must be KEY=VALUE, such as fit.epochs=10.")
    result = read_yaml(value, f"--set {cut(text)}")
    for part in reversed(parts):
        result = {part: result}
    return result


def cut(text: str) -> str:
    """What was typed, for a message of one line."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in change.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = _merged(result[key], value) if both else value
    return result
