"""Decoded frames on disk: a video is decoded, or rendered, once and then read by a memory map.

    <cache>/frames/<key>/frames.u8    (t, h, w, c) uint8 of one video after another
    <cache>/frames/<key>/index.json   number, size and sha256 of the frames and manifest row of each
                                      video; what all of them depend on; its own sha256

The key is a hash of what the pixels depend on: the files' contents (or what computes the frames)
and the `FrameSpec`. Nothing here imports TensorFlow, so the processes that decode start quickly.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock

from lus_keras.core.errors import DataError
from lus_keras.core.files import cache_root, read_json
from lus_keras.data.cache.build import Progress, build_store
from lus_keras.data.cache.key import STORE_VERSION, hash_problem, store_fingerprint, store_key
from lus_keras.data.cache.load import (
    check_regions,
    load_item,
    reading,
    scaled_box,
    sector_inside,
    video_from_json,
)
from lus_keras.data.cache.spec import FrameSource, FrameSpec, Item
from lus_keras.data.cache.verify import (
    FRAMES,
    Stamp,
    frames_are_intact,
    index_hash,
    stamp_of,
)
from lus_keras.data.manifest import Video

__all__ = [
    "FrameSource", "FrameSpec", "FrameStore", "Item", "Progress", "check_regions",
    "hash_problem", "load_item", "open_store", "reading", "scaled_box", "sector_inside",
]  # fmt: skip


@dataclass(frozen=True)
class FrameStore:
    """A readable store.

    Attributes:
        videos: Manifest rows, labels included, in the order of the items.
        sizes: `(h, w)` of each video's frames in pixels.
        channels: 1 gray, 3 RGB.
        stamp: Tells whether the frames are still those that were verified; None if none were.
    """

    path: Path
    videos: tuple[Video, ...]
    counts: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]
    channels: int
    key: str
    skipped: tuple[tuple[Video, str], ...] = ()
    stamp: Stamp | None = field(default=None, compare=False)

    def frames(self) -> np.ndarray:
        """`(n, h, w, c)` uint8 memory map of all frames, which must be of one size; read-only.

        Raises:
            ValueError: Videos differ in size; `views` takes them one by one.
            DataError: As `views`.
        """
        if len(set(self.sizes)) != 1:
            raise ValueError(f"frames are of {len(set(self.sizes))} sizes. Use `views`.")
        shape = (sum(self.counts), *self.sizes[0], self.channels)
        return self._map()[: math.prod(shape)].reshape(shape)

    def views(self) -> Callable[[int], np.ndarray]:
        """Opens the store for reading; do so in each process.

        Returns:
            Function from a video's place to its `(t, h, w, c)` uint8 frames, a read-only view.

        Raises:
            DataError: The frames are gone, or others than were verified when the store was opened.
        """
        flat, ends = self._map(), self._ends

        def view(number: int) -> np.ndarray:
            shape = (self.counts[number], *self.sizes[number], self.channels)
            return flat[ends[number] - math.prod(shape) : ends[number]].reshape(shape)

        return view

    def _map(self) -> np.memmap:
        """All bytes of the frames; hashed again if they were written to since they were."""
        try:
            if self.stamp and stamp_of(self.path) != self.stamp:
                index = read_json(self.path / "index.json")
                said = index["fingerprint"]["data"], index["sha256"]
                same = said == (self.key, index_hash(index))
                if not (same and frames_are_intact(self.path, index)):
                    raise ValueError("other frames than were written")
            return np.memmap(self.path / FRAMES, np.uint8, "r")
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(
                f"{self.path}: the cache changed while it was read ({reason}). Run the command "
                "again, which decodes the videos again; finished folds are kept."
            ) from error

    @cached_property
    def _ends(self) -> list[int]:
        """Bytes up to the end of each video; counted once, as stores are opened at every batch."""
        pixels = (
            count * math.prod(size) for count, size in zip(self.counts, self.sizes, strict=True)
        )
        return list(accumulate(number * self.channels for number in pixels))


def open_store(
    items: Sequence[Item],
    spec: FrameSpec,
    *,
    on_bad: Literal["fail", "skip"] = "fail",
    workers: int = 1,
    progress: Progress | None = None,
) -> FrameStore:
    """Opens the store of the items, and builds it first where it is not there or is damaged.

    Args:
        on_bad: Whether a video that cannot be decoded whole is an error or is left out.
        progress: Called with (videos done, videos in all) while building.

    Raises:
        VideoError: Videos have no region of interest that is asked for, or cannot be decoded
            whole, or none can; all of them are listed.
        LeakageError: One file stands under two patients.
        DataError: There is nothing to store, a file is not the one of the manifest, or the cache
            cannot be written.
    """
    if not items:
        raise DataError("the data set has no video. Add videos.")
    if spec.crop == "roi":
        check_regions(items)
    key = store_key(items, spec)
    path = cache_root() / "frames" / key
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two runs that start together build the store once.
        with FileLock(path.with_suffix(".lock")):
            mark, skip = store_fingerprint(key, spec), on_bad == "skip"
            index = _read_index(path, len(items), mark)
            if index is None or (index["bad"] and not skip):
                build_store(path, items, spec, workers, progress, fingerprint=mark, skip=skip)
                index = read_json(path / "index.json")
    except OSError as error:
        raise DataError(
            f"{path}: the cache cannot be written ({error.strerror or error}). Free space, or "
            "point LUS_KERAS_CACHE at another folder."
        ) from error
    return _store(path, items, key, index)


def _read_index(path: Path, count: int, mark: Mapping[str, Any]) -> dict[str, Any] | None:
    """The index of a whole store of `count` videos; None if anything is absent or damaged.

    Warns:
        UserWarning: Frames differ from those that were written, or are of other data or settings; a
            store of another version of this package, or of a decoder, is replaced without a word.
    """
    try:
        index = read_json(path / "index.json")
        # Stores of before there was a hash of the index are as those of another version.
        if index["version"] != STORE_VERSION or "sha256" not in index:
            return None
        problem = _problem(path, index, count, mark)
        if not problem:
            return index if problem is None else None
        warnings.warn(
            f"{path}: the cache {problem}. Its videos are decoded again; look at the disk if this "
            "was not you.",
            UserWarning,
            stacklevel=3,
        )
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _problem(
    path: Path, index: Mapping[str, Any], count: int, mark: Mapping[str, Any]
) -> str | None:
    """What is wrong with a store: a reason to warn of, or "" without one; None if nothing is."""
    if index["sha256"] != index_hash(index):
        return "has an index that was edited"
    rows = [video_from_json(entry["video"]) for entry in index["videos"]]
    pixels = [entry["count"] * math.prod(entry["size"]) for entry in index["videos"]]
    whole = (path / FRAMES).stat().st_size == sum(pixels) * index["channels"]
    if not whole or len(rows) + len(index["bad"]) != count:
        return ""
    said = index["fingerprint"]
    foreign = [name for name in ("settings", "data") if said[name] != mark[name]]
    if foreign:
        one, now = (side[foreign[0]] for side in (said, mark))
        return f"is of other {foreign[0]}: {one}, not {now}"
    if said != mark:
        return ""
    return None if frames_are_intact(path, index) else "holds other frames than were written"


def _store(path: Path, items: Sequence[Item], key: str, index: dict[str, Any]) -> FrameStore:
    bad = {int(number): problem for number, problem in index["bad"].items()}
    kept = [item for number, item in enumerate(items) if number not in bad]
    # Labels of real videos come from the caller: correcting one must not decode everything again.
    videos = tuple(
        item if isinstance(item, Video) else video_from_json(entry["video"])
        for item, entry in zip(kept, index["videos"], strict=True)
    )
    return FrameStore(
        path=path,
        videos=videos,
        counts=tuple(entry["count"] for entry in index["videos"]),
        sizes=tuple((entry["size"][0], entry["size"][1]) for entry in index["videos"]),
        channels=index["channels"],
        key=key,
        skipped=tuple(
            (item, problem)
            for number, problem in sorted(bad.items())
            if isinstance(item := items[number], Video)
        ),
        stamp=stamp_of(path),
    )
