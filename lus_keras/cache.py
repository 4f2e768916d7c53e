"""Decoded frames on disk: a video is decoded, or rendered, once and then read by a memory map.

    <cache>/frames/<key>/frames.u8    (n, h, w, c) uint8, all videos one after another
    <cache>/frames/<key>/index.json   first frame, number of frames and manifest row of each video

The key is a hash of what the pixels depend on: the files' contents (or the simulator's plans) and
the `FrameSpec`. Nothing here imports TensorFlow, so the processes that decode start quickly.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from lus_keras.errors import DataError, LeakageError, VideoError
from lus_keras.files import atomic_write, cache_root
from lus_keras.manifest import Video
from lus_keras.simulate import SIM_VERSION, VideoPlan, simulate_video
from lus_keras.video import read_resampled, resample_indices, sector_box, sha256_of_video

Item = Video | VideoPlan
Progress = Callable[[int, int], None]

STORE_VERSION = 1
# Below this number of videos, starting processes takes longer than they save.
FEW_ITEMS = 16
# Videos a process may be ahead of the one that is written: bounds what waits in memory.
AHEAD = 4


@dataclass(frozen=True)
class FrameSpec:
    """How frames are stored.

    Attributes:
        size: `(height, width)` in pixels.
        fps: Frames a second after resampling by time stamp.
        crop: "sector" crops to the manifest's region of interest, or where there is none to the
            ultrasound sector; "none" keeps the whole picture.
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
        """`(n, h, w, c)` uint8 memory map, 0 … 255, read-only; open one in each process."""
        return np.memmap(self.path / "frames.u8", np.uint8, "r", shape=self.shape)


def open_store(
    items: Sequence[Item],
    spec: FrameSpec,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> FrameStore:
    """Opens the store of the items, and builds it first where it is not there or is damaged.

    Args:
        items: Videos to decode or plans to render.
        spec: How frames are stored.
        workers: Processes that decode.
        progress: Called with (videos done, videos in all) while building.

    Returns:
        The store.

    Raises:
        VideoError: Videos cannot be decoded; all of them are listed.
        LeakageError: One file stands under two patients.
        DataError: There is nothing to store, a file is not the one of the manifest, or the cache
            cannot be written.
    """
    if not items:
        raise DataError("the data set has no video.")
    key = _key(items, spec)
    path = cache_root() / "frames" / key
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two runs that start together build the store once.
        with FileLock(path.with_suffix(".lock")):
            index = _read_index(path, len(items))
            if index is None:
                _build(path, items, spec, workers, progress)
                index = json.loads((path / "index.json").read_text())
    except OSError as error:
        raise DataError(
            f"{path}: the cache cannot be written ({error.strerror or error}). Free space, or "
            "point LUS_KERAS_CACHE at another folder."
        ) from error
    return _store(path, items, key, index)


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
        crop = "screen" if spec.crop == "none" else spec.crop
        simulated = simulate_video(item, height=height, width=width, crop=crop)
        frames = simulated.frames[_simulated_indices(item, spec), ..., None]
        return (np.repeat(frames, spec.channels, axis=-1), simulated.video)
    try:
        box = None
        if spec.crop != "none":
            box = item.roi or sector_box(item.video, picture_fps=item.fps)
        frames = read_resampled(
            item.video,
            fps=spec.fps,
            size=spec.size,
            box=box,
            grayscale=spec.channels == 1,
            picture_fps=item.fps,
        )
    except VideoError as error:
        return str(error)
    return (frames[..., None] if frames.ndim == 3 else frames), item


def _simulated_indices(plan: VideoPlan, spec: FrameSpec) -> np.ndarray:
    """Frames of a rendered video that stand for it at the frame rate of the store, `(t,)` int64."""
    times_s = np.arange(plan.frames) / plan.fps
    return resample_indices(times_s, spec.fps, duration_s=plan.frames / plan.fps)


def _key(items: Sequence[Item], spec: FrameSpec) -> str:
    hashes = _file_hashes([item for item in items if isinstance(item, Video)])
    content: list[Any] = [STORE_VERSION, asdict(spec)]
    for item in items:
        if isinstance(item, VideoPlan):
            content.append([SIM_VERSION, asdict(item)])
        else:
            # Files bring their own clock; only of pictures does the manifest's rate place frames.
            rate = [item.fps] if Path(item.video).is_dir() else []
            content.append([hashes[item.video], item.roi, *rate])
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


def _file_hashes(videos: Sequence[Video]) -> dict[str, str]:
    """Hash of each file by path; a stated hash is verified: a stale one would give old frames."""
    hashes: dict[str, str] = {}
    missing, changed = [], []
    for video in videos:
        try:
            hashes[video.video] = sha256_of_video(video.video)
        except OSError as error:
            missing.append(f"{video.video}: cannot be read ({error.strerror}). Check the path.")
            continue
        if video.sha256 and video.sha256 != hashes[video.video]:
            changed.append(
                f"{video.video}: is not the file of the manifest, whose sha256 starts with "
                f"{video.sha256[:8]}, not {hashes[video.video][:8]}. Copy it again, or hash anew."
            )
    if missing:
        raise VideoError.from_problems(missing)
    if changed:
        raise DataError.from_problems(changed)
    _refuse_shared_files(videos, hashes)
    return hashes


def _refuse_shared_files(videos: Sequence[Video], hashes: Mapping[str, str]) -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for video in videos:
        owners[hashes[video.video]].add(video.patient_id)
    problems = [
        f"video '{video.video_id}': patient '{video.patient_id}' shares the very same file with "
        f"'{other}', so that a split may leak. Keep one of the rows."
        for video in videos
        for other in sorted(owners[hashes[video.video]] - {video.patient_id})
    ]
    if problems:
        raise LeakageError.from_problems(problems)


def _read_index(path: Path, count: int) -> dict[str, Any] | None:
    """The index of a whole store of `count` videos; None if anything is absent or damaged."""
    try:
        index = json.loads((path / "index.json").read_text())
        rows = [_video(entry["video"]) for entry in index["videos"]]
        ends = [entry["start"] + entry["count"] for entry in index["videos"]]
        whole = (path / "frames.u8").stat().st_size == math.prod(index["shape"])
        whole = whole and len(rows) == count and ends[-1] == index["shape"][0]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return index if whole and index["version"] == STORE_VERSION else None


def _build(
    path: Path, items: Sequence[Item], spec: FrameSpec, workers: int, progress: Progress | None
) -> None:
    # We hold the lock of this key: what lies here is of a process that was killed.
    for leftover in path.parent.glob(f".tmp-*-{path.name}"):
        shutil.rmtree(leftover, ignore_errors=True)
    _check_space(path.parent, items, spec)
    unfinished = path.with_name(f".tmp-{uuid.uuid4().hex[:8]}-{path.name}")
    unfinished.mkdir()
    try:
        index = _write_frames(unfinished / "frames.u8", items, spec, workers, progress)
        with atomic_write(unfinished / "index.json") as temporary:
            temporary.write_text(json.dumps(index))
        if path.exists():
            shutil.rmtree(path)
        unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_space(folder: Path, items: Sequence[Item], spec: FrameSpec) -> None:
    """Refuses to start what cannot end; files are not counted, only decoding tells their length."""
    plans = [item for item in items if isinstance(item, VideoPlan)]
    frames = sum(len(_simulated_indices(plan, spec)) for plan in plans)
    needed = frames * math.prod(spec.size) * spec.channels
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: the cache needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free. Free "
            "space, or point LUS_KERAS_CACHE at another folder."
        )


def _write_frames(
    path: Path, items: Sequence[Item], spec: FrameSpec, workers: int, progress: Progress | None
) -> dict[str, Any]:
    entries, problems, total = [], [], 0
    with path.open("wb") as stream:
        for done, loaded in enumerate(_load_all(items, spec, workers), start=1):
            if isinstance(loaded, str):
                problems.append(loaded)
            elif not problems:
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
    """What `load_item` gives, in the order of the items."""
    if workers <= 1 or len(items) < FEW_ITEMS:
        yield from (load_item(item, spec) for item in items)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        remaining = iter(items)
        waiting = deque(
            (item, pool.submit(load_item, item, spec))
            for item in islice(remaining, workers * AHEAD)
        )
        while waiting:
            item, future = waiting.popleft()
            try:
                loaded = future.result()
                for following in islice(remaining, 1):
                    waiting.append((following, pool.submit(load_item, following, spec)))
            except BrokenProcessPool:
                raise VideoError(
                    f"video '{item.video_id}', or one of the {len(waiting)} after it: the process "
                    "that decoded it died (a crash of the decoder, or no memory left). Take them "
                    "out of the manifest one by one to find it."
                ) from None
            yield loaded


def _store(path: Path, items: Sequence[Item], key: str, index: dict[str, Any]) -> FrameStore:
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


def _video(row: Mapping[str, Any]) -> Video:
    """A manifest row from JSON, whose lists become the tuples they were."""
    segments, roi = row["segments"], row["roi"]
    return Video(
        **{
            **row,
            "segments": None if segments is None else tuple(map(tuple, segments)),
            "roi": None if roi is None else tuple(roi),
        }
    )
