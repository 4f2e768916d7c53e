"""Experiment configurations: YAML in, checked dataclasses out. The only reader of YAML.

A paper's file holds every number and name of its experiment. A preset changes scale, `--set` anything; both
are merged before the check, so a wrong key or type is one line with file, key, value and what is allowed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lus_keras.errors import ConfigError

PRESETS = ("paper", "quick", "smoke")
LABELS = {
    "P": "printed in the paper",
    "C": "public code of the authors or their group",
    "D": "derived from published numbers",
    "I": "indirect evidence",
    "X": "no evidence, our choice",
}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClipConfig(_Section):
    """How videos are cut and scaled; lengths in frames at `fps`, `size` is (height, width)."""

    fps: PositiveFloat
    frames: PositiveInt
    stride: PositiveInt
    size: tuple[PositiveInt, PositiveInt]
    channels: Literal[1, 3] = 1
    crop: Literal["sector", "none"] = "sector"
    scaling: Literal["unit", "minmax"] = "unit"
    min_frames: PositiveInt = 1


class SplitConfig(_Section):
    """How patients are divided."""

    scheme: Literal["kfold", "holdout"]
    folds: PositiveInt = 5
    test_fraction: float = Field(default=0.3, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)


class FitConfig(_Section):
    """How one fold is trained."""

    optimizer: Literal["adam"]
    learning_rate: PositiveFloat
    batch_size: PositiveInt
    epochs: PositiveInt
    select: Literal["last"] = "last"
    augment: Literal["none", "flip"] = "none"
    precision: Literal["float32", "mixed_bfloat16", "auto"] = "float32"


class LocalisationConfig(_Section):
    """How attention is compared with frame-level truth."""

    threshold: float = Field(gt=0, le=1)
    population: Literal["gt_pos", "tp"]
    alphas: tuple[float, ...]


class CohortConfig(_Section):
    """Shape and difficulty of the simulated cohort."""

    patients: PositiveInt
    videos: PositiveInt
    duration_s: PositiveFloat
    fps: PositiveFloat
    hard: float = Field(ge=0, le=3)


class ModelEntry(_Section):
    """A network of the paper: its printed name, its parameter count, what a training step costs.

    `ns_per_pixel` is nanoseconds for each pixel of each clip of a batch, measured on two cores; it only
    serves to estimate the time a run will take.
    """

    title: str
    parameters: PositiveInt
    ns_per_pixel: PositiveFloat


class Choice(_Section):
    """Where a setting comes from."""

    label: Literal["P", "C", "D", "I", "X"]
    why: str


class Claim(_Section):
    """An order of two networks that the paper asserts."""

    id: str
    text: str
    better: str
    worse: str
    metric: str


class PaperConfig(_Section):
    """Everything a paper's YAML file says, with one preset applied."""

    paper: str
    title: str
    authors: str
    venue: str
    doi: str
    labels: tuple[str, ...]
    label_column: Literal["b_lines", "sliding", "severity", "sign"]
    clip: ClipConfig
    split: SplitConfig
    model: dict[str, Any]
    fit: FitConfig
    localisation: LocalisationConfig | None = None
    cohort: CohortConfig
    models: dict[str, ModelEntry]
    choices: dict[str, Choice]
    published: dict[str, Any]
    claims: tuple[Claim, ...] = ()
    inconsistencies: tuple[str, ...] = ()

    def experiment(self) -> dict[str, Any]:
        """The sections that decide the numbers, as plain data: what a run's fingerprint covers."""
        sections = {"clip", "split", "model", "fit", "localisation", "cohort", "label_column"}
        return self.model_dump(mode="json", include=sections)

    def labelled_choices(self) -> list[dict[str, Any]]:
        """Every open choice with its value, label and reason, for printing."""
        values = self.model_dump(mode="json")
        return [
            {"field": field, "value": _lookup(values, field), **choice.model_dump()}
            for field, choice in self.choices.items()
        ]


def papers() -> list[str]:
    """Names of the papers, one a file in `configs/`."""
    files = resources.files("lus_keras.configs").iterdir()
    return sorted(Path(file.name).stem for file in files if file.name.endswith(".yaml"))


def load(paper: str, preset: str = "paper", overrides: Iterable[str] = ()) -> PaperConfig:
    """Reads a paper's configuration, applies a preset and then overrides.

    Args:
        paper: One of `papers()`.
        preset: One of `PRESETS`.
        overrides: `section.key=value` strings; the value is read as YAML 1.2.

    Returns:
        The checked configuration.

    Raises:
        ConfigError: The paper or preset is unknown, or a key or value is wrong; all problems are listed.
    """
    if paper not in papers():
        raise ConfigError(f"unknown paper '{paper}'.{did_you_mean(paper, papers())}")
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset '{preset}'.{did_you_mean(preset, PRESETS)}")
    text = resources.files("lus_keras.configs").joinpath(f"{paper}.yaml").read_text("utf-8")
    return parse(text, source=f"configs/{paper}.yaml", preset=preset, overrides=overrides)


def parse(text: str, *, source: str, preset: str, overrides: Iterable[str] = ()) -> PaperConfig:
    """Parses the text of a configuration; arguments and errors as in `load`."""
    values = _read_yaml(text, source)
    presets = values.pop("presets", {})
    if preset not in presets:
        raise ConfigError(f"{source}: presets: there is no '{preset}'. Present: {sorted(presets)}.")
    values = _merged(values, presets[preset] or {})
    for override in overrides:
        values = _merged(values, _override(override))
    try:
        config = PaperConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError.from_problems(_explained(error, source)) from None
    missing = [field for field in config.choices if not _has(values, field)]
    if missing:
        raise ConfigError(f"{source}: choices: no such field: {', '.join(missing)}.")
    return config


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that starts with a blank: the nearest known word, if any, and all of them."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{hint} Known: {', '.join(known)}."


def _read_yaml(text: str, source: str) -> dict[str, Any]:
    try:
        values = YAML(typ="safe", pure=True).load(StringIO(text))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{source}{place}: not valid YAML: {reason}.") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: must be a mapping of keys. Received {type(values).__name__}.")
    return values


def _override(text: str) -> dict[str, Any]:
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"--set {text}: must be KEY=VALUE, such as fit.epochs=10.")
    result: Any = _read_yaml(f"value: {value}", f"--set {text}")["value"]
    for part in reversed(key.strip().split(".")):
        result = {part: result}
    return result


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in change.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = _merged(result[key], value) if both else value
    return result


def _explained(error: ValidationError, source: str) -> list[str]:
    problems = []
    for item in error.errors():
        place = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            hint = did_you_mean(str(item["loc"][-1]), _known_keys(item["loc"][:-1]))
            problems.append(f"{source}: unknown key '{place}'.{hint}")
        else:
            received = "" if item["type"] == "missing" else f" Received {item['input']!r}."
            problems.append(f"{source}: {place}: {item['msg']}.{received}")
    return problems


def _known_keys(location: tuple[Any, ...]) -> list[str]:
    model: Any = PaperConfig
    for part in location:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = field.annotation if field else None
        for argument in getattr(model, "__args__", ()):
            model = (
                argument
                if isinstance(argument, type) and issubclass(argument, BaseModel)
                else model
            )
    return list(getattr(model, "model_fields", {}))


def _lookup(values: Mapping[str, Any], field: str) -> Any:
    result: Any = values
    for part in field.split("."):
        result = result[part]
    return result


def _has(values: Mapping[str, Any], field: str) -> bool:
    try:
        _lookup(values, field)
    except (KeyError, TypeError):
        return False
    return True
