"""The lung-sliding paper's preprocessing as files: tiles of a marked region, two seconds long.

    video → 30 frames per second, its length in seconds kept → 480×640, its shape not kept
          → region of interest → clips of two seconds → tiles, the first rows or all

Frames and cuts come from the code that training uses, so a tile on disk holds the pixels that a
network is shown.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lus_keras.core import config
from lus_keras.core.config import ClipConfig
from lus_keras.core.errors import ConfigError, DataError, VideoError
from lus_keras.core.files import file_names, sha256_of
from lus_keras.data.cache import FrameSpec, check_regions, load_item
from lus_keras.data.clips import cut_video
from lus_keras.data.manifest import Video, write_manifest
from lus_keras.data.video import write_video

PAPER = "sliding"
SUFFIX, CODEC = ".avi", "ffv1"
MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class DataSet:
    """Tiles that were written.

    Attributes:
        manifest: File with one row per tile; None if there is no tile.
        present: Number of tiles with sliding, by the label of their video.
    """

    name: str
    manifest: Path | None
    tiles: int
    present: int
    absent: int


def data_sets(
    sizes: Sequence[int] = (30, 60, 90),
    *,
    rows: int = 2,
    fps: float = 30.0,
    size: tuple[int, int] = (480, 640),
    seconds: float = 2.0,
) -> dict[str, ClipConfig]:
    """How the data sets are cut: for each tile size the uppermost rows, and all (Sec. 3.1).

    Args:
        sizes: Height and width of tiles in pixels.
        rows: Number of rows of tiles in the smaller data sets.
        fps: Frame rate of the clips in Hz.
        size: `(height, width)` in pixels to which whole frames are resized.
        seconds: Duration of a clip; clips do not overlap and a shorter rest is dropped.

    Returns:
        Settings by name, in the order `2_30x30, all_30x30, 2_60x60, …`.

    Raises:
        ConfigError: A clip would have no frame.
    """
    frames = round(seconds * fps)
    if frames < 1:
        raise ConfigError(
            f"--seconds {seconds:g}: at {fps:g} fps is shorter than one frame. Raise it."
        )
    made = {}
    for tile in dict.fromkeys(sizes):
        whole = ClipConfig(
            unit="tile", fps=fps, frames=frames, stride=frames, size=size, tile=(tile, tile),
            crop="roi",
        )  # fmt: skip
        made[f"{rows}_{tile}x{tile}"] = whole.model_copy(update={"tile_rows": rows})
        made[f"all_{tile}x{tile}"] = whole
    return made


def load_region(video: Video, clip: ClipConfig) -> np.ndarray:
    """Frames of a video's region of interest, resampled and scaled as for training.

    Args:
        video: Its `roi` is in pixels of the file.
        clip: How to cut; the same frames result for all of `data_sets`.

    Returns:
        `(t, h, w)` uint8, gray.

    Raises:
        VideoError: The file cannot be decoded, or has no region of interest.
    """
    loaded = load_item(video, FrameSpec(clip.size, clip.fps, clip.crop))
    if isinstance(loaded, str):
        raise VideoError(loaded)
    return loaded[0][..., 0]


def tiles_of(
    video: Video, frames: np.ndarray, clip: ClipConfig
) -> dict[str, tuple[np.ndarray, tuple[int, int]]]:
    """Cuts the tiles of one video.

    Args:
        frames: `(t, h, w)` uint8 of its region.

    Returns:
        Clip id → pixels `(frames, h, w)` uint8, a view, and `(y, x)` of its corner in the region.
    """
    height, width = clip.picture
    return {
        f"{video.video_id}{cut.suffix}": (
            frames[cut.first : cut.first + cut.length, cut.y : cut.y + height,
                   cut.x : cut.x + width],
            (cut.y, cut.x),
        )
        for cut in cut_video(len(frames), frames.shape[1:], clip)
    }  # fmt: skip


def write_tiles(
    videos: Sequence[Video],
    clips: Mapping[str, ClipConfig],
    folder: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[DataSet]:
    """Writes every data set: its tiles as lossless videos, and a manifest.

        folder/<data set>/videos/<clip id>.avi
        folder/<data set>/manifest.csv      written last; id of the clip, patient, exam, labels

    Each video is decoded once. Segments of B-lines are omitted, as their times are the video's.

    Args:
        clips: How each data set is cut, see `data_sets`.
        progress: Called with (videos done, total number of videos).

    Raises:
        VideoError: Videos have no region, or cannot be decoded; all are listed, and the tiles of
            the others are written, but no manifest.
        DataError: No video is long and large enough for a tile of any data set.
    """
    check_regions(videos)
    folder = folder.absolute()
    for name in clips:
        # What was there before would name tiles that are about to change.
        (folder / name / MANIFEST).unlink(missing_ok=True)
    names = file_names([video.video_id for video in videos])
    rows: dict[str, list[Video]] = {name: [] for name in clips}
    problems = []
    for done, video in enumerate(videos, start=1):
        try:
            frames = load_region(video, next(iter(clips.values())))
            for name, clip in clips.items():
                stem = folder / name / "videos" / names[video.video_id]
                rows[name] += _write_video_tiles(video, frames, clip, stem)
        except VideoError as error:
            problems.append(str(error))
        if progress:
            progress(done, len(videos))
    if problems:
        raise VideoError.from_problems(problems)
    if not any(rows.values()):
        raise DataError(
            f"no tile: all {len(videos)} videos are shorter than a clip, or their regions smaller "
            "than a tile. Mark larger regions, or lower --seconds or --tile."
        )
    return [_finish(name, rows[name], folder) for name in clips]


def _write_video_tiles(
    video: Video, frames: np.ndarray, clip: ClipConfig, stem: Path
) -> list[Video]:
    rows = []
    for clip_id, (pixels, _) in tiles_of(video, frames, clip).items():
        suffix = clip_id.removeprefix(video.video_id)
        path = stem.with_name(f"{stem.name}{suffix}{SUFFIX}")
        write_video(path, pixels, clip.fps or 1, CODEC)
        rows.append(
            dataclasses.replace(
                video,
                video=str(path),
                video_id=clip_id,
                segments=None,
                roi=None,
                fps=clip.fps,
                sha256=sha256_of(path),
            )
        )
    return rows


def _finish(name: str, rows: Sequence[Video], folder: Path) -> DataSet:
    manifest = folder / name / MANIFEST if rows else None
    if manifest:
        write_manifest(rows, manifest)
    labels = [row.sliding for row in rows]
    return DataSet(name, manifest, len(rows), labels.count(1), labels.count(0))


def published_counts() -> dict[str, dict[str, int]]:
    """The paper's counts of tiles (Figure 4) with its one impossible total corrected.

    Returns:
        `present`, `absent` and `total` by data set.
    """
    published = config.load(PAPER).published
    counts = {name: dict(row) for name, row in published["figure4"].items()}
    for entry in published["corrections"]:
        if entry["table"] == "figure4":
            counts[entry["row"]][entry["metric"]] = entry["corrected"]
    return counts
