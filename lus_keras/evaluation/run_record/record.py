"""What run.json holds, as types: what was run, on what, with what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from lus_keras.evaluation.run_record.facts import Fact
from lus_keras.evaluation.run_record.settings import Settings

VERSION: Final = 2


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DataRecord(_Record):
    """Data of an arm, counted; None where nothing was counted.

    Attributes:
        patients: Patients.
        videos: Videos that give a clip.
        clips: Clips.
        positives: Clips of any class but the first.
        classes: Class → clips.
        frame_truth: Whether single frames are annotated.
        facts: What has to be said of the data.
        license: Their licence.
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
    """Videos of an arm, counted.

    Attributes:
        sides: Per fold, side → class → videos.
        lengths: Class → frames, as text → videos.
        patients: Patient → videos.
    """

    sides: list[dict[str, dict[str, int]]]
    lengths: dict[str, dict[str, int]]
    patients: dict[str, int]


class Fingerprint(_Record):
    """What the numbers of an arm, or of one of its folds, depend on.

    Attributes:
        settings: Settings of the experiment but those of `data` and `split`, whose effect the
            hashes hold.
        seed: Seed of the run.
        precision: Precision that the networks compute in.
        split: sha256 of the folds.
        data: Hash of pixels, labels and patients.
        versions: Package → version, of those that decide numbers.
        backend: Backend of Keras.
        lus_keras: Version of this package.
        model: Network; None for an arm.
        fold: Name of the fold's folder; None for an arm.
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

    def of_fold(self, model: str, fold: str) -> Fingerprint:
        """That of a fold of the arm.

        Args:
            model: Its network.
            fold: Name of its folder.

        Returns:
            The fingerprint.
        """
        return self.model_copy(update={"model": model, "fold": fold})

    def differences(self, now: Fingerprint) -> list[str]:
        """Names what differs from another one.

        Args:
            now: The other one.

        Returns:
            One sentence a key, with both values.
        """
        old, new = (
            flat(mark.model_dump(exclude={"settings"})) | flat(mark.settings)
            for mark in (self, now)
        )
        return [
            f"{key} was {old.get(key)!r}, is now {new.get(key)!r}."
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        ]


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens a mapping of mappings.

    Args:
        values: Any mapping.
        prefix: Put before each key.

    Returns:
        Keys joined by points → values that are no mappings.
    """
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


class ArmRecord(_Record):
    """One way to use the data.

    Attributes:
        title: As printed.
        folds: Folds of a complete run.
        config: Its settings; None if they were not recorded.
        leaks: Whether a patient may be on both sides of its split.
        data: Its data.
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
    """A setting with the evidence for it.

    Attributes:
        field: Its key.
        value: Its value.
        label: One of `core.config.LABELS`.
        why: The reason.
    """

    field: str
    value: Any = None
    label: str
    why: str = ""


class NetworkRecord(_Record):
    """A network of the user.

    Attributes:
        file: File of its function; empty where it was handed over in Python.
        function: Name of the function.
        sha256: Hash of the file, or of the function's source.
        parameters: As counted.
    """

    file: str
    function: str
    sha256: str
    parameters: int


class PaperRecord(_Record):
    """What was run of a paper.

    Attributes:
        title: Title of the paper.
        authors: Its authors.
        venue: Where it was published.
        doi: Its DOI; empty without.
        dataset: Name of the data set.
        simulated: Whether the data came out of the simulator.
        preset: Name of the preset.
        seed: Seed of the run; also seeds the bootstrap.
        command: As it was typed.
        labels: Classes, in the order of their numbers.
        targets: What was asked for; None if that was not recorded.
        models: Networks, `model` or `arm/model`, in the order of the tables.
        model_titles: What is printed of each network of the paper.
        networks: Networks of the user among them.
        folds: Folds of a complete run.
        config: Settings, without any arm's changes.
        choices: Settings that the paper leaves open or that were changed.
        published: The paper's own numbers, as its configuration has them.
        claims: The paper's claims, as its configuration has them.
        inconsistencies: Where the paper disagrees with itself.
        data: Data of the paper's own protocol, or of the first arm.
        arms: Arms by name; the paper's own protocol has an empty one.
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
    networks: dict[str, NetworkRecord] = {}
    folds: int
    config: Settings = Settings()
    choices: list[ChoiceRecord] = []
    published: dict[str, Any] = {}
    claims: list[dict[str, Any]] = []
    inconsistencies: list[str] = []
    data: DataRecord = DataRecord()
    arms: dict[str, ArmRecord] = {}

    def arm_of(self, name: str) -> ArmRecord | None:
        """The arm that a network was trained in.

        Args:
            name: `model`, or `arm/model`.

        Returns:
            The arm; None if the run has no such arm.
        """
        return self.arms.get(name.rpartition("/")[0])


class DeviceRecord(_Record):
    """The machine.

    Attributes:
        platform: Operating system and architecture.
        processor: Its name.
        cores: Cores that the process could use.
        backend: Backend of Keras.
    """

    platform: str = ""
    processor: str = ""
    cores: int | None = None
    backend: str = ""


class RunRecord(_Record):
    """All of run.json.

    Attributes:
        version: Version of this form.
        papers: Papers by name.
        seed: Seed of the run.
        versions: Package → version; None for what is not installed.
        device: The machine.
        git_commit: Commit of the code; None if it is not known.
    """

    version: Literal[2] = VERSION
    papers: dict[str, PaperRecord] = {}
    seed: int = 0
    versions: dict[str, str | None] = {}
    device: DeviceRecord = DeviceRecord()
    git_commit: str | None = None
