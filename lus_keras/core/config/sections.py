"""Sections of a configuration whose settings decide the numbers: data, training, simulation."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, Strict

# scikit-learn takes no larger one.
MAX_SEED = 2**32 - 1

# YAML has lists and no tuples: only the container is converted, what it holds stays strict.
Size = Annotated[tuple[PositiveInt, PositiveInt], Strict(False)]
Share = Annotated[float, Field(ge=0, le=1)]
Shares = Annotated[tuple[Share, ...], Strict(False)]
Texts = Annotated[tuple[str, ...], Strict(False)]


class Section(BaseModel):
    """A part of a YAML file: every key is known, types are strict, nothing is changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


# What each `clip.scaling` does, in the words of model cards and checklists.
SCALINGS = {
    "unit": "gray levels divided by 255",
    "minmax": "each frame's range scaled to 0 … 1",
    "imagenet": "divided by 255, minus ImageNet's mean, divided by its standard deviation",
    "clip": "each clip minus its mean, divided by its standard deviation + 2 gray levels",
    "depth": "each row standardized over the clip, clipped to ±3, divided by 3",
}


class DataConfig(Section):
    """How the user's files are handled.

    Attributes:
        on_bad: Videos that cannot be decoded completely: `fail` lists all of them and stops, `skip`
            excludes them, as every output then states.
    """

    on_bad: Literal["fail", "skip"] = "fail"


class ClipConfig(Section):
    """How videos are cut and scaled.

    Attributes:
        unit: What a clip is: a `window` in time of the whole image; a `tile`, a window in time of
            a small part of the image; the whole `video`, padded; a single `frame`.
        fps: Frames per second; null keeps the video's own rate.
        frames: Frames per clip at that rate; with `unit: video` the maximum.
        stride: Frames from the start of one clip to that of the next.
        size: (height, width) of the image.
        tile: (height, width) of a tile.
        tile_step: Pixels from one tile to the next, (down, across); null is the tile's size.
        tile_rows: Number of rows of tiles used, from the top; null uses all.
        per_video: Frames taken from each video, with `unit: frame`.
        channels: Input channels of the network.
        colour: Whether the channels are the colors of the file; otherwise the gray level is
            repeated.
        resize: Resizing by `area`, or `bilinear` with antialiasing as in torchvision and Pillow.
        crop: Crop to the ultrasound `sector`, not at all (`none`), or to the region of interest
            (`roi`) at its own size within an image of `size`.
        mask: Whether pixels outside the sector are set to 0.
        scaling: How gray levels are scaled; see the list below.
        min_frames: Least number of annotated frames that makes a clip positive.
        padding: What fills a video up to `frames`: `zero` after scaling, or its `last` frame.
        short: Videos shorter than a window: `drop` excludes them, `pad` pads them to one clip,
            `error` refuses them.

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
    """How the data are split.

    Attributes:
        scheme: `kfold` and `holdout` split patients. `as_published` and `image` split clips, so
            that a patient is in both training and test set: the former as the published counts
            imply, with its own test fraction and seed, the latter stratified by class.
        folds: Number of folds of `kfold`.
        test_fraction: Share of the patients (or clips) drawn as the test set, in the other schemes;
            0 tests only `test_patients`.
        validation_fraction: Share of the training patients (or clips) that selects the epoch.
        repeats: Number of random splits, in the other schemes, with consecutive seeds.
        test_patients: Patients that are always tested, in addition to those drawn.
        seed: Seed of the split.

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
        learning_rate: Learning rate; with a schedule, its highest value.
        schedule: `constant`, or `cosine`: linear warm-up over the first twentieth of all steps,
            then cosine decay to 0.
        momentum: Momentum of `coupled_sgd`.
        weight_decay: Weight decay of `coupled_sgd`.
        rate_multipliers: Factors of the learning rate for layers whose name starts with the key.
        clip_norm: Largest global norm of the gradients; null does not clip.
        batch_size: Clips per step.
        accumulate: Steps whose gradients are averaged for one update; 1 updates at every step.
        epochs: Passes over the training clips.
        patients: Largest number of training patients, drawn at random; null uses all.
        shuffle: Whether clips are shuffled in every epoch.
        drop_remainder: Whether the last, incomplete batch of an epoch is dropped.
        drop_test_remainder: The same for test clips, as some public code does.
        select: Epoch that is tested: the `last`, or the best by this column of history.csv.
        augment: `flip` adds one mirrored copy of every clip.
        calibrate: `temperature` divides logits by a temperature fitted on validation patients; for
            two classes, the operating point is also chosen there.
        precision: Dtype of the computation; `auto` is bfloat16 where the processor supports it.
        log_gradients: Whether the gradient norm of every layer at every step is written to
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
    accumulate: PositiveInt = 1
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
        patients: Number of patients.
        videos: Number of videos of all patients.
        duration_s: Duration of a video in seconds; null follows the paper's data.
        lengths_by_class: Whether videos of each class have that class's durations in the paper
            (lung sliding only); no effect with `duration_s`.
        fps: Frames per second; null follows the paper's data.
        difficulty: Difficulty, 0 … 3; 1 is the default cohort.
        spread: Width of the parameter ranges of patients and scanners, 1 … 3 times the usual.

    """

    patients: PositiveInt
    videos: PositiveInt
    duration_s: PositiveFloat | None = None
    lengths_by_class: bool = False
    fps: PositiveFloat | None = None
    difficulty: float = Field(ge=0, le=3)
    spread: float = Field(default=1.0, ge=1, le=3)


class TransferConfig(Section):
    """Training on a data set other than the one that is tested.

    Attributes:
        train_on: The only data set to train on.
        pretrain: Data set to train on before the folds.
        networks: Number of networks trained on it.
        fit: Changes to `fit` for that training.
        set: Changes to this file for both data sets, in the structure of the file.
        cohorts: Simulated cohorts to train on, by task.
        video_score: Probability of a video from those of its clips: the `mean`, or the `max`, as a
            video is positive if one of its clips is.

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
        threshold: Attention, rescaled to 0 … 1 over the clip, from which a frame is selected.
        population: Clips evaluated: those with an annotated frame (`gt_pos`), or those of them
            that the network predicts positive (`tp`).
        alphas: Least overlaps (IoU) at which a clip counts as localized.

    """

    threshold: float = Field(default=0.5, gt=0, le=1)
    population: Literal["gt_pos", "tp"] = "gt_pos"
    alphas: Shares = (0.1, 0.2, 0.3, 0.4)
