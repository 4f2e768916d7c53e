"""Sections of a configuration: what may stand in a paper's YAML file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, Strict

LABELS = {
    "P": "printed in the paper",
    "C": "public code of the authors or their group",
    "D": "derived from published numbers",
    "I": "indirect evidence",
    "X": "no evidence, our choice",
}

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
            {"field": field, "value": lookup(values, field.split(".")), **choice.model_dump()}
            for field, choice in self.choices.items()
        ]


def lookup(values: Any, location: Sequence[Any]) -> Any:
    """Value at a place of nested mappings and lists; KeyError, TypeError or IndexError if none."""
    for part in location:
        values = values[part]
    return values
