"""One module per task: its cohort, the findings it draws into the lung, and the measurement."""

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType

from lus_keras.core.errors import ConfigError


@dataclass(frozen=True)
class CohortSize:
    """The cohort of a paper.

    Attributes:
        duration_s: Length of the videos in seconds: one number, or the shortest and the longest.
        fps: Frame rates of the scanners, one per patient.
        sizes: Rows and columns recorded by the scanners, one pair per patient.
        probe: `convex` or `linear`.
        positive_patients: Number of patients with the finding in all their videos; if not given,
            videos of a patient differ.
        shares: Relative frequency of each class; empty for two classes of equal size.
        lengths: Histogram of pairs (frames, videos) from which lengths are drawn instead.
        class_lengths_s: Shortest and longest video of each of two classes, and the skew between
            them (see `allocation.skewed_lengths`), instead of `duration_s`.
        videos_of_patients: Number of videos of each patient, in any order; random if empty.
        frames_of_classes: Number of frames of each class in the paper; the last video of a class is
            shortened if its videos have more. Empty for whole videos.
    """

    patients: int
    videos: int
    duration_s: float | tuple[float, float]
    fps: tuple[float, ...]
    sizes: tuple[tuple[int, int], ...] = ((480, 640),)
    probe: str = "convex"
    positive_patients: int | None = None
    shares: tuple[float, ...] = ()
    lengths: tuple[tuple[int, int], ...] = ()
    class_lengths_s: tuple[tuple[float, float, float], ...] = ()
    videos_of_patients: tuple[int, ...] = ()
    frames_of_classes: tuple[int, ...] = ()


def names() -> list[str]:
    """Names of the tasks that can be simulated, discovered by file name."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def get(name: str) -> ModuleType:
    """Imports the module of a task.

    Args:
        name: One of `names()`.

    Returns:
        A module with `COHORT`, `CLASSES`, `draw_motion`, `draw_pathology`, `measure`, `labels` and
        `region`.

    Raises:
        ConfigError: There is no such task.
    """
    if name not in names():
        raise ConfigError(f"`task` must be one of {names()}. Received: task={name!r}.")
    return importlib.import_module(f"{__name__}.{name}")
