"""`data check --as`: compares an owner's copy of a paper's private data with the paper."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lus_keras.core import config
from lus_keras.core.config import ClipConfig, PaperConfig
from lus_keras.core.config.descriptions import PrivateDescription, PrivateExpected
from lus_keras.core.labels import REGISTRY
from lus_keras.core.suggestions import groups_alike
from lus_keras.data.cache import scaled_box
from lus_keras.data.clips import class_of, cut_video, is_labeled
from lus_keras.data.manifest import Video
from lus_keras.data.quality.check import Report
from lus_keras.data.tiling import published_counts
from lus_keras.data.video import Inspection

# Relative tolerance between rates of files, such as 29.97, and printed rates.
FPS_TOLERANCE = 0.01


@dataclass(frozen=True)
class Expectation:
    """One statement of a paper about its data.

    Attributes:
        what: The quantity.
        expected: Value in the paper, as text; empty if the paper does not state it.
        found: Value in the copy, as text.
        agrees: Whether the two agree; None if the paper does not state a value.
    """

    what: str
    expected: str
    found: str
    agrees: bool | None


def expectations(report: Report, said: PrivateDescription) -> list[Expectation]:
    """Compares every statement of a description with a checked manifest.

    Args:
        report: The check of the manifest.
        said: The description of the paper's data.
    """
    videos = [checked.item.video for checked in report.videos if checked.item.video]
    settings, expected = config.load(said.paper), said.expected
    exams = {(video.patient_id, video.exam_id) for video in videos if video.exam_id}
    rows = [
        _number("patients", expected.patients, len({video.patient_id for video in videos})),
        _number("exams", expected.exams, len(exams)),
        _number("videos", expected.videos, len(videos)),
        *_columns(said, videos),
        *_labels(expected, settings.label_column, videos),
        *_clips(expected, settings, report),
        *_files(expected, report),
        *_durations(expected, settings.label_column, report),
        *(RULES[rule](report, settings.label_column) for rule in said.checks),
        *(_test_sets(said.test_patients, settings, videos) if said.test_patients else ()),
        *(_tiles(settings, report) if said.tiles else ()),
    ]
    return [row for row in rows if row.expected or row.found]


def _number(what: str, expected: int | None, found: int) -> Expectation:
    if expected is None:
        return Expectation(what, "", str(found) if found else "", None)
    return Expectation(what, str(expected), str(found), expected == found)


def _columns(said: PrivateDescription, videos: Sequence[Video]) -> Iterator[Expectation]:
    for names, required in ((said.columns, True), (said.optional, False)):
        for name, what in names.items():
            filled = sum(getattr(video, name) not in (None, "") for video in videos)
            yield Expectation(
                f"column {name}: {what}",
                "in every row" if required else "",
                f"in {filled} of {len(videos)} rows",
                filled == len(videos) if required else None,
            )


def _labels(
    expected: PrivateExpected, column: str, videos: Sequence[Video]
) -> Iterator[Expectation]:
    label = REGISTRY[column]
    values = [getattr(video, column) for video in videos]
    found = Counter(label.format(value) for value in values if value is not None)
    for name, count in expected.labels.items():
        yield _number(f"videos with {column} {name}", count, found[name])


def _clips(
    expected: PrivateExpected, settings: PaperConfig, report: Report
) -> Iterator[Expectation]:
    """Numbers of clips as windows in time, without division into tiles."""
    if not expected.clips:
        return
    whole = settings.clip.model_copy(update={"unit": "window", "tile": None})
    found = _cut(report, whole, settings.label_column)
    for name, count in expected.clips.items():
        yield _number(f"clips with {settings.label_column} {name}", count, found[name])


def _cut(report: Report, clip: ClipConfig, column: str) -> Counter[str]:
    """Clips by label of the labeled, decodable videos; for tiles, of those with a region only."""
    counts: Counter[str] = Counter()
    for video, checked in _seen(report):
        if not is_labeled(video, column) or (clip.unit == "tile" and video.roi is None):
            continue
        size = clip.size
        if clip.unit == "tile" and video.roi:
            *_, width, height = scaled_box(video.roi, _size(checked), clip.size)
            size = (height, width)
        rate = clip.fps or checked.fps
        frames = max(1, round(checked.duration_s * rate))
        name = REGISTRY[column].values[class_of(video, column)]
        counts[name] += sum(1 for _ in cut_video(frames, size, clip))
    return counts


def _size(seen: Inspection) -> tuple[int, int]:
    return seen.height, seen.width


def _seen(report: Report) -> Iterator[tuple[Video, Inspection]]:
    """Manifest rows of the decodable videos with their inspections."""
    for checked in report.videos:
        if checked.item.video and checked.seen:
            yield checked.item.video, checked.seen


def _files(expected: PrivateExpected, report: Report) -> Iterator[Expectation]:
    seen = [found for _, found in _seen(report)]
    if expected.sizes:
        sizes = Counter(_size(one) for one in seen)
        yield Expectation(
            "height × width",
            " or ".join(map(_times, expected.sizes)),
            _counts({_times(size): count for size, count in sizes.items()}),
            bool(seen) and sizes.keys() <= set(expected.sizes),
        )
    if expected.fps:
        rates = [one.fps for one in seen]
        yield Expectation(
            "frames per second",
            " or ".join(f"{rate:g}" for rate in expected.fps),
            _counts(Counter(f"{rate:.4g}" for rate in rates)),
            bool(rates) and all(any(_same(r, e) for e in expected.fps) for r in rates),
        )
    if expected.frames:
        yield _range("frames of a video", expected.frames, [float(one.frames) for one in seen])


def _same(rate: float, expected: float) -> bool:
    return abs(rate - expected) <= FPS_TOLERANCE * expected


def _durations(expected: PrivateExpected, column: str, report: Report) -> Iterator[Expectation]:
    """Ranges of durations, compared in whole seconds as printed."""
    if expected.duration_s:
        lengths = [seen.duration_s for _, seen in _seen(report)]
        yield _range("duration, s", expected.duration_s, lengths)
    for name, limits in expected.durations_s.items():
        lengths = [
            seen.duration_s
            for video, seen in _seen(report)
            if is_labeled(video, column)
            and REGISTRY[column].values[class_of(video, column)] == name
        ]
        yield _range(f"duration with {column} {name}, s", limits, lengths)


def _range(what: str, limits: tuple[float, float], values: Sequence[float]) -> Expectation:
    ends = (min(values), max(values)) if values else None
    agrees = ends is not None and tuple(map(round, ends)) == tuple(map(round, limits))
    return Expectation(what, _ends(limits), _ends(ends) if ends else "none", agrees)


def _ends(limits: tuple[float, float]) -> str:
    low, high = (f"{value:.4g}" for value in limits)
    return low if low == high else f"{low} to {high}"


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} × {size[1]}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "none"


def _rule(what: str, wrong: Sequence[str]) -> Expectation:
    listed = ", ".join(wrong[:3]) + (", …" if len(wrong) > 3 else "")
    found = f"not in {len(wrong)}: {listed}" if wrong else "yes"
    return Expectation(what, "yes", found, not wrong)


def _one_spelling(report: Report, column: str) -> Expectation:
    patients = [checked.item.video.patient_id for checked in report.videos if checked.item.video]
    alike = [" and ".join(group) for group in groups_alike(patients)]
    return _rule("every patient has one spelling of its id", alike)


def _segments_agree(report: Report, column: str) -> Expectation:
    """Whether labels of videos and their frame-level labels agree."""
    frames = REGISTRY[column].frames
    wrong = [
        checked.item.name
        for checked in report.videos
        if (video := checked.item.video)
        and getattr(video, column) is not None
        and getattr(video, frames) is not None
        and bool(getattr(video, frames)) != bool(getattr(video, column))
    ]
    return _rule(f"{column} is 1 where {frames} has intervals, and 0 where it has none", wrong)


def _regions_inside(report: Report, column: str) -> Expectation:
    wrong = [c.item.name for c in report.videos if any(p.code == "roi" for p in c.problems)]
    return _rule("every region of interest lies inside its image", wrong)


# Rules that a description may list under `checks`.
RULES: dict[str, Callable[[Report, str], Expectation]] = {
    "one_spelling": _one_spelling,
    "segments_agree": _segments_agree,
    "regions_inside": _regions_inside,
}


def _test_sets(
    groups: Sequence[Sequence[str]], settings: PaperConfig, videos: Sequence[Video]
) -> Iterator[Expectation]:
    """Determines which of several test sets gives the printed counts of training and test set."""
    printed = settings.published["table1"]
    wanted = {side: [printed[side][name] for name in settings.labels] for side in printed}
    labeled = [video for video in videos if is_labeled(video, settings.label_column)]
    fitting, found = [], []
    for group in groups:
        counts = {side: [0] * len(settings.labels) for side in wanted}
        for video in labeled:
            side = "test" if video.patient_id in group else "train"
            counts[side][class_of(video, settings.label_column)] += 1
        found.append(_sides(counts))
        fitting += [" ".join(group)] * (counts == wanted)
    shown = f"with the test patients {' or '.join(fitting)}" if fitting else found[0]
    yield Expectation("Table I", _sides(wanted), shown, bool(fitting))


def _sides(counts: Mapping[str, Sequence[int]]) -> str:
    return "; ".join(f"{side} {'/'.join(map(str, row))}" for side, row in counts.items())


def _tiles(settings: PaperConfig, report: Report) -> Iterator[Expectation]:
    """Numbers of tiles of every data set of Figure 4, whose impossible total is corrected."""
    present, absent = reversed(REGISTRY[settings.label_column].values)
    for name, printed in published_counts().items():
        changes = settings.variants[name].set["clip"]
        clip = ClipConfig.model_validate({**settings.clip.model_dump(), **changes})
        counts = _cut(report, clip, settings.label_column)
        found = {"present": counts[present], "absent": counts[absent], "total": counts.total()}
        yield Expectation(f"tiles of {name}", _counts(printed), _counts(found), found == printed)


def contradictions(found: Sequence[Expectation]) -> int:
    """Number of statements contradicted by the copy."""
    return sum(row.agrees is False for row in found)
