"""What of the data is not used, counted by class and patient, for every output of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lus_keras.core.config import PaperConfig
from lus_keras.core.multilabel import class_counts
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.clips import class_of, is_short, windows
from lus_keras.data.manifest import Video

LISTED = 10


def left_out_notes(source: ClipSource, settings: PaperConfig) -> list[str]:
    """Sentences on damaged videos, on too short ones, and on frames that fill no clip.

    Args:
        source: The clips.
        settings: What they were cut with.

    Returns:
        One sentence a kind that occurs.
    """
    return [*_damaged(source, settings), *_without_clip(source, settings), *_lost_ends(source)]


def _damaged(source: ClipSource, settings: PaperConfig) -> Iterator[str]:
    skipped = [pair for store in source.stores for pair in store.skipped]
    if not skipped:
        return
    kept = [video for store in source.stores for video in store.videos]
    bad = [video for video, _ in skipped]
    before, after = (len({video.patient_id for video in part}) for part in ([*kept, *bad], kept))
    problems = "; ".join(f"{video.video_id}: {_short(video, text)}" for video, text in skipped)
    yield (
        f"{len(bad)} of {len(kept) + len(bad)} videos cannot be decoded whole and are left out "
        f"(data.on_bad=skip): {_by_class(bad, settings)}. {len(kept)} videos of {after} of "
        f"{before} patients are left. {problems}"
    )


def _short(video: Video, text: str) -> str:
    """A problem without its path, which may say where and whose the data are."""
    return text.removeprefix(video.video).lstrip(":/ ").split(" Copy the file")[0]


def _without_clip(source: ClipSource, settings: PaperConfig) -> Iterator[str]:
    used = set(source.index.video.tolist())
    counted = list(enumerate(_counted(source)))
    without = [video for number, (video, _) in counted if number not in used]
    if without:
        some = {video.patient_id for number, (video, _) in counted if number in used}
        lost = len({video.patient_id for video in without} - some)
        yield (
            f"{len(without)} videos are shorter or smaller than one clip and give none: "
            f"{_by_class(without, settings)}; {lost} patients have no other. {_listed(without)}."
        )
    clip = source.clip
    padded = [v for number, (v, count) in counted if number in used and is_short(count, clip)]
    if padded:
        patients = len({video.patient_id for video in padded})
        yield (
            f"{len(padded)} videos of {patients} patients are shorter than one clip and are padded "
            f"({clip.padding}): {_by_class(padded, settings)}. {_listed(padded)}."
        )


def _lost_ends(source: ClipSource) -> Iterator[str]:
    clip = source.clip
    counts = [count for _, count in _counted(source)]
    if clip.unit == "video":
        longer = sum(count > clip.frames for count in counts)
        if longer:
            yield (
                f"{longer} videos are longer than {clip.frames} frames and lose their end; the "
                f"longest has {max(counts)}. Set clip.frames to keep it."
            )
    elif clip.unit in ("window", "tile"):
        whole = [count for count in counts if not is_short(count, clip)]
        ends = [
            count - windows(count, clip.frames, clip.stride)[-1] - clip.frames for count in whole
        ]
        if any(ends):
            yield (
                f"{sum(ends)} of {sum(whole)} frames, at the ends of {sum(map(bool, ends))} "
                "videos, fill no clip and are left out."
            )


def _counted(source: ClipSource) -> Iterator[tuple[Video, int]]:
    """Videos and their numbers of frames, in the order of the index."""
    for store in source.stores:
        yield from zip(store.videos, store.counts, strict=True)


def _by_class(videos: Sequence[Video], settings: PaperConfig) -> str:
    labels = [class_of(video, settings.label_column) for video in videos]
    found = class_counts(labels, settings.labels, settings.label_column)
    return ", ".join(f"{count} {name}" for name, count in found.items())


def _listed(videos: Sequence[Video]) -> str:
    return ", ".join(v.video_id for v in videos[:LISTED]) + (", …" if videos[LISTED:] else "")
