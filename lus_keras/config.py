"""Experiment configurations: YAML in, checked models out. The only reader of YAML.

A paper's file holds every number and name of its experiment. A preset changes scale, `--set`
anything; both are merged before the check, so a wrong key or type is one line with its source, key,
value and what is allowed. Types are strict: a quoted number is text, `true` is no number.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    Strict,
    ValidationError,
)
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
MAX_SHOWN = 60
# scikit-learn takes no larger one.
MAX_SEED = 2**32 - 1

# YAML has lists and no tuples: only the container is converted, what it holds stays strict.
Size = Annotated[tuple[PositiveInt, PositiveInt], Strict(False)]
Share = Annotated[float, Field(ge=0, le=1)]
Shares = Annotated[tuple[Share, ...], Strict(False)]
Texts = Annotated[tuple[str, ...], Strict(False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ClipConfig(_Section):
    """How videos are cut and scaled; lengths in frames at `fps`, `size` is (height, width)."""

    fps: PositiveFloat
    frames: PositiveInt
    stride: PositiveInt
    size: Size
    channels: Literal[1, 3] = 1
    crop: Literal["sector", "none"] = "sector"
    scaling: Literal["unit", "minmax"] = "unit"
    min_frames: PositiveInt = 1


class SplitConfig(_Section):
    """How patients are divided."""

    scheme: Literal["kfold", "holdout"]
    folds: int = Field(default=5, ge=2)
    test_fraction: float = Field(default=0.3, gt=0, lt=1)
    seed: int = Field(default=0, ge=0, le=MAX_SEED)


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
    alphas: Shares


class CohortConfig(_Section):
    """Shape and difficulty of the simulated cohort."""

    patients: PositiveInt
    videos: PositiveInt
    duration_s: PositiveFloat
    fps: PositiveFloat
    hard: float = Field(ge=0, le=3)


class ModelEntry(_Section):
    """A network of the paper: its printed name, its parameter count, what a training step costs.

    `ns_per_pixel` is nanoseconds for each pixel of each clip of a batch, measured on two cores; it
    only serves to estimate the time a run will take.
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
    labels: Texts
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
    claims: Annotated[tuple[Claim, ...], Strict(False)] = ()
    inconsistencies: Texts = ()

    def experiment(self) -> dict[str, Any]:
        """The sections that decide the numbers, as plain data: what a run's fingerprint covers."""
        sections = {"clip", "split", "model", "fit", "localisation", "cohort", "label_column"}
        return self.model_dump(mode="json", include=sections)

    def labelled_choices(self) -> list[dict[str, Any]]:
        """Every open choice with its value, label and reason, for printing."""
        values = self.model_dump(mode="json")
        return [
            {"field": field, "value": _lookup(values, field.split(".")), **choice.model_dump()}
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
        ConfigError: The paper or preset is unknown, or keys or values are wrong; all are listed.
    """
    if paper not in papers():
        raise ConfigError(f"unknown paper '{paper}'.{did_you_mean(paper, papers())}")
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset '{preset}'.{did_you_mean(preset, PRESETS)}")
    text = resources.files("lus_keras.configs").joinpath(f"{paper}.yaml").read_text("utf-8")
    return parse(text, source=f"configs/{paper}.yaml", preset=preset, overrides=overrides)


def parse(text: str, *, source: str, preset: str, overrides: Iterable[str] = ()) -> PaperConfig:
    """Parses the text of a configuration.

    Args:
        text: YAML 1.2.
        source: Name of the file, for messages.
        preset: One of the text's `presets`.
        overrides: As in `load`.

    Returns:
        The checked configuration.

    Raises:
        ConfigError: As in `load`.
    """
    base = _read_mapping(text, source)
    layers = [(source, base), _preset_layer(base.pop("presets", None), preset, source)]
    problems = []
    for override in overrides:
        try:
            layers.append((f"--set {override}", _override(override)))
        except ConfigError as error:
            problems.append(str(error))
    values: dict[str, Any] = {}
    for _, layer in layers:
        values = _merged(values, layer)
    try:
        config = PaperConfig.model_validate(values)
    except ValidationError as error:
        problems += _explained(error, layers)
    else:
        problems += [f"{source}: {problem}" for problem in _contradictions(config)]
    if problems:
        raise ConfigError.from_problems(problems)
    return config


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that starts with a blank: the nearest known word, if any, and all of them."""
    known = list(known)
    near = difflib.get_close_matches(word, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{hint} Known: {', '.join(known)}."


Layer = tuple[str, Mapping[str, Any]]


def _read_yaml(text: str, source: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(StringIO(text))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        reason = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"{source}{place}: not valid YAML: {reason}.") from None


def _read_mapping(text: str, source: str) -> dict[str, Any]:
    values = _read_yaml(text, source)
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: must be a mapping of keys. Received {_shown(values)}.")
    return values


def _preset_layer(presets: Any, preset: str, source: str) -> Layer:
    """The preset asked for; all presets must be known by name and change something by key."""
    if not isinstance(presets, Mapping):
        raise ConfigError(
            f"{source}: presets: must be a mapping of {', '.join(PRESETS)}. "
            f"Received {_shown(presets)}."
        )
    problems = [
        f"{source}: unknown key 'presets.{name}'.{did_you_mean(str(name), PRESETS)}"
        for name in presets
        if name not in PRESETS
    ]
    problems += [
        f"{source}: presets.{name}: must be a mapping of keys. Received {_shown(changes)}."
        for name, changes in presets.items()
        if not isinstance(changes, Mapping)
    ]
    if preset not in presets:
        present = ", ".join(map(str, presets)) or "none"
        problems.append(f"{source}: presets: must hold '{preset}'. Received {present}.")
    if problems:
        raise ConfigError.from_problems(problems)
    return f"{source}: presets.{preset}", presets[preset]


def _override(text: str) -> dict[str, Any]:
    key, separator, value = text.partition("=")
    parts = key.strip().split(".")
    if not separator or not all(parts):
        raise ConfigError(f"--set {text}: must be KEY=VALUE, such as fit.epochs=10.")
    result = _read_yaml(value, f"--set {text}")
    for part in reversed(parts):
        result = {part: result}
    return result


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
        if not _has(values, field.split(".")):
            yield f"choices: '{field}' must be a field of the configuration. Correct the name."
    for number, claim in enumerate(config.claims):
        for side in ("better", "worse"):
            name = getattr(claim, side)
            if name not in config.models:
                hint = did_you_mean(name, config.models)
                yield f"claims.{number}.{side}: unknown model '{name}'.{hint}"
    if config.clip.min_frames > config.clip.frames:
        yield (
            f"clip.min_frames: must be at most clip.frames, {config.clip.frames}. "
            f"Received {config.clip.min_frames}."
        )


def _explained(error: ValidationError, layers: Sequence[Layer]) -> list[str]:
    """One sentence a problem, with the layer that brought it in: file, preset or `--set`."""
    problems = []
    for item in error.errors(include_url=False):
        location = [part for part in item["loc"] if part != "[key]"]
        place = ".".join(map(str, location))
        sources = (name for name, layer in reversed(layers) if _has(layer, location))
        source = next(sources, layers[0][0])
        if item["type"] == "extra_forbidden":
            hint = did_you_mean(str(location[-1]), _known_keys(location[:-1]))
            problems.append(f"{source}: unknown key '{place}'.{hint}")
        else:
            received = "nothing" if item["type"] == "missing" else _shown(item["input"])
            rule = _rule(item["type"], item.get("ctx", {}), item["msg"])
            problems.append(f"{source}: {place}: must be {rule}. Received {received}.")
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


def _rule(kind: str, context: Mapping[str, Any], message: str) -> str:
    """What is allowed, in words of the file and not of the library that checks it."""
    rule = _RULES.get(kind)
    return rule.format(**context) if rule else message.removeprefix("Input should be ")


def _shown(value: Any) -> str:
    """A value as the file would show it, cut to a length that can be read."""
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} …"


def _known_keys(location: Sequence[Any]) -> list[str]:
    """Keys that a place of the configuration may have; `location` leads there from the top."""
    kind: Any = PaperConfig
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


def _lookup(values: Any, location: Sequence[Any]) -> Any:
    for part in location:
        values = values[part]
    return values


def _has(values: Any, location: Sequence[Any]) -> bool:
    try:
        _lookup(values, location)
    except (KeyError, TypeError, IndexError):
        return False
    return True
