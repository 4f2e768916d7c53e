"""The videos of a request that have the label it needs."""

from __future__ import annotations

from dataclasses import dataclass

from lus_keras import datasets
from lus_keras.cache import Item
from lus_keras.clips import is_labelled
from lus_keras.config import CohortConfig
from lus_keras.datasets import simulated
from lus_keras.errors import DataError
from lus_keras.reproduce.request import Request, data_name

SIGN_ALONE = " `sign` alone does not say that the other three signs were looked for and not seen."


@dataclass(frozen=True)
class Data:
    """Videos of one data set, before any is opened.

    Attributes:
        name: As in paths.
        items: Videos or plans of videos.
        notes: What has to be said of the data.
        license: Licence of the data.
        cropped: Whether frames show the sector alone, so that they are not cropped to it.
    """

    name: str
    items: list[Item]
    notes: tuple[str, ...]
    license: str
    cropped: bool = False


def load_data(name: str, cohort: CohortConfig, request: Request, column: str) -> Data:
    """Loads the data set of a request; no video is opened.

    Args:
        name: Name of the paper.
        cohort: Its simulated cohort, where that is asked for.
        request: What was asked for.
        column: Label that videos must have; those without are left out and noted.

    Returns:
        The data.

    Raises:
        ConfigError: The data set is not known.
        DataError: The data are absent, break a rule, or have no such label.
    """
    if request.data == simulated.NAME:
        return _simulated(name, cohort, request.seed)
    data = datasets.load(request.data, root=request.root)
    items, notes = _labelled(data, column)
    return Data(data_name(request.data), items, (*data.notes, *notes), data.license, data.cropped)


def _simulated(name: str, cohort: CohortConfig, seed: int) -> Data:
    items: list[Item] = list(simulated.plan(name, cohort, seed))
    return Data(simulated.NAME, items, simulated.NOTES, simulated.LICENSE)


def _labelled(data: datasets.Dataset, column: str) -> tuple[list[Item], list[str]]:
    """Videos that have the label, and a note on those that have not."""
    videos: list[Item] = [video for video in data.videos if is_labelled(video, column)]
    if not videos:
        raise DataError(
            f"{data.name}: no video has a label in '{column}'. Fill in that column."
            + SIGN_ALONE * (column == "signs" and any(video.sign for video in data.videos))
        )
    missing = [video.video_id for video in data.videos if not is_labelled(video, column)]
    if not missing:
        return videos, []
    listed = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
    return videos, [
        f"{len(missing)} videos have no label in '{column}' and are left out: {listed}."
    ]
