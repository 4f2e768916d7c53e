"""Videos of a request, to test on and to train on; none is opened."""

from dataclasses import dataclass, replace

from lus_keras.core.config import CohortConfig, PaperConfig
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data import datasets
from lus_keras.data.cache import Item
from lus_keras.data.clips import is_labeled
from lus_keras.evaluation.run_record.facts import Fact, Remark, Topic, UnlabelledVideos
from lus_keras.experiments.reproduce.request import Request, data_name
from lus_keras.simulation import VideoPlan
from lus_keras.simulation import dataset as simulated

_SIMULATED = tuple(Remark(topic=Topic.SIMULATION, text=note) for note in simulated.NOTES)
SIGN_ALONE = " `sign` alone does not state that the other three signs are absent."


@dataclass(frozen=True)
class Data:
    """Videos of one data set, before any is opened.

    Attributes:
        name: Name in paths.
        items: Videos, or sources that compute their frames.
        facts: Facts about the data to be reported.
        license: License of the data.
        cropped: Whether frames show only the sector, so that they are not cropped to it.
    """

    name: str
    items: list[Item]
    facts: tuple[Fact, ...]
    license: str
    cropped: bool = False


def learned_data(name: str, settings: PaperConfig, request: Request) -> Data | None:
    """The data set to train on, if it differs from the one to test on.

    Returns:
        Simulated videos; None if training and testing use the same data set.

    Raises:
        ConfigError: Settings contradict each other, or training and test data are the same.
    """
    transfer = settings.transfer
    source = transfer.train_on or transfer.pretrain
    if source is None:
        return None
    if transfer.train_on and transfer.pretrain:
        raise ConfigError("transfer: set train_on or pretrain, not both.")
    if request.data == source:
        raise ConfigError(
            f"transfer: trains on '{source}' and would also be tested on it. Choose real videos "
            "with --data."
        )
    cohorts = transfer.cohorts or {name: settings.cohort}
    items: list[Item] = []
    for task, cohort in cohorts.items():
        plans = simulated.plan(task, cohort, request.cohort_seed)
        # Ids are prefixed with the task, as every task has a patient 0.
        items += simulated.sources(
            plans if len(cohorts) == 1 else [_of_task(plan, task) for plan in plans]
        )
    return Data(simulated.NAME, items, _SIMULATED, simulated.LICENSE)


def _of_task(plan: VideoPlan, task: str) -> VideoPlan:
    return replace(
        plan,
        patient_id=f"{task}-{plan.patient_id}",
        exam_id=f"{task}-{plan.exam_id}",
        video_id=f"{task}-{plan.video_id}",
    )


def load_data(name: str, cohort: CohortConfig, request: Request, column: str) -> Data:
    """Loads the data set of a request; no video is opened.

    Args:
        name: Name of the paper.
        cohort: Settings of the simulated cohort, if the request is for simulated data.
        column: Required label; videos without it are excluded and reported.

    Raises:
        ConfigError: The data set is unknown.
        DataError: The data are missing, violate a rule, or do not have the label.
    """
    if request.data == simulated.NAME:
        return _simulated(name, cohort, request.cohort_seed)
    data = datasets.load(request.data, root=request.root)
    items, unlabeled = _labeled(data, column)
    said = (Remark(topic=Topic.DATASET, text=note) for note in data.notes)
    return Data(data_name(request.data), items, (*said, *unlabeled), data.license, data.cropped)


def _simulated(name: str, cohort: CohortConfig, seed: int) -> Data:
    items: list[Item] = list(simulated.sources(simulated.plan(name, cohort, seed)))
    return Data(simulated.NAME, items, _SIMULATED, simulated.LICENSE)


def _labeled(data: datasets.Dataset, column: str) -> tuple[list[Item], list[Fact]]:
    """Videos with the label, and the fact about those without."""
    videos: list[Item] = [video for video in data.videos if is_labeled(video, column)]
    if not videos:
        raise DataError(
            f"{data.name}: no video has a label in '{column}'. Fill in that column."
            + SIGN_ALONE * (column == "signs" and any(video.sign for video in data.videos))
        )
    missing = [video.video_id for video in data.videos if not is_labeled(video, column)]
    return videos, [UnlabelledVideos(column=column, videos=missing)] if missing else []
