"""Facts about the data of a run that outputs must state; worded by `report.sentences`."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field


class Topic(StrEnum):
    """Topic of a fact, by which outputs select."""

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
    """A sentence from a data set or a paper."""

    kind: Literal["remark"] = "remark"
    topic: Topic
    text: str


class DamagedVideos(_Exclusion):
    """Videos that cannot be decoded completely and were excluded.

    Attributes:
        problems: Video → description of its damage.
    """

    kind: Literal["damaged"] = "damaged"
    by_class: dict[str, int]
    problems: dict[str, str]
    videos_kept: int
    patients_kept: int
    patients: int


class UnlabelledVideos(_Exclusion):
    """Videos without the label, which were excluded."""

    kind: Literal["unlabelled"] = "unlabelled"
    column: str
    videos: list[str]


class VideosWithoutClip(_Exclusion):
    """Videos shorter or smaller than one clip, and number of patients without another video."""

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
    """Videos longer than a clip, which were truncated."""

    kind: Literal["cut"] = "cut"
    videos: int
    frames: int
    longest: int


class UnusedFrames(_OfData):
    """Frames at the ends of videos that do not fill a clip, of all frames of the videos used."""

    kind: Literal["unused_frames"] = "unused_frames"
    frames: int
    of: int
    videos: int


class LearntElsewhere(_OfTraining):
    """Training on another data set; `first` if followed by training within the folds."""

    kind: Literal["learnt_elsewhere"] = "learnt_elsewhere"
    dataset: str
    first: bool


class OwnFolds(_OfTraining):
    """The folds are the user's own."""

    kind: Literal["own_folds"] = "own_folds"
    folds: int


class Leakage(_OfTraining):
    """Clips of one patient are in both training and test set."""

    kind: Literal["leakage"] = "leakage"


class ChosenOnTest(_OfTraining):
    """The epoch was selected on the test clips."""

    kind: Literal["chosen_on_test"] = "chosen_on_test"


class Change(_Fact):
    """A setting that differs from the paper's, with both values as text."""

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
