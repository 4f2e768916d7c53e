"""From videos to clips: their positions, labels and frame-level labels."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lus_keras.core.config import ClipConfig
from lus_keras.core.errors import DataError
from lus_keras.core.labels import REGISTRY, Segments
from lus_keras.data.clips.cut import Cut, cut_video, spaced_frames, tiles, windows
from lus_keras.data.manifest import Video

__all__ = [
    "UNKNOWN",
    "ClipIndex",
    "class_of",
    "cut_video",
    "frames_in_segments",
    "index_clips",
    "is_labeled",
    "is_short",
    "spaced_frames",
    "tiles",
    "windows",
]

# Tolerance for decimal text converted to binary; a millisecond is far shorter than a frame.
TIME_TOLERANCE_S = 1e-3
UNKNOWN = -1


@dataclass(frozen=True)
class ClipIndex:
    """Columns of `n` clips cut from decoded videos.

    Attributes:
        clip_id: `(n,)` text, `<video_id>@<first frame>`, followed by `+<row>+<column>` for tiles.
        video_id: `(n,)` text.
        patient_id: `(n,)` text.
        video: `(n,)` int64, index of the clip's video.
        first: `(n,)` int64, index of the clip's first frame in its video.
        length: `(n,)` int64, number of real frames; the rest of a clip is padding.
        corner: `(n, 2)` int64, topmost row and leftmost column of the clip.
        label: `(n,)` int64 class.
        truth: `(n, t)` int8 per frame: 1, 0, or `UNKNOWN` without frame-level labels.
        frames: `t`, frames per clip.
        size: `(h, w)` of a clip in pixels.
    """

    clip_id: np.ndarray
    video_id: np.ndarray
    patient_id: np.ndarray
    video: np.ndarray
    first: np.ndarray
    length: np.ndarray
    corner: np.ndarray
    label: np.ndarray
    truth: np.ndarray
    frames: int
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.clip_id)

    def rows_of(self, patients: Iterable[str]) -> np.ndarray:
        """Rows of all clips of the patients, int64 in ascending order."""
        return np.flatnonzero(np.isin(self.patient_id, sorted(patients)))

    def rows_named(self, clip_ids: Iterable[str]) -> np.ndarray:
        """Rows of the clips with these ids, int64 in ascending order."""
        return np.flatnonzero(np.isin(self.clip_id, sorted(clip_ids)))


def frames_in_segments(
    count: int, fps: float, segments: Sequence[tuple[float, float]]
) -> np.ndarray:
    """`(count,)` bool, frames whose time `i / fps` is in a segment in s, start ≤ t < end."""
    times_s = np.arange(count) / fps + TIME_TOLERANCE_S
    marked = np.zeros(count, bool)
    for start, end in segments:
        marked |= (start <= times_s) & (times_s < end)
    return marked


def index_clips(
    videos: Sequence[Video],
    counts: Sequence[int],
    sizes: Sequence[tuple[int, int]],
    clip: ClipConfig,
    label_column: str,
) -> ClipIndex:
    """Cuts videos into clips and labels them.

    With frame-level labels (B-lines only), a clip is positive if at least `clip.min_frames` of its
    frames are; otherwise it inherits the label of its video. A sign becomes its index in `SIGNS`,
    several signs the number that `multilabel.pack` returns.

    Args:
        counts: Number of decoded frames of each video.
        sizes: `(height, width)` of the decoded frames of each video.

    Raises:
        DataError: A video has neither a label nor frame-level labels, no video is large enough for
            one clip, or `clip.short` refuses short videos.
    """
    _check_labels(videos, label_column)
    if clip.short == "error":
        _refuse_short(videos, counts, clip)
    rows = []
    for number, (video, count, size) in enumerate(zip(videos, counts, sizes, strict=True)):
        truth = _truth(video, count, clip.fps, label_column)
        for cut in cut_video(count, size, clip):
            rows.append(_row(number, video, cut, truth, clip, label_column))
    if not rows:
        longest, largest = max(counts, default=0), max(sizes, default=(0, 0))
        height, width = clip.picture
        raise DataError(
            f"no clip: the longest of {len(videos)} videos has {longest} frames"
            + (f" at {clip.fps:g} fps" if clip.fps else "")
            + f", the largest {largest[0]}×{largest[1]} pixels; a clip needs {clip.frames} of "
            f"{height}×{width}. Use longer or larger videos, or set clip.frames or clip.tile."
        )
    return _columns(rows, clip)


def _row(
    number: int, video: Video, cut: Cut, truth: np.ndarray, clip: ClipConfig, label_column: str
) -> tuple:
    shown = np.full(clip.frames, UNKNOWN, np.int8)
    shown[: cut.length] = truth[cut.first : cut.first + cut.length]
    label = _label(video, shown, label_column, clip.min_frames)
    clip_id = f"{video.video_id}{cut.suffix}"
    place = (number, cut.first, cut.length, (cut.y, cut.x))
    return (clip_id, video.video_id, video.patient_id, *place, label, shown)


def _check_labels(videos: Sequence[Video], label_column: str) -> None:
    problems = [
        f"video '{video.video_id}': column '{label_column}' is empty. Fill it in."
        for video in videos
        if not is_labeled(video, label_column)
    ]
    if problems:
        raise DataError.from_problems(problems)


def is_short(count: int, clip: ClipConfig) -> bool:
    """Whether a video of `count` frames is shorter than a window; False for other units."""
    return clip.unit in ("window", "tile") and count < clip.frames


def _refuse_short(videos: Sequence[Video], counts: Sequence[int], clip: ClipConfig) -> None:
    rate = f" at {clip.fps:g} fps" if clip.fps else ""
    problems = [
        f"video '{video.video_id}': has {count} frames{rate}; a clip needs {clip.frames}."
        for video, count in zip(videos, counts, strict=True)
        if is_short(count, clip)
    ]
    if problems:
        advice = "Set clip.short to drop or pad, or use longer videos."
        raise DataError.from_problems([*problems, advice], most=len(problems) + 1)


def class_of(video: Video, label_column: str) -> int:
    """Class of a labeled video; with frame-level labels, whether any of them is positive.

    A sign is its index in `SIGNS`; several signs are packed, see `multilabel`.
    """
    if has_truth(video, label_column):
        return int(bool(_intervals(video, label_column)))
    return REGISTRY[label_column].class_of(getattr(video, label_column))


def is_labeled(video: Video, label_column: str) -> bool:
    """Whether a video's clips have a class, from its label or its frame-level labels."""
    return getattr(video, label_column) is not None or has_truth(video, label_column)


def has_truth(video: Video, label_column: str) -> bool:
    """Whether a video has frame-level labels."""
    return _intervals(video, label_column) is not None


def _intervals(video: Video, label_column: str) -> Segments | None:
    """Positive intervals of a label in seconds; None without frame-level labels."""
    column = REGISTRY[label_column].frames
    return getattr(video, column) if column else None


def _truth(video: Video, count: int, fps: float | None, label_column: str) -> np.ndarray:
    if not fps or not has_truth(video, label_column):
        return np.full(count, UNKNOWN, np.int8)
    return frames_in_segments(count, fps, _intervals(video, label_column) or ()).astype(np.int8)


def _label(video: Video, truth: np.ndarray, label_column: str, min_frames: int) -> int:
    if has_truth(video, label_column):
        return int((truth == 1).sum() >= min_frames)
    return class_of(video, label_column)


def _columns(rows: list[tuple], clip: ClipConfig) -> ClipIndex:
    clip_id, video_id, patient_id, video, first, length, corner, label, truth = zip(
        *rows, strict=True
    )
    return ClipIndex(
        clip_id=np.array(clip_id),
        video_id=np.array(video_id),
        patient_id=np.array(patient_id),
        video=np.array(video, np.int64),
        first=np.array(first, np.int64),
        length=np.array(length, np.int64),
        corner=np.array(corner, np.int64),
        label=np.array(label, np.int64),
        truth=np.stack(truth),
        frames=clip.frames,
        size=clip.picture,
    )
