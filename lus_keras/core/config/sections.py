"""Sections of a configuration: what may stand in a paper's YAML file."""

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


# Settings that older runs do not have, with what was done then.
SINCE: dict[str, dict[str, Any]] = {
    "fit": {"calibrate": "none", "patients": None},
    "cohort": {"spread": 1.0},
    "transfer": {"video_score": "mean"},
    "model": {
        "kernel_3d": [3, 3, 3],
        "time_pool": 1,
        "lstm_units": 16,
        "attention": "dot",
        "dropout_at": ["frames", "lstm"],
        "average": "mean",
    },
    "options": {"engine": "fast", "order": "mean_abs", "explained": "predicted"},
}


class Section(BaseModel):
    """A part of a YAML file: every key is known, types are strict, nothing is changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


# What each `clip.scaling` does, in the words of model cards and checklists.
SCALINGS = {
    "unit": "grey levels divided by 255",
    "minmax": "each frame's own range to 0 … 1",
    "imagenet": "divided by 255, less ImageNet's mean, divided by its standard deviation",
    "clip": "each clip in standard deviations (+ 2 grey levels) from its mean",
    "depth": "each row in standard deviations from its mean over the clip, cut at ±3, over 3",
}


class DataConfig(Section):
    """What is done about the user's files.

    Attributes:
        on_bad: Videos that cannot be decoded whole: `fail` names all of them and stops, `skip`
            leaves them out and says so in every output.
    """

    on_bad: Literal["fail", "skip"] = "fail"


class ClipConfig(Section):
    """How videos are cut and scaled.

    Attributes:
        unit: What a clip is: a `window` in time of the whole picture; a `tile`, a window in time of
            a small part of it; the whole `video`, padded; a single `frame`.
        fps: Frames a second; null keeps the video's own.
        frames: Frames of a clip, at that rate; of `unit: video` the most.
        stride: Frames from one clip to the next.
        size: (height, width) of the picture.
        tile: (height, width) of a tile.
        tile_step: Pixels from one tile to the next, down and across; null is a tile.
        tile_rows: Rows of tiles that are used, from the top; null is all.
        per_video: Frames that are taken of a video, of `unit: frame`.
        channels: Channels that the network sees.
        colour: Whether these are the three colors of files, not the gray level in every channel.
        resize: By `area`, or `bilinear` with antialiasing, as torchvision and Pillow have it.
        crop: To the ultrasound `sector`, to nothing (`none`), or to the region of interest (`roi`)
            at its own size in a picture of `size`.
        mask: Whether what lies outside the sector is set to 0.
        scaling: How gray levels become inputs; see the list below.
        min_frames: Annotated frames from which on a clip is positive.
        padding: What fills a video up to `frames`: `zero` after scaling, or its `last` frame.
        short: Videos that are shorter than a window: `drop` gives no clip of them, `pad` one that
            is padded, `error` refuses them.
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


class SplitConfig(Section):
    """How the data are divided.

    Attributes:
        scheme: `kfold` and `holdout` divide patients. `as_published` and `image` divide clips, so
            that a patient stands on both sides: the former as the published counts imply, with a
            test share and seed of its own, the latter stratified by class.
        folds: Folds of `kfold`.
        test_fraction: Share of the patients (or clips) that is drawn to be tested, of the other
            schemes; 0 tests on `test_patients` alone.
        validation_fraction: Share of those to train on that is kept for choosing an epoch.
        repeats: Draws of the other schemes, with seeds one after another.
        test_patients: Patients that are tested whatever the seed, beside the share that is drawn.
        seed: Seed of the draw.
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


class FitConfig(Section):
    """How one fold is trained.

    Attributes:
        optimizer: `adam`, or `coupled_sgd`: PyTorch's SGD with its weight decay.
        learning_rate: Rate, or the highest rate of a schedule.
        schedule: `constant`, or `cosine`: up over the first twentieth of all steps, then down to 0
            along half a cosine.
        momentum: Of `coupled_sgd`.
        weight_decay: Of `coupled_sgd`.
        rate_multipliers: Factors of the rate by the beginning of a layer's name.
        clip_norm: Largest norm of all gradients together; null does not clip.
        batch_size: Clips a step.
        epochs: Passes over the clips.
        patients: Most patients to learn from, drawn from those to train on; null is all of them.
        shuffle: Whether each epoch has an order of its own.
        drop_remainder: Whether the last, incomplete batch of an epoch is left out.
        drop_test_remainder: The same of test clips, as some code does.
        select: Epoch that is tested: the `last`, or the best by this column of history.csv.
        augment: `flip` adds one mirrored copy of every clip.
        calibrate: `temperature` divides logits by the number that fits them to validation patients,
            and takes the operating point of two classes there.
        precision: Dtype of the computation; `auto` is bfloat16 where the processor computes in it.
        log_gradients: Whether the norm of every layer's gradient at every step is written to
            gradients.csv.
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
    patients: PositiveInt | None = None
    shuffle: bool = True
    drop_remainder: bool = False
    drop_test_remainder: bool = False
    select: Literal["last", "val_loss", "val_accuracy", "test_loss"] = "last"
    augment: Literal["none", "flip"] = "none"
    calibrate: Literal["none", "temperature"] = "none"
    precision: Literal["float32", "mixed_bfloat16", "auto"] = "float32"
    log_gradients: bool = False


class CohortConfig(Section):
    """Shape and difficulty of the simulated cohort.

    Attributes:
        patients: Patients.
        videos: Videos of all patients together.
        duration_s: Seconds of a video; null is as the paper's data are.
        lengths_by_class: Whether videos of each class have the lengths that the class has in the
            paper (lung sliding only), unless `duration_s` gives all videos one length.
        fps: Frames a second; null is as the paper's data are.
        difficulty: Difficulty, 0 … 3; 1 is the cohort's own.
        spread: Width of the ranges of body and scanner, 1 … 3 times the usual one.
    """

    patients: PositiveInt
    videos: PositiveInt
    duration_s: PositiveFloat | None = None
    lengths_by_class: bool = False
    fps: PositiveFloat | None = None
    difficulty: float = Field(ge=0, le=3)
    spread: float = Field(default=1.0, ge=1, le=3)


class TransferConfig(Section):
    """Training on another data set than the one that is tested.

    Attributes:
        train_on: Data set to learn from alone.
        pretrain: Data set to learn from first, before the folds.
        networks: How many networks are trained on it.
        fit: Changes of `fit` for that training.
        set: Changes of this file for both data sets, shaped as the file.
        cohorts: Simulated cohorts that are learned from, by task.
        video_score: How the probabilities of its clips become that of a video: `mean`, or `max`,
            as a video is positive if one of its clips is.
    """

    train_on: Literal["simulated"] | None = None
    pretrain: Literal["simulated"] | None = None
    networks: PositiveInt = 1
    fit: dict[str, Any] = {}
    set: dict[str, Any] = {}
    cohorts: dict[str, CohortConfig] = {}
    video_score: Literal["mean", "max"] = "mean"


class LocalisationConfig(Section):
    """How attention is compared with frame-level truth.

    Attributes:
        threshold: Attention, stretched to 0 … 1, from which on a frame is predicted.
        population: Clips that count: those with an annotated frame (`gt_pos`), or those of them
            that the network calls positive (`tp`).
        alphas: Overlaps (IoU) from which on a clip is localised.
    """

    threshold: float = Field(default=0.5, gt=0, le=1)
    population: Literal["gt_pos", "tp"] = "gt_pos"
    alphas: Shares = (0.1, 0.2, 0.3, 0.4)


class ModelEntry(Section):
    """A network of the paper.

    Attributes:
        title: Printed name.
        parameters: Parameters as the file builds it; counted whenever that is done.
        shape: Input shape at which it has these; null where the size of inputs changes nothing.
        ns_per_pixel: Nanoseconds for each pixel of each clip of a batch, measured on two cores; for
            estimates of time only.
        memory_factor: Bytes at the peak for each byte of a batch; for estimates of memory only.
    """

    title: str
    parameters: PositiveInt
    shape: Annotated[tuple[PositiveInt, ...], Strict(False)] | None = None
    ns_per_pixel: PositiveFloat
    memory_factor: PositiveFloat = 200


class OwnNetwork(Section):
    """A network of the user, see `--network`.

    Attributes:
        file: File of its function; empty where it was handed over in Python.
        function: Name of the function.
        sha256: Hash of the file, or of the function's source.
    """

    file: str
    function: str
    sha256: str


class VariantConfig(Section):
    """One of several ways to use the data: a data set cut differently, another protocol.

    Attributes:
        title: Printed name.
        set: Changes, shaped as the file itself.
        models: Networks; null is all.
    """

    title: str
    set: dict[str, Any] = {}
    models: Texts | None = None


class Choice(Section):
    """Where a setting comes from.

    Attributes:
        label: Kind of evidence.
        why: The evidence.
    """

    label: Literal["P", "C", "D", "I", "X"]
    why: str


class Claim(Section):
    """An order of two networks that the paper asserts.

    Attributes:
        id: Name of the claim.
        text: The claim.
        better: Network that is claimed to be better; of several the mean counts.
        worse: The other one.
        metric: What is compared.
    """

    id: str
    text: str
    better: str | Texts
    worse: str | Texts
    metric: str


class PaperConfig(Section):
    """Everything a paper's YAML file says, with one preset applied.

    Attributes:
        paper: Name of the paper.
        title: Its title.
        authors: Its authors.
        venue: Where it was published.
        doi: Its DOI; empty where it has none.
        labels: Classes, in the order of their numbers.
        label_column: Column of the manifest that holds the label.
        data: What is done about the user's files.
        clip: How videos are cut and scaled.
        split: How the data are divided.
        model: Options of the networks' builders.
        fit: How a fold is trained.
        localisation: How attention is compared with frame-level truth.
        cohort: The simulated cohort.
        transfer: Training on another data set.
        options: Settings that only this paper's own code reads.
        variants: Ways to use the data, by name.
        models: Networks, by name.
        networks: Networks of the user; set by `--network`.
        choices: Where settings come from, by key.
        published: The paper's own numbers.
        claims: Orders that the paper asserts.
        inconsistencies: Where the paper disagrees with itself.
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
    networks: dict[str, OwnNetwork] = {}
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
        said = self.model_dump(mode="json", include=EXPERIMENT)
        for cohort in said["transfer"]["cohorts"].values():
            if cohort["spread"] == SINCE["cohort"]["spread"]:
                del cohort["spread"]
        # Runs of before there was a choice go on.
        for section, usual in SINCE.items():
            if usual.keys() <= said[section].keys():
                for key, value in usual.items():
                    if said[section][key] == value:
                        del said[section][key]
        return said

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
