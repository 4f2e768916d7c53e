"""Marking the region of interest of videos: by hand in a window, or as given."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from lus_keras.core.config import did_you_mean
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data.manifest import Box, Video, read_manifest, write_manifest
from lus_keras.data.video import brightest, probe

# A second covers a good part of a breath, two nearly all that the pleura is seen to do.
SECONDS = 2.0
INSTEAD = (
    "Give boxes with --roi VIDEO_ID=x,y,w,h, fill in the manifest's column `roi` by hand, import "
    "rectangles with `lus-keras data import-via`, or mark on a computer with a screen where "
    "opencv-python is installed in place of opencv-python-headless."
)

Ask = Callable[[str, np.ndarray], Box | None]
"""Given a title and a picture `(h, w)` uint8, a box `(x, y, w, h)` in its pixels or None."""


def mark_given(videos: Sequence[Video], boxes: Mapping[str, Box]) -> list[Video]:
    """Enters regions that are known; they replace those that are there.

    Args:
        videos: Rows of a manifest.
        boxes: Video id → `(x, y, w, h)` in pixels of the file.

    Returns:
        All rows, in their order.

    Raises:
        ConfigError: There is no video of an id.
        DataError: A box leaves its picture, or a file cannot be read; all boxes are listed.
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
                f"--roi {video_id}={x},{y},{w},{h}: leaves the picture of "
                f"{info.width}×{info.height}. Correct it."
            )
    if problems:
        raise DataError.from_problems(problems)
    return [
        dataclasses.replace(video, roi=boxes.get(video.video_id, video.roi)) for video in videos
    ]


def mark_in_window(videos: Sequence[Video], ask: Ask, save: Callable[[list[Video]], None]) -> None:
    """Asks for the region of each video that has none; every answer is saved at once.

    Args:
        videos: Rows of a manifest.
        ask: Shows a picture, the maximum of each pixel over two seconds, and returns a box.
        save: Called with all rows after every box.

    Raises:
        VideoError: A file cannot be decoded.
    """
    rows = list(videos)
    waiting = [number for number, row in enumerate(rows) if row.roi is None]
    for place, number in enumerate(waiting, start=1):
        row = rows[number]
        picture = brightest(row.video, SECONDS, row.fps)
        box = ask(f"{row.video_id} ({place} of {len(waiting)})", picture)
        if box is not None:
            rows[number] = dataclasses.replace(row, roi=box)
            save(rows)


def check_window() -> None:
    """Refuses to open a window where none can be.

    Raises:
        DataError: There is no screen, or OpenCV was built without windows.
    """
    screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    # Asked first: with a build that has windows but no screen, Qt ends the whole process.
    if sys.platform.startswith("linux") and not screen:
        raise DataError(
            f"no window can be opened: there is no screen (DISPLAY is empty). {INSTEAD}"
        )
    try:
        cv2.namedWindow("lus-keras")
        cv2.destroyWindow("lus-keras")
    except cv2.error as error:
        raise DataError(
            f"no window can be opened: OpenCV was built without windows. {INSTEAD}"
        ) from error


def ask_in_window(title: str, picture: np.ndarray) -> Box | None:
    """Lets the user draw a box; Space or Enter takes it, `c` passes the video over.

    Args:
        title: Title of the window.
        picture: `(h, w)` uint8.

    Returns:
        `(x, y, w, h)` in pixels of the picture; None if passed over.
    """
    try:
        x, y, w, h = (int(value) for value in cv2.selectROI(title, picture, False, False))
    finally:
        cv2.destroyAllWindows()
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + w, picture.shape[1]), min(y + h, picture.shape[0])
    empty = right <= left or bottom <= top
    return None if empty else (left, top, right - left, bottom - top)


def with_progress(videos: Sequence[Video], out: Path, root: Path | None) -> list[Video]:
    """Takes over the regions that an earlier, interrupted call has written.

    Args:
        videos: Rows of the manifest.
        out: File that the earlier call wrote, if there was one.
        root: Folder that its paths start from; its own if not given.

    Returns:
        The rows, with regions of the same videos and files from `out` where they have none.

    Raises:
        ManifestError: `out` is there and is no manifest.
    """
    if not out.exists():
        return list(videos)
    marked = {(row.video_id, row.video): row.roi for row in read_manifest(out, root=root)}
    return [
        row if row.roi else dataclasses.replace(row, roi=marked.get((row.video_id, row.video)))
        for row in videos
    ]


def save_to(out: Path, root: Path | None) -> Callable[[list[Video]], None]:
    """Function that writes rows to a manifest, whole or not at all."""
    return lambda rows: write_manifest(rows, out, root=root)
