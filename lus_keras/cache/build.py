"""Building a store: space is checked, videos are decoded side by side, the folder appears whole."""

from __future__ import annotations

import json
import math
import os
import shutil
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from lus_keras.cache.key import STORE_VERSION
from lus_keras.cache.load import FrameSpec, Item, load_item, simulated_indices
from lus_keras.errors import DataError, VideoError
from lus_keras.files import atomic_write
from lus_keras.manifest import Video
from lus_keras.simulate import VideoPlan

Progress = Callable[[int, int], None]

# Below this number of videos, starting processes takes longer than they save.
FEW_ITEMS = 16
# Videos a process may be ahead of the one that is written: bounds what waits in memory.
AHEAD = 4


def build_store(
    path: Path, items: Sequence[Item], spec: FrameSpec, workers: int, progress: Progress | None
) -> None:
    """Writes a store; the caller holds its lock.

    Args:
        path: Folder to create or replace.
        items: Videos to decode or plans to render.
        spec: How frames are stored.
        workers: Processes that decode.
        progress: Called with (videos done, videos in all).

    Raises:
        VideoError: Videos cannot be decoded; all of them are listed.
        DataError: There is too little space.
        OSError: The folder cannot be written.
    """
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
    if spec.crop == "roi":
        return  # only rendering tells the size of a region
    plans = [item for item in items if isinstance(item, VideoPlan)]
    frames = sum(len(simulated_indices(plan, spec)) for plan in plans)
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
    entries, problems = [], []
    with path.open("wb") as stream:
        for done, loaded in enumerate(_load_all(items, spec, workers), start=1):
            if isinstance(loaded, str):
                problems.append(loaded)
            elif not problems:
                frames, video = loaded
                stream.write(np.ascontiguousarray(frames).data)
                size = list(frames.shape[1:3])
                entries.append({"count": len(frames), "size": size, "video": asdict(video)})
            if progress:
                progress(done, len(items))
        stream.flush()
        os.fsync(stream.fileno())
    if problems:
        raise VideoError.from_problems(problems)
    return {"version": STORE_VERSION, "channels": spec.channels, "videos": entries}


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
