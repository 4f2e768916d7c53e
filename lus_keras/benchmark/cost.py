"""Estimated cost of a paper: clips, operations, memory, disk space and time of every preset.

Nothing is trained. Times are derived from steps measured on two cores, and from the number of
operations and a given throughput, as measured on this machine or of an accelerator.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from lus_keras import papers
from lus_keras.benchmark.flops import TRAINING, count_flops
from lus_keras.core import config
from lus_keras.core.config import ClipConfig, PaperConfig
from lus_keras.data.clips import cut_video
from lus_keras.experiments.reproduce.estimate import peak_gb, training_seconds
from lus_keras.simulation import VideoPlan, simulate_video
from lus_keras.simulation import dataset as simulated

# Regions of interest are known only after rendering; a few videos represent all.
RENDERED = 4


@dataclass(frozen=True)
class Cost:
    """Cost of training one network.

    Attributes:
        clips: Number of clips; approximate for tiles.
        forward_flops: Operations of a forward pass per clip.
        memory_gb: Approximate peak memory of a fold, in 10⁹ bytes.
        cpu_seconds: Approximate time on two cores in float32.
    """

    paper: str
    preset: str
    network: str
    videos: int
    clips: int
    forward_flops: int
    training_flops: float
    disk_bytes: float
    memory_gb: float
    cpu_seconds: float


def costs(paper: str, preset: str) -> Iterator[Cost]:
    """Costs of every network of a paper, in each variant required by a target."""
    module = papers.get(paper)
    entries = dict.fromkeys(entry for needed in module.targets.values() for entry in needed)
    # Variants without a network only count data.
    trained = [entry for entry in entries if entry.rpartition("/")[2]]
    plain = [entry for entry in trained if not _learns_elsewhere(paper, preset, entry)]
    shapes: dict[Any, int] = {}
    for entry in plain:
        variant, _, network = entry.rpartition("/")
        settings = config.load(paper, preset, (), variant)
        key = (network, settings.clip.shape, tuple(map(str, settings.model.items())))
        if key not in shapes:
            shapes[key] = _forward_flops(paper, network, settings)
        yield _cost(paper, preset, entry, settings, shapes[key])


def _forward_flops(paper: str, network: str, settings: PaperConfig) -> int:
    """Builds a network to count its operations; the slowest part of this module."""
    return count_flops(papers.get(paper).build(network, settings))


def _learns_elsewhere(paper: str, preset: str, entry: str) -> bool:
    variant = entry.rpartition("/")[0]
    if not variant:
        return False
    transfer = config.load(paper, preset, (), variant).transfer
    return bool(transfer.train_on or transfer.pretrain)


def _cost(paper: str, preset: str, entry: str, settings: PaperConfig, flops: int) -> Cost:
    plans = simulated.plan(paper, settings.cohort, 0)
    clips, pixels = _amounts(plans, settings.clip)
    fit, split = settings.fit, settings.split
    share = (split.count - 1) / split.count if split.scheme == "kfold" else 1 - split.test_fraction
    learned = clips * share * split.count
    copies = 2 if fit.augment == "flip" else 1
    network = entry.rpartition("/")[2]
    return Cost(
        paper=paper,
        preset=preset,
        network=entry,
        videos=len(plans),
        clips=round(clips),
        forward_flops=flops,
        training_flops=TRAINING * flops * learned * copies * fit.epochs,
        disk_bytes=pixels,
        memory_gb=peak_gb(settings, [network]),
        cpu_seconds=training_seconds(settings, [network], learned),
    )


def _amounts(plans: list[VideoPlan], clip: ClipConfig) -> tuple[float, float]:
    """Number of clips of a simulated cohort, and bytes of its frames in the cache."""
    counts = [round(plan.frames * (clip.fps or plan.fps) / plan.fps) for plan in plans]
    channels = clip.channels if clip.crop == "roi" or clip.colour else 1
    sizes = [clip.size] * len(plans)
    if clip.crop == "roi":
        chosen = plans[:: max(1, len(plans) // RENDERED)][:RENDERED]
        boxes = [_region(plan, clip) for plan in chosen]
        sizes = [boxes[number % len(boxes)] for number in range(len(plans))]
    clips = sum(
        1 for count, size in zip(counts, sizes, strict=True) for _ in cut_video(count, size, clip)
    )
    pixels = sum(count * math.prod(size) for count, size in zip(counts, sizes, strict=True))
    return float(clips), float(pixels * channels)


def _region(plan: VideoPlan, clip: ClipConfig) -> tuple[int, int]:
    short = replace(plan, duration_s=max(2 / plan.fps, 0.1))
    height, width = clip.size
    _, _, w, h = simulate_video(short, height=height, width=width).roi
    return h, w


HEADER = (
    *("paper", "preset", "network", "videos", "clips", "GFLOPs a clip, forward"),
    *("PFLOPs of training", "frames on disk, GB", "memory, GB"),
    *("hours on two cores", "hours at {rate:g} GFLOP/s"),
)


def cost_rows(found: Iterable[Cost], gflops: float) -> list[tuple[str, ...]]:
    """Rows of a table, the first of which is the header.

    Args:
        gflops: Throughput in 10⁹ operations per second.
    """
    rows = [tuple(name.format(rate=gflops) for name in HEADER)]
    for cost in found:
        hours = cost.training_flops / (gflops * 1e9) / 3600
        rows.append(
            (
                cost.paper,
                cost.preset,
                cost.network,
                str(cost.videos),
                f"{cost.clips:,}",
                f"{cost.forward_flops / 1e9:.3g}",
                f"{cost.training_flops / 1e15:.3g}",
                f"{cost.disk_bytes / 1e9:.3g}",
                f"{cost.memory_gb:.1f}",
                f"{cost.cpu_seconds / 3600:.3g}",
                f"{hours:.3g}",
            )
        )
    return rows


def all_costs(names: Iterable[str] = ()) -> Iterator[Cost]:
    """Costs of the named papers, or of all, in every preset."""
    for paper in tuple(names) or papers.names():
        for preset in config.PRESETS:
            yield from costs(paper, preset)
