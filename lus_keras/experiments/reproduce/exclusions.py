"""Unused data, counted by class and patient, for every output of a run."""

from collections.abc import Iterator, Sequence

from lus_keras.core.config import PaperConfig
from lus_keras.core.multilabel import class_counts
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.clips import class_of, is_short, windows
from lus_keras.data.manifest import Video
from lus_keras.evaluation.run_record import facts
from lus_keras.evaluation.run_record.facts import Fact


def exclusions(source: ClipSource, settings: PaperConfig) -> list[Fact]:
    """Counts damaged videos, videos that are too short, and frames that do not fill a clip.

    Returns:
        One fact for each kind that occurs.
    """
    return [*_damaged(source, settings), *_without_clip(source, settings), *_lost_ends(source)]


def _damaged(source: ClipSource, settings: PaperConfig) -> Iterator[Fact]:
    skipped = [pair for store in source.stores for pair in store.skipped]
    if not skipped:
        return
    kept = [video for store in source.stores for video in store.videos]
    bad = [video for video, _ in skipped]
    before, after = (len({video.patient_id for video in part}) for part in ([*kept, *bad], kept))
    yield facts.DamagedVideos(
        by_class=_by_class(bad, settings),
        problems={video.video_id: _short(video, text) for video, text in skipped},
        videos_kept=len(kept),
        patients_kept=after,
        patients=before,
    )


def _short(video: Video, text: str) -> str:
    """A problem without the path, which may reveal location and origin of the data."""
    return text.removeprefix(video.video).lstrip(":/ ").split(" Copy the file")[0]


def _without_clip(source: ClipSource, settings: PaperConfig) -> Iterator[Fact]:
    used = set(source.index.video.tolist())
    counted = list(enumerate(_counted(source)))
    without = [video for number, (video, _) in counted if number not in used]
    if without:
        some = {video.patient_id for number, (video, _) in counted if number in used}
        lost = len({video.patient_id for video in without} - some)
        yield facts.VideosWithoutClip(
            by_class=_by_class(without, settings),
            patients=lost,
            videos=[video.video_id for video in without],
        )
    clip = source.clip
    padded = [v for number, (v, count) in counted if number in used and is_short(count, clip)]
    if padded:
        yield facts.PaddedVideos(
            by_class=_by_class(padded, settings),
            patients=len({video.patient_id for video in padded}),
            videos=[video.video_id for video in padded],
            padding=clip.padding,
        )


def _lost_ends(source: ClipSource) -> Iterator[Fact]:
    clip = source.clip
    counts = [count for _, count in _counted(source)]
    if clip.unit == "video":
        longer = sum(count > clip.frames for count in counts)
        if longer:
            yield facts.CutVideos(videos=longer, frames=clip.frames, longest=max(counts))
    elif clip.unit in ("window", "tile"):
        whole = [count for count in counts if not is_short(count, clip)]
        ends = [
            count - windows(count, clip.frames, clip.stride)[-1] - clip.frames for count in whole
        ]
        if any(ends):
            yield facts.UnusedFrames(frames=sum(ends), of=sum(whole), videos=sum(map(bool, ends)))


def _counted(source: ClipSource) -> Iterator[tuple[Video, int]]:
    """Videos and their numbers of frames, in the order of the index."""
    for store in source.stores:
        yield from zip(store.videos, store.counts, strict=True)


def _by_class(videos: Sequence[Video], settings: PaperConfig) -> dict[str, int]:
    labels = [class_of(video, settings.label_column) for video in videos]
    return class_counts(labels, settings.labels, settings.label_column)
