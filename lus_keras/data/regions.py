"""Entering regions of interest that are known."""

import dataclasses
from collections.abc import Mapping, Sequence

from lus_keras.core.config import did_you_mean
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data.manifest import Box, Video
from lus_keras.data.video import probe


def mark_given(videos: Sequence[Video], boxes: Mapping[str, Box]) -> list[Video]:
    """Enters known regions of interest, replacing existing ones.

    Args:
        boxes: Video id → `(x, y, w, h)` in pixels of the file.

    Raises:
        ConfigError: There is no video with an id.
        DataError: A box exceeds its image, or a file cannot be read; all boxes are listed.
    """
    known = {video.video_id: video for video in videos}
    for video_id in boxes:
        if video_id not in known:
            raise ConfigError(f"--roi: no video '{video_id}'.{did_you_mean(video_id, known)}")
    problems = []
    for video_id, (x, y, w, h) in boxes.items():
        info = probe(known[video_id].video)
        if x + w > info.width or y + h > info.height:
            problems.append(
                f"--roi {video_id}={x},{y},{w},{h}: extends beyond the image of "
                f"{info.width}×{info.height}. Correct it."
            )
    if problems:
        raise DataError.from_problems(problems)
    return [
        dataclasses.replace(video, roi=boxes.get(video.video_id, video.roi)) for video in videos
    ]
