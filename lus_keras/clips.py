"""From videos to clips: windows in time, their labels and their frame-level truth."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lus_keras.errors import DataError
from lus_keras.manifest import SIGNS, Video

# Segment ends and time stamps are decimal text read as binary; a millisecond is far below a frame.
TIME_TOLERANCE_S = 1e-3
UNKNOWN = -1


@dataclass(frozen=True)
class ClipIndex:
    """Clips as columns: `n` windows of `frames` frames in a store of decoded videos.

    Attributes:
        clip_id: `(n,)` text, `<video_id>@<first frame>`.
        video_id: `(n,)` text.
        patient_id: `(n,)` text.
        start: `(n,)` int64, the clip's first frame counted over the whole store.
        label: `(n,)` int64 class.
        truth: `(n, t)` int8 per frame: 1, 0, or `UNKNOWN` where there is no frame-level truth.
        frames: `t`, frames a clip.
    """

    clip_id: np.ndarray
    video_id: np.ndarray
    patient_id: np.ndarray
    start: np.ndarray
    label: np.ndarray
    truth: np.ndarray
    frames: int

    def __len__(self) -> int:
        return len(self.clip_id)

    def rows_of(self, patients: Iterable[str]) -> np.ndarray:
        """Rows of all clips of the patients, ascending int64."""
        return np.flatnonzero(np.isin(self.patient_id, sorted(patients)))


def windows(count: int, frames: int, stride: int) -> range:
    """First frames of all whole windows; an incomplete one at the end is dropped.

    120 frames in windows of 30 with stride 24 start at 0, 24, 48, 72 (96 would end at 126).

    Args:
        count: Frames of the video, 0 or more.
        frames: Frames a window, positive.
        stride: Frames from one start to the next, positive.

    Returns:
        First frames, ascending; none if the video is shorter than a window.
    """
    return range(0, count - frames + 1, stride)


def frames_in_segments(
    count: int, fps: float, segments: Sequence[tuple[float, float]]
) -> np.ndarray:
    """Marks the frames whose time `i / fps` lies in a segment, start ≤ t < end.

    Args:
        count: Frames of the video.
        fps: Frames a second.
        segments: Intervals in seconds; they may overlap.

    Returns:
        `(count,)` bool.
    """
    times_s = np.arange(count) / fps + TIME_TOLERANCE_S
    marked = np.zeros(count, bool)
    for start, end in segments:
        marked |= (start <= times_s) & (times_s < end)
    return marked


def index_clips(
    videos: Sequence[Video],
    starts: Sequence[int],
    counts: Sequence[int],
    *,
    fps: float,
    frames: int,
    stride: int,
    label_column: str,
    min_frames: int = 1,
) -> ClipIndex:
    """Cuts videos into clips and labels them.

    With frame-level truth a clip is positive if at least `min_frames` of its frames are (B-lines
    only); without, it inherits the label of its video. A sign becomes its place in `SIGNS`.

    Args:
        videos: One record a video.
        starts: First frame of each video in the store.
        counts: Frames of each video in the store.
        fps: Frames a second of the store.
        frames: Frames a clip.
        stride: Frames from one clip to the next.
        label_column: Field of `Video` with the label.
        min_frames: Annotated frames that make a clip positive.

    Returns:
        The clips in the order of the videos.

    Raises:
        DataError: A video has neither label nor frame-level truth, or no video is long enough for
            one clip.
    """
    _check_labels(videos, label_column)
    rows = []
    for video, first, count in zip(videos, starts, counts, strict=True):
        truth = _truth(video, count, fps, label_column)
        for start in windows(count, frames, stride):
            clip_truth = truth[start : start + frames]
            label = _label(video, clip_truth, label_column, min_frames)
            clip_id = f"{video.video_id}@{start:04d}"
            rows.append(
                (clip_id, video.video_id, video.patient_id, first + start, label, clip_truth)
            )
    if not rows:
        longest = max(counts, default=0)
        raise DataError(
            f"no clip: the longest of {len(videos)} videos has {longest} frames at {fps:g} fps, a "
            f"clip needs {frames}. Use longer videos or set clip.frames."
        )
    return _columns(rows, frames)


def _check_labels(videos: Sequence[Video], label_column: str) -> None:
    problems = [
        f"video '{video.video_id}': column '{label_column}' is empty. Fill it in."
        for video in videos
        if not is_labelled(video, label_column)
    ]
    if problems:
        raise DataError.from_problems(problems)


def is_labelled(video: Video, label_column: str) -> bool:
    """Whether a video's clips can be given a class: by its label, or by its frame-level truth."""
    return getattr(video, label_column) is not None or _has_truth(video, label_column)


def _has_truth(video: Video, label_column: str) -> bool:
    return label_column == "b_lines" and video.segments is not None


def _truth(video: Video, count: int, fps: float, label_column: str) -> np.ndarray:
    if not _has_truth(video, label_column):
        return np.full(count, UNKNOWN, np.int8)
    return frames_in_segments(count, fps, video.segments or ()).astype(np.int8)


def _label(video: Video, truth: np.ndarray, label_column: str, min_frames: int) -> int:
    if _has_truth(video, label_column):
        return int(truth.sum() >= min_frames)
    label = getattr(video, label_column)
    return SIGNS.index(label) if label_column == "sign" else int(label)


def _columns(rows: list[tuple], frames: int) -> ClipIndex:
    clip_id, video_id, patient_id, start, label, truth = zip(*rows, strict=True)
    return ClipIndex(
        clip_id=np.array(clip_id),
        video_id=np.array(video_id),
        patient_id=np.array(patient_id),
        start=np.array(start, np.int64),
        label=np.array(label, np.int64),
        truth=np.stack(truth),
        frames=frames,
    )
