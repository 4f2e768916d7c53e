"""Sections of a configuration: what may stand in a paper's YAML file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, Strict

from lus_keras.core.labels import CLASSES, MULTILABEL

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
if TYPE_CHECKING:
    LabelColumn = str
else:
    LabelColumn = Literal[CLASSES]


EXPERIMENT = {
    *("data", "clip", "split", "model", "fit", "localisation", "cohort", "transfer", "options"),
    "label_column",
}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


# What each `clip.scaling` does, in the words of model cards and checklists.
SCALINGS = {
    "unit": "grey levels divided by 255",
    "minmax": "each frame's own range to 0 … 1",
    "imagenet": "divided by 255, less ImageNet's mean, divided by its standard deviation",
    "clip": "each clip in standard deviations (+ 2 grey levels) from its mean",
    "depth": "each row in standard deviations from its mean over the clip, cut at ±3, over 3",
}


class DataConfig(_Section):
    """What is done about the user's files.

    `on_bad` is about videos that cannot be decoded whole: `fail` names all of them and stops,
    `skip` leaves them out and says so in every output.
    """

    on_bad: Literal["fail", "skip"] = "fail"


class ClipConfig(_Section):
    """How videos are cut and scaled.

    `unit` is what a clip is: a `window` in time of the whole picture; a `tile`, a window in time of
    a small part of the picture; the whole `video`, padded to `frames` with zeros after scaling or
    with its last frame; a single `frame`. `colour` reads the three colours of files; without it
    grey stands in every channel. `resize` is by `area`, or `bilinear` with antialiasing, as
    torchvision and Pillow have it. Lengths are in frames at `fps` (null keeps the video's
    own), `size` is (height, width) of the picture and `tile` that of a tile. `crop` is to the
    ultrasound sector, to nothing, or to the region of interest at its own size in a picture of
    `size`; `mask` sets what lies outside the sector to 0. `short` is about videos that are shorter
    than a window: `drop` gives no clip of them, `pad` one that is padded, `error` refuses them.
    """

    unit: Literal["window", "tile", "video", "frame"] = "window"
    fps: PositiveFloat | None
    frames: PositiveInt
    stride: PositiveInt = 1
    size: Size
    tile: Size | None = None
    tile_step: Size | None = None
    tile_rows: PositiveInt | None = None
    per_video: PositiveInt = 1
    channels: Literal[1, 3] = 1
    colour: bool = False
    resize: Literal["area", "bilinear"] = "area"
    crop: Literal["sector", "none", "roi"] = "sector"
    mask: bool = False
    scaling: Literal["unit", "minmax", "imagenet", "clip", "depth"] = "unit"
    min_frames: PositiveInt = 1
    padding: Literal["zero", "last"] = "zero"
    short: Literal["drop", "pad", "error"] = "drop"

    @property
    def pads(self) -> bool:
        """Whether a clip may be longer than what there is of it."""
        return self.unit == "video" or self.short == "pad"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a clip as a network takes it: `(t, h, w, c)`, of a frame `(h, w, c)`."""
        time = () if self.unit == "frame" else (self.frames,)
        return (*time, *self.picture, self.channels)

    @property
    def picture(self) -> Size:
        """`(h, w)` of a clip in pixels."""
        return self.tile if self.unit == "tile" and self.tile else self.size


class SplitConfig(_Section):
    """How the data are divided.

    `kfold` and `holdout` divide patients. `as_published` and `image` divide clips, so that a
    patient stands on both sides: the former as the published counts imply, with a test share and
    seed of its own, the latter stratified by class. `repeats` draws so many times, with seeds one
    after another. `validation_fraction` of the patients (or clips) to train on are kept for
    choosing an epoch. `test_patients` are tested on whatever the seed, beside the share that is
    drawn; a `test_fraction` of 0 tests on them alone.
    """

    scheme: Literal["kfold", "holdout", "as_published", "image"]
    folds: int = Field(default=5, ge=2)
    test_fraction: float = Field(default=0.3, ge=0, lt=1)
    validation_fraction: float = Field(default=0.0, ge=0, lt=1)
    repeats: PositiveInt = 1
    test_patients: Texts = ()
    seed: int = Field(default=0, ge=0, le=MAX_SEED)

    @property
    def count(self) -> int:
        """Number of folds."""
        return self.folds if self.scheme == "kfold" else self.repeats


class FitConfig(_Section):
    """How one fold is trained; `rate_multipliers` are by the beginning of a layer's name.

    `schedule` keeps the learning rate, or warms up to it over the first twentieth of all steps and
    lets it fall to 0 along half a cosine after that.
    `drop_test_remainder` leaves the last, incomplete batch of test clips out, as some code does.
    `log_gradients` writes the norm of every layer's gradient at every step to gradients.csv.
    """

    optimizer: Literal["adam", "coupled_sgd"]
    learning_rate: PositiveFloat
    schedule: Literal["constant", "cosine"] = "constant"
    momentum: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    rate_multipliers: dict[str, float] = {}
    clip_norm: PositiveFloat | None = None
    batch_size: PositiveInt
    epochs: PositiveInt
    shuffle: bool = True
    drop_remainder: bool = False
    drop_test_remainder: bool = False
    select: Literal["last", "val_loss", "val_accuracy", "test_loss"] = "last"
    augment: Literal["none", "flip"] = "none"
    precision: Literal["float32", "mixed_bfloat16", "auto"] = "float32"
    log_gradients: bool = False


class CohortConfig(_Section):
    """Shape and difficulty of the simulated cohort; null is as the paper's data are.

    `lengths_by_class` gives videos of each class the lengths that the class has in the paper (lung
    sliding only), unless `duration_s` gives all videos one length.
    """

    patients: PositiveInt
    videos: PositiveInt
    duration_s: PositiveFloat | None = None
    lengths_by_class: bool = False
    fps: PositiveFloat | None = None
    difficulty: float = Field(ge=0, le=3)


class TransferConfig(_Section):
    """Training on another data set than the one that is tested.

    `train_on` trains on that data set alone; `pretrain` trains there first and then goes on within
    the folds. Either one applies `set`, changes of this file for both data sets. `cohorts` are the
    simulated ones that are learnt from, by task; `fit` are changes for that training, `networks`
    how many are trained on it.
    """

    train_on: Literal["simulated"] | None = None
    pretrain: Literal["simulated"] | None = None
    networks: PositiveInt = 1
    fit: dict[str, Any] = {}
    set: dict[str, Any] = {}
    cohorts: dict[str, CohortConfig] = {}


class LocalisationConfig(_Section):
    """How attention is compared with frame-level truth."""

    threshold: float = Field(gt=0, le=1)
    population: Literal["gt_pos", "tp"]
    alphas: Shares


class ModelEntry(_Section):
    """A network of the paper: its printed name, its parameter count, what a training step costs.

    `ns_per_pixel` is nanoseconds for each pixel of each clip of a batch, measured on two cores; it
    only serves to estimate the time a run will take. `memory_factor` is bytes at the peak for each
    byte of a batch, for the same purpose.
    """

    title: str
    parameters: PositiveInt
    ns_per_pixel: PositiveFloat
    memory_factor: PositiveFloat = 200


class VariantConfig(_Section):
    """One of several ways to use the data: a data set cut differently, another protocol.

    `set` holds the changes, shaped as the file itself; `models` the networks, all if not given.
    """

    title: str
    set: dict[str, Any] = {}
    models: Texts | None = None


class Choice(_Section):
    """Where a setting comes from."""

    label: Literal["P", "C", "D", "I", "X"]
    why: str


class Claim(_Section):
    """An order of two networks that the paper asserts; of several networks the mean counts."""

    id: str
    text: str
    better: str | Texts
    worse: str | Texts
    metric: str


class PaperConfig(_Section):
    """Everything a paper's YAML file says, with one preset applied.

    `options` are settings that only this paper's own code reads.
    """

    paper: str
    title: str
    authors: str
    venue: str
    doi: str
    labels: Texts
    label_column: LabelColumn
    data: DataConfig = DataConfig()
    clip: ClipConfig
    split: SplitConfig
    model: dict[str, Any]
    fit: FitConfig
    localisation: LocalisationConfig | None = None
    cohort: CohortConfig
    transfer: TransferConfig = TransferConfig()
    options: dict[str, Any] = {}
    variants: dict[str, VariantConfig] = {}
    models: dict[str, ModelEntry]
    choices: dict[str, Choice]
    published: dict[str, Any]
    claims: Annotated[tuple[Claim, ...], Strict(False)] = ()
    inconsistencies: Texts = ()

    @property
    def multilabel(self) -> bool:
        """Whether a clip may have several of `labels`, or none, each judged on its own."""
        return self.label_column in MULTILABEL

    def experiment(self) -> dict[str, Any]:
        """The sections that decide the numbers, as plain data: what a run's fingerprint covers."""
        return self.model_dump(mode="json", include=EXPERIMENT)

    def entries(self) -> dict[str, str]:
        """Titles of the networks of every variant, by `variant/model`, in the order of the file."""
        return {
            f"{variant}/{model}": f"{entry.title} {self.models[model].title}"
            for variant, entry in self.variants.items()
            for model in entry.models or self.models
            if model in self.models
        }

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
