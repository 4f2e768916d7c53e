"""Scale of a benchmark: full, quick, or the minimum that runs at all."""

from dataclasses import dataclass, field
from pathlib import Path

from lus_keras.core.environment import cores


@dataclass(frozen=True)
class Scale:
    """Amounts of work.

    Attributes:
        batches: Clips per training step by network; those of the papers if not given.
        memory_h: Hours of video to prepare and train on.
    """

    name: str
    rounds: int
    steps: int
    batches: dict[str, int]
    video_s: float
    videos: int
    saliency_samples: int
    simulated: int
    memory_h: float
    table1: tuple[str, ...]
    exclusions: frozenset[str] = frozenset()


FULL = Scale(
    name="full",
    rounds=5,
    steps=2,
    batches={},
    video_s=60.0,
    videos=250,
    saliency_samples=20,
    simulated=6,
    memory_h=5.0,
    table1=("smoke", "quick"),
)
QUICK = Scale(
    name="quick",
    rounds=3,
    steps=1,
    batches={"c2d_lstm_a": 8, "resnet3d_18": 8},
    video_s=10.0,
    videos=30,
    saliency_samples=5,
    simulated=1,
    memory_h=0.05,
    table1=("smoke",),
    exclusions=frozenset({"memory", "table1"}),
)
# Only for tests of the command itself.
TINY = Scale(
    name="tiny",
    rounds=2,
    steps=1,
    batches={"c2d_lstm_a": 2, "resnet3d_18": 2},
    video_s=2.0,
    videos=2,
    saliency_samples=2,
    simulated=1,
    memory_h=0.001,
    table1=(),
)


@dataclass(frozen=True)
class Settings:
    """Scale, temporary folder for the contenders, and number of threads per framework."""

    scale: Scale
    folder: Path
    threads: int = field(default_factory=cores)

    @property
    def full(self) -> bool:
        """Whether this is the scale to which the targets apply."""
        return self.scale is FULL
