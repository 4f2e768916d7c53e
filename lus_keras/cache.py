"""Decoded frames on disk: every video is decoded, or rendered, once and then read through a memory map.

    <cache>/frames/<key>/frames.u8    (n, h, w, c) uint8, all videos one after another
    <cache>/frames/<key>/index.json   first frame, number of frames and manifest row of each video

The key is a hash of what the pixels depend on: the files' contents (or the simulator's plans) and the
`FrameSpec`. Nothing here imports TensorFlow, so the processes that decode start quickly.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from lus_keras.errors import DataError, VideoError
from lus_keras.files import sha256_of
from lus_keras.manifest import Video
from lus_keras.simulate import SIM_VERSION, VideoPlan, simulate_video
from lus_keras.video import read_resampled, sector_box

Item = Video | VideoPlan
Progress = Callable[[int, int], None]

STORE_VERSION = 1
FEW_ITEMS = 16


@dataclass(frozen=True)
class FrameSpec:
    """How frames are stored.

    Attributes:
        size: `(height, width)` in pixels.
        fps: Frames a second after resampling by time stamp.
        crop: "sector" crops to the ultrasound sector (or the manifest's region of interest), "none" not.
        channels: 1 grey, 3 RGB.
    """

    size: tuple[int, int]
    fps: float
    crop: str = "sector"
    channels: int = 1


@dataclass(frozen=True)
class FrameStore:
    """A readable store.

    Attributes:
        path: Folder of the store.
        videos: Manifest rows, labels included, in the order of the items.
        starts: First frame of each video, counted over the whole store.
        counts: Frames of each video.
        shape: `(n, h, w, c)` of all frames.
        key: Hash of the content.
    """

    path: Path
    videos: tuple[Video, ...]
    starts: tuple[int, ...]
    counts: tuple[int, ...]
    shape: tuple[int, int, int, int]
    key: str

    def frames(self) -> np.ndarray:
        """`(n, h, w, c)` uint8 memory map, read-only; open one in each process."""
        return np.memmap(self.path / "frames.u8", np.uint8, "r", shape=self.shape)


def cache_root() -> Path:
    """Folder of the cache: `LUS_KERAS_CACHE`, else the user's cache folder."""
    if os.environ.get("LUS_KERAS_CACHE"):
        return Path(os.environ["LUS_KERAS_CACHE"])
    import pooch

    return Path(pooch.os_cache("lus_keras"))


def open_store(
    items: Sequence[Item],
    spec: FrameSpec,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> FrameStore:
    """Opens the store of the items, and builds it first where it is not there yet.

    Args:
        items: Videos to decode or plans to render.
        spec: How frames are stored.
        workers: Processes that decode.
        progress: Called with (videos done, videos in all) while building.

    Returns:
        The store.

    Raises:
        VideoError: Videos cannot be decoded; all of them are listed.
        DataError: There is nothing to store, or the disk is full.
    """
    if not items:
        raise DataError("the data set has no video.")
    key = _key(items, spec)
    path = cache_root() / "frames" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two runs that start together build the store once.
    with FileLock(path.with_suffix(".lock")):
        if not (path / "index.json").exists():
            _build(path, items, spec, workers, progress)
    return _open(path, items, key)


def load_item(item: Item, spec: FrameSpec) -> tuple[np.ndarray, Video] | str:
    """Decodes or renders one video.

    Args:
        item: What to load.
        spec: How frames are wanted.

    Returns:
        Frames `(t, h, w, c)` uint8 and the manifest row; or, as it must cross process borders, the
        message of what is wrong with the video.
    """
    height, width = spec.size
    if isinstance(item, VideoPlan):
        simulated = simulate_video(item, height=height, width=width, crop=_screen(spec.crop))
        frames, video = simulated.frames[..., None], simulated.video
        return (np.repeat(frames, spec.channels, axis=-1), video)
    try:
        box = item.roi or (sector_box(item.video) if spec.crop == "sector" else None)
        frames = read_resampled(
            item.video, fps=spec.fps, size=spec.size, box=box, grayscale=spec.channels == 1
        )
    except VideoError as error:
        return str(error)
    return (frames[..., None] if frames.ndim == 3 else frames), item


def _screen(crop: str) -> str:
    return "screen" if crop == "none" else crop


def _key(items: Sequence[Item], spec: FrameSpec) -> str:
    content: list[Any] = [STORE_VERSION, asdict(spec)]
    for item in items:
        if isinstance(item, VideoPlan):
            content.append([SIM_VERSION, asdict(item)])
        else:
            content.append([item.sha256 or sha256_of(item.video), item.roi])
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


def _build(
    path: Path, items: Sequence[Item], spec: FrameSpec, workers: int, progress: Progress | None
) -> None:
    unfinished = path.with_name(f".tmp-{uuid.uuid4().hex[:8]}-{path.name}")
    unfinished.mkdir()
    try:
        index = _write_frames(unfinished / "frames.u8", items, spec, workers, progress)
        (unfinished / "index.json").write_text(json.dumps(index))
        if path.exists():
            shutil.rmtree(path)
        unfinished.replace(path)
    except OSError as error:
        raise DataError(
            f"{path}: the cache cannot be written ({error.strerror}). Free space or point "
            "LUS_KERAS_CACHE at another disk."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_frames(
    path: Path, items: Sequence[Item], spec: FrameSpec, workers: int, progress: Progress | None
) -> dict[str, Any]:
    entries, problems, total = [], [], 0
    with path.open("wb") as stream:
        for done, loaded in enumerate(_load_all(items, spec, workers), start=1):
            if isinstance(loaded, str):
                problems.append(loaded)
            else:
                frames, video = loaded
                stream.write(np.ascontiguousarray(frames).data)
                entries.append({"start": total, "count": len(frames), "video": asdict(video)})
                total += len(frames)
            if progress:
                progress(done, len(items))
        stream.flush()
        os.fsync(stream.fileno())
    if problems:
        raise VideoError.from_problems(problems)
    return {
        "version": STORE_VERSION,
        "shape": [total, *spec.size, spec.channels],
        "videos": entries,
    }


def _load_all(
    items: Sequence[Item], spec: FrameSpec, workers: int
) -> Iterator[tuple[np.ndarray, Video] | str]:
    if workers <= 1 or len(items) < FEW_ITEMS:
        yield from map(load_item, items, repeat(spec))
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(load_item, items, repeat(spec), chunksize=4)


def _open(path: Path, items: Sequence[Item], key: str) -> FrameStore:
    index = json.loads((path / "index.json").read_text())
    # Labels of real videos come from the caller: correcting one must not decode everything again.
    videos = tuple(
        item if isinstance(item, Video) else _video(entry["video"])
        for item, entry in zip(items, index["videos"], strict=True)
    )
    return FrameStore(
        path=path,
        videos=videos,
        starts=tuple(entry["start"] for entry in index["videos"]),
        counts=tuple(entry["count"] for entry in index["videos"]),
        shape=tuple(index["shape"]),
        key=key,
    )


def _video(row: dict[str, Any]) -> Video:
    segments = row["segments"]
    row["segments"] = None if segments is None else tuple((start, end) for start, end in segments)
    row["roi"] = tuple(row["roi"]) if row["roi"] else None
    return Video(**row)
