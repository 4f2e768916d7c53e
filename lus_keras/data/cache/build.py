"""Building a store: checks disk space, decodes in parallel and creates the folder atomically."""

import hashlib
import json
import math
import os
import shutil
import uuid
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from lus_keras.core.errors import DataError, VideoError
from lus_keras.core.files import write_file
from lus_keras.core.sandbox import Limits, iter_isolated
from lus_keras.core.signals import end_with_parent
from lus_keras.data.cache.key import STORE_VERSION
from lus_keras.data.cache.load import load_item, write_stored
from lus_keras.data.cache.spec import FrameSource, FrameSpec, Item
from lus_keras.data.cache.stream import with_name
from lus_keras.data.cache.verify import FRAMES, index_hash
from lus_keras.data.manifest import Video

Progress = Callable[[int, int], None]

# With fewer plans, or fewer videos per child, starting processes takes longer than it saves.
FEW_ITEMS = 16
FEW_VIDEOS = 8
LIMITS = Limits(cpu_s=300, wall_s=900)
# Largest number of unusable videos named in one message.
MAX_BAD = 1000
# Number of videos by which decoding may run ahead of writing; bounds the memory.
AHEAD = 4


def build_store(
    path: Path,
    items: Sequence[Item],
    spec: FrameSpec,
    workers: int,
    progress: Progress | None,
    *,
    fingerprint: Mapping[str, Any],
    skip: bool = False,
) -> None:
    """Writes a store; the caller holds its lock.

    Args:
        progress: Called with (videos done, total number of videos).
        skip: Whether unusable videos are skipped and recorded.

    Raises:
        VideoError: Videos cannot be decoded completely, or none can; all of them are listed.
        DataError: There is too little disk space.
    """
    # The lock of this key is held, so anything found here was left by a killed process.
    for leftover in path.parent.glob(f".tmp-*-{path.name}"):
        shutil.rmtree(leftover, ignore_errors=True)
    _check_space(path.parent, items, spec)
    unfinished = path.with_name(f".tmp-{uuid.uuid4().hex[:8]}-{path.name}")
    unfinished.mkdir()
    try:
        index, bad = _write_frames(unfinished, items, spec, workers, progress)
        if bad and (not skip or len(bad) == len(items)):
            raise VideoError.from_problems(
                [*bad.values(), _advice(len(bad), len(items))], most=MAX_BAD
            )
        index["fingerprint"] = dict(fingerprint)
        index["bad"] = {str(number): problem for number, problem in bad.items()}
        index["sha256"] = index_hash(index)
        write_file(unfinished / "index.json", json.dumps(index))
        if path.exists():
            shutil.rmtree(path)
        unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check_space(folder: Path, items: Sequence[Item], spec: FrameSpec) -> None:
    """Refuses rendered videos that exceed the free space; the length of files is not yet known."""
    if spec.crop == "roi":
        return  # the size of a region is known only after rendering
    computed = [item for item in items if not isinstance(item, Video)]
    frames = sum(source.frame_count(spec.fps) for source in computed)
    needed = frames * math.prod(spec.size) * spec.channels
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(
            f"{folder}: the cache needs {needed / 1e9:.2f} GB, {free / 1e9:.2f} GB are free. Free "
            "space, or set LUS_KERAS_CACHE to another folder."
        )


def _advice(bad: int, count: int) -> str:
    return (
        f"{bad} of {count} videos cannot be decoded completely. Fix or exclude them: `lus-keras "
        "data check MANIFEST --fix clean.csv` writes a manifest without them, `--set "
        "data.on_bad=skip` trains without them and states this in the report."
    )


def _write_frames(
    folder: Path, items: Sequence[Item], spec: FrameSpec, workers: int, progress: Progress | None
) -> tuple[dict[str, Any], dict[int, str]]:
    """Writes all frames to one file; returns the index, and problems by index of the video."""
    entries: list[dict[str, Any]] = []
    bad: dict[int, str] = {}
    with (
        (folder / FRAMES).open("wb") as stream,
        closing(load_all(items, spec, folder, workers)) as all_loaded,
    ):
        for number, loaded in enumerate(all_loaded):
            if isinstance(loaded, str):
                bad[number] = loaded
            else:
                frames, video = loaded
                pixels = np.ascontiguousarray(frames).data
                stream.write(pixels)
                entries.append(
                    {
                        "count": len(frames),
                        "size": list(frames.shape[1:3]),
                        "sha256": hashlib.sha256(pixels).hexdigest(),
                        "video": asdict(video),
                    }
                )
            if progress:
                progress(number + 1, len(items))
        stream.flush()
        os.fsync(stream.fileno())
    return {"version": STORE_VERSION, "channels": spec.channels, "videos": entries}, bad


Loaded = tuple[np.ndarray, Video] | str


def load_all(
    items: Sequence[Item], spec: FrameSpec, folder: Path, workers: int
) -> Generator[Loaded]:
    """Frames and manifest row of each item, or a description of its problem, in item order.

    Args:
        folder: Folder for temporary files.

    Yields:
        Frames `(t, h, w, c)` uint8 and the manifest row; or a message of one or more sentences.
    """
    decoded = _decode_all([i for i in items if isinstance(i, Video)], spec, folder, workers)
    rendered = _render_all([i for i in items if not isinstance(i, Video)], spec, workers)
    with closing(decoded), closing(rendered):
        for item in items:
            yield next(decoded if isinstance(item, Video) else rendered)


def _decode_all(
    videos: Sequence[Video], spec: FrameSpec, folder: Path, workers: int
) -> Generator[Loaded]:
    """Decodes in limited child processes; a file that crashes or stalls one yields a message."""
    parts = [folder / f"{number}.u8" for number in range(len(videos))]
    tasks = [
        json.dumps({"video": asdict(video), "spec": asdict(spec), "path": os.fspath(part)})
        for video, part in zip(videos, parts, strict=True)
    ]
    # A child takes a second to start.
    workers = max(1, min(workers, len(videos) // FEW_VIDEOS))
    with closing(iter_isolated(write_stored, tasks, limits=LIMITS, workers=workers)) as outcomes:
        for video, part, outcome in zip(videos, parts, outcomes, strict=True):
            if isinstance(outcome, str):
                yield with_name(video, outcome)
            elif "refused" in outcome:
                raise OSError(*outcome["refused"])
            else:
                shape = (outcome["count"], *outcome["size"], spec.channels)
                yield np.memmap(part, np.uint8, "r", shape=shape), video
            part.unlink(missing_ok=True)


def _render_all(items: Sequence[FrameSource], spec: FrameSpec, workers: int) -> Generator[Loaded]:
    """Results of `load_item` for computed sources; this is our own code and needs no limits."""
    if workers <= 1 or len(items) < FEW_ITEMS:
        yield from (load_item(item, spec) for item in items)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent) as pool:
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
                raise DataError(
                    f"video '{item.video_id}', or one of the {len(waiting)} after it: the process "
                    "that rendered it ended unexpectedly, possibly for lack of memory. Close "
                    "other programs, or set a smaller clip.size."
                ) from None
            yield loaded
