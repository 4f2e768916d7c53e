"""`data stats`: patients, videos and labels; durations, sizes and frame rates of the videos."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lus_keras.core.labels import REGISTRY
from lus_keras.data.manifest import Video
from lus_keras.data.quality.check import Report
from lus_keras.data.video import Inspection


@dataclass(frozen=True)
class Statistics:
    """Statistics of a data set, measured by decoding.

    Attributes:
        rows: Pairs of a quantity and its value, as text.
        label_counts: Label → value → number of videos; "not labeled" for videos without the label.
        durations_s: `(n,)` durations of the decodable videos.
        sizes: `(n, 2)` width and height in pixels.
        fps: `(n,)` mean frames per second.
    """

    title: str
    rows: tuple[tuple[str, str], ...]
    label_counts: dict[str, dict[str, int]]
    durations_s: np.ndarray
    sizes: np.ndarray
    fps: np.ndarray


def statistics_of(report: Report) -> Statistics:
    """Summarizes a report; videos with errors are counted but not measured."""
    videos = [checked.item.video for checked in report.videos if checked.item.video]
    seen = [checked.seen for checked in report.videos if checked.seen]
    per_patient = Counter(video.patient_id for video in videos)
    labels = _label_counts(videos)
    rows = [
        ("videos", str(len(report.videos))),
        ("videos that decode", str(len(seen))),
        *_patients(list(per_patient.values())),
        *((name, _counts(counts)) for name, counts in labels.items()),
        *(_measured(seen) if seen else []),
    ]
    return Statistics(
        title=report.target.name,
        rows=tuple(rows),
        label_counts=labels,
        durations_s=np.array([one.duration_s for one in seen]),
        sizes=np.array([(one.width, one.height) for one in seen]).reshape(-1, 2),
        fps=np.array([one.fps for one in seen]),
    )


def _label_counts(videos: Sequence[Video]) -> dict[str, dict[str, int]]:
    counts = {}
    for name, label in REGISTRY.items():
        values = [getattr(video, name) for video in videos]
        known = Counter(label.summary(value) for value in values if value is not None)
        missing = sum(value is None for value in values)
        if known:
            counts[name] = dict(sorted(known.items())) | ({"unlabeled": missing} if missing else {})
    return counts


def _patients(counts: list[int]) -> list[tuple[str, str]]:
    spread = _spread(np.array(counts), "", ".4g") if counts else ""
    return [("patients", str(len(counts))), ("videos per patient", spread)] if counts else []


def _measured(seen: Sequence[Inspection]) -> list[tuple[str, str]]:
    durations_s = np.array([one.duration_s for one in seen])
    sizes = Counter(f"{one.width}×{one.height}" for one in seen)
    kinds = Counter(f"{one.container}/{one.codec}" for one in seen)
    return [
        (
            "duration",
            f"{_spread(durations_s, ' s', '.2f')}; {durations_s.sum() / 60:.1f} min in all",
        ),
        ("frames", f"{sum(one.frames for one in seen):,}"),
        ("frames per second", _spread(np.array([one.fps for one in seen]), "", ".4g")),
        ("sizes", _counts(dict(sizes.most_common(8)), more=len(sizes) - 8)),
        ("containers and codecs", _counts(dict(kinds.most_common()))),
    ]


def _spread(values: np.ndarray, unit: str, digits: str) -> str:
    low, middle, high = (f"{value:{digits}}" for value in np.quantile(values, (0, 0.5, 1)))
    return f"{low} … {high}{unit}, median {middle}{unit}" if low != high else f"{low}{unit}"


def _counts(counts: dict[str, int], more: int = 0) -> str:
    text = ", ".join(f"{name}: {count}" for name, count in counts.items())
    return f"{text}, and {more} more" if more > 0 else text
