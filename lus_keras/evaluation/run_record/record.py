"""Types of run.json: settings, data, software and machine of a run."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, field_validator

from lus_keras.core.config import OwnNetwork
from lus_keras.core.former_names import renamed_keys
from lus_keras.evaluation.run_record.facts import Fact
from lus_keras.evaluation.run_record.settings import Settings

VERSION: Final = 3
# Settings that runs recorded before there was a choice do not have, with what was done then.
_FORMER: Final[dict[str, Any]] = {
    "clip.resize": "area",
    "cohort.lengths_by_class": False,
    "cohort.spread": 1.0,
    "fit.accumulate": 1,
    "fit.calibrate": "none",
    "fit.patients": None,
    "model.attention": "dot",
    "model.average": "mean",
    "model.dropout_at": ["frames", "lstm"],
    "model.kernel_3d": [3, 3, 3],
    "model.lstm_units": 16,
    "model.time_pool": 1,
    "options.engine": "fast",
    "options.explained": "predicted",
    "options.order": "mean_abs",
    "transfer.cohorts.bline.lengths_by_class": False,
    "transfer.cohorts.bline.spread": 1.0,
    "transfer.cohorts.severity.lengths_by_class": False,
    "transfer.cohorts.severity.spread": 1.0,
}
# Tables alone read `transfer.video_score`. Of `fit.precision`, which may be `auto`, only what it
# came to counts: `precision`.
_NOT_DECIDING: Final = frozenset({"transfer.video_score", "fit.precision"})


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DataRecord(_Record):
    """Counts of a variant's data; None if not counted.

    Attributes:
        videos: Videos with at least one clip.
        positives: Clips of any class but the first.
        frame_truth: Whether frames are annotated.
        facts: Facts about the data that outputs must state.
    """

    patients: int | None = None
    videos: int | None = None
    clips: int | None = None
    positives: int | None = None
    classes: dict[str, int] = {}
    frame_truth: bool | None = None
    facts: list[Fact] = []
    license: str = ""


class VideoCounts(_Record):
    """Videos of a variant, counted.

    Attributes:
        sides: Per fold, side → class → videos.
        lengths: Class → frames, as text → videos.
        patient_lengths: Patient → frames, as text → videos; empty in older runs.
    """

    sides: list[dict[str, dict[str, int]]]
    lengths: dict[str, dict[str, int]]
    patients: dict[str, int]
    patient_lengths: dict[str, dict[str, int]] = {}


class Fingerprint(_Record):
    """What the numbers of a variant, or of one of its folds, depend on.

    Attributes:
        settings: Settings of the experiment but those of `data` and `split`, whose effect the
            hashes hold.
        split: sha256 of the folds.
        data: Hash of pixels, labels and patients.
        versions: Package → version, of those that decide numbers.
        model: Network; None for a variant.
        fold: Name of the fold's folder; None for a variant.
    """

    settings: dict[str, Any]
    seed: int
    precision: str
    split: str
    data: str
    versions: dict[str, str | None]
    backend: str
    lus_keras: str
    model: str | None = None
    fold: str | None = None

    @field_validator("settings", mode="before")
    @classmethod
    def _renamed(cls, settings: Any) -> Any:
        return renamed_keys(settings)

    def of_fold(self, model: str, fold: str) -> "Fingerprint":
        """That of a fold of the variant."""
        return self.model_copy(update={"model": model, "fold": fold})

    def differences(self, now: "Fingerprint") -> list[str]:
        """One sentence for each key that may change predictions and differs, with both values."""
        old, new = self._deciding(), now._deciding()
        changed = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
        sentences = [f"{key} was {old.get(key)!r}, is now {new.get(key)!r}." for key in changed]
        if changed == ["precision"]:
            sentences[0] += f" Continue the run with --set fit.precision={self.precision}."
        return sentences

    def _deciding(self) -> dict[str, Any]:
        """Keys on which predictions depend, flat; those that a former run lacks filled in."""
        keys = flat(self.model_dump(exclude={"settings"})) | _FORMER | flat(self.settings)
        learns_elsewhere = keys.get("transfer.train_on") or keys.get("transfer.pretrain")
        return {
            key: value
            for key, value in keys.items()
            if key not in _NOT_DECIDING and (learns_elsewhere or not key.startswith("transfer."))
        }


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens a mapping of mappings: keys joined by points → values that are no mappings."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


class VariantRecord(_Record):
    """One way to use the data.

    Attributes:
        config: Its settings; None if they were not recorded.
        leaks: Whether a patient may be in both training and test set.
        videos: Its videos, counted; None if they were not.
        fingerprint: What its numbers depend on; None if that was not recorded.
    """

    title: str = ""
    folds: int
    config: Settings | None = None
    leaks: bool = False
    data: DataRecord = DataRecord()
    videos: VideoCounts | None = None
    fingerprint: Fingerprint | None = None


class ChoiceRecord(_Record):
    """A setting with the evidence for it, a label of `core.config.LABELS`."""

    field: str
    value: Any = None
    label: str
    why: str = ""


class NetworkRecord(OwnNetwork):
    """A network of the user, with its parameters as counted."""

    parameters: int


class PaperRecord(_Record):
    """What was run of a paper.

    Attributes:
        doi: Its DOI; empty without.
        simulated: Whether the videos are simulated.
        seed: Seed of the run; also seeds the bootstrap.
        labels: Classes, in the order of their numbers.
        targets: Requested targets; None if not recorded.
        models: Networks, `model` or `variant/model`, in the order of the tables.
        model_titles: Printed name of each network of the paper.
        changes: Settings by which a network differs from the preset's, as its row's title has them.
        choices: Settings that the paper leaves open or that were changed.
        published: The paper's own numbers, as its configuration has them.
        claims: The paper's claims, as its configuration has them.
        data: Data of the paper's own protocol, or of the first variant.
        variants: Variants by name; the paper's own protocol has an empty one.
    """

    title: str
    authors: str = ""
    venue: str = ""
    doi: str = ""
    dataset: str
    simulated: bool
    preset: str
    seed: int
    command: str = ""
    labels: list[str] = []
    targets: list[str] | None = None
    models: list[str]
    model_titles: dict[str, str] = {}
    changes: dict[str, str] = {}
    networks: dict[str, NetworkRecord] = {}
    folds: int
    config: Settings = Settings()
    choices: list[ChoiceRecord] = []
    published: dict[str, Any] = {}
    claims: list[dict[str, Any]] = []
    inconsistencies: list[str] = []
    data: DataRecord = DataRecord()
    variants: dict[str, VariantRecord] = {}

    def variant_of(self, name: str) -> VariantRecord | None:
        """Variant that a network, `model` or `variant/model`, was trained in, if there is one."""
        return self.variants.get(name.rpartition("/")[0])


class DeviceRecord(_Record):
    """The machine."""

    platform: str = ""
    processor: str = ""
    cores: int | None = None
    backend: str = ""


class RunRecord(_Record):
    """All of run.json; a package that is not installed has the version None."""

    version: Literal[3] = VERSION
    papers: dict[str, PaperRecord] = {}
    seed: int = 0
    versions: dict[str, str | None] = {}
    device: DeviceRecord = DeviceRecord()
    git_commit: str | None = None
