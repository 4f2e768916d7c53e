"""What has to be said of the data of a run, as facts; `report.sentences` puts them into words."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class Topic(StrEnum):
    """What a fact is about, so that a reader finds those it wants."""

    SIMULATION = "simulation"
    DATASET = "dataset"
    PAPER = "paper"
    EXCLUSION = "exclusion"
    PROTOCOL = "protocol"
    TRAINING = "training"


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Exclusion(_Fact):
    topic: ClassVar[Topic] = Topic.EXCLUSION


class _OfData(_Fact):
    topic: ClassVar[Topic] = Topic.DATASET


class _OfTraining(_Fact):
    topic: ClassVar[Topic] = Topic.TRAINING


class Remark(_Fact):
    """A sentence of a data set or a paper, in its own words."""

    kind: Literal["remark"] = "remark"
    topic: Topic
    text: str


class DamagedVideos(_Exclusion):
    """Videos that cannot be decoded whole and were left out.

    Attributes:
        problems: Video → what is wrong with it.
    """

    kind: Literal["damaged"] = "damaged"
    by_class: dict[str, int]
    problems: dict[str, str]
    videos_kept: int
    patients_kept: int
    patients: int


class UnlabelledVideos(_Exclusion):
    """Videos without the label, which were left out."""

    kind: Literal["unlabelled"] = "unlabelled"
    column: str
    videos: list[str]


class VideosWithoutClip(_Exclusion):
    """Videos shorter or smaller than one clip, and patients that have no other video."""

    kind: Literal["without_clip"] = "without_clip"
    by_class: dict[str, int]
    patients: int
    videos: list[str]


class PaddedVideos(_OfData):
    """Videos shorter than one clip that were padded, with "zero" or the "last" frame."""

    kind: Literal["padded"] = "padded"
    by_class: dict[str, int]
    patients: int
    videos: list[str]
    padding: str


class CutVideos(_Exclusion):
    """Videos longer than the clip made of each."""

    kind: Literal["cut"] = "cut"
    videos: int
    frames: int
    longest: int


class UnusedFrames(_OfData):
    """Frames, of those of all videos that give a clip, at the ends of videos that fill none."""

    kind: Literal["unused_frames"] = "unused_frames"
    frames: int
    of: int
    videos: int


class LearntElsewhere(_OfTraining):
    """Another data set was learned from, `first` if training went on within the folds."""

    kind: Literal["learnt_elsewhere"] = "learnt_elsewhere"
    dataset: str
    first: bool


class OwnFolds(_OfTraining):
    """The folds are the user's."""

    kind: Literal["own_folds"] = "own_folds"
    folds: int


class Leakage(_OfTraining):
    """Clips of one patient are learned from and tested on."""

    kind: Literal["leakage"] = "leakage"


class ChosenOnTest(_OfTraining):
    """The epoch is chosen on the clips that are tested."""

    kind: Literal["chosen_on_test"] = "chosen_on_test"


class Change(_Fact):
    """A setting that is not the paper's, with the run's value and the paper's as text."""

    setting: str
    value: str
    paper: str


class OtherProtocol(_Fact):
    """Preset and overrides changed the paper's protocol."""

    topic: ClassVar[Topic] = Topic.PROTOCOL
    kind: Literal["other_protocol"] = "other_protocol"
    preset: str
    changes: list[Change]


_Data = (
    DamagedVideos | UnlabelledVideos | VideosWithoutClip | PaddedVideos | CutVideos | UnusedFrames
)
_Training = LearntElsewhere | OwnFolds | Leakage | ChosenOnTest | OtherProtocol
Fact = Annotated[Remark | _Data | _Training, Field(discriminator="kind")]
