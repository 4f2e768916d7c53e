"""Decoded frames on disk: a video is decoded or rendered once and then read by memory map.

    <cache>/frames/<key>/frames.u8    (t, h, w, c) uint8, the videos concatenated
    <cache>/frames/<key>/index.json   per video: number, size and sha256 of its frames, and its
                                      manifest row; what all frames depend on; its own sha256

The key is a hash of everything the pixels depend on: the contents of the files (or whatever
computes the frames) and the `FrameSpec`. This package does not import TensorFlow, so that decoding
processes start quickly.
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
    """A store that is ready to be read.

    Attributes:
        videos: Manifest rows, including labels, in the order of the items.
        sizes: `(h, w)` of each video's frames in pixels.
        channels: 1 for gray, 3 for RGB.
        stamp: File status when the frames were verified, to detect later changes; None disables
            the comparison.
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
        """Read-only memory map `(n, h, w, c)` uint8 of all frames, which must have the same size.

        Raises:
            ValueError: Frame sizes differ between videos; use `views` to read them one by one.
            DataError: As `views`.
        """
        if len(set(self.sizes)) != 1:
            raise ValueError(f"frames have {len(set(self.sizes))} sizes. Use `views`.")
        shape = (sum(self.counts), *self.sizes[0], self.channels)
        return self._map()[: math.prod(shape)].reshape(shape)

    def views(self) -> Callable[[int], np.ndarray]:
        """Opens the store for reading; to be called in each process.

        Returns:
            Function from the index of a video to a read-only view `(t, h, w, c)` uint8 of its
            frames.

        Raises:
            DataError: The frames are missing or have changed since the store was opened.
        """
        flat, ends = self._map(), self._ends

        def view(number: int) -> np.ndarray:
            shape = (self.counts[number], *self.sizes[number], self.channels)
            return flat[ends[number] - math.prod(shape) : ends[number]].reshape(shape)

        return view

    def _map(self) -> np.memmap:
        """All bytes of the frames, verified again if the file has changed since it was opened."""
        try:
            if self.stamp and stamp_of(self.path) != self.stamp:
                index = read_json(self.path / "index.json")
                said = index["fingerprint"]["data"], index["sha256"]
                same = said == (self.key, index_hash(index))
                if not (same and frames_are_intact(self.path, index)):
                    raise ValueError("frames that differ from those written")
            return np.memmap(self.path / FRAMES, np.uint8, "r")
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(
                f"{self.path}: the cache changed while it was read ({reason}). Run the command "
                "again to decode the videos again; completed folds are kept."
            ) from error

    @cached_property
    def _ends(self) -> list[int]:
        """End of each video in bytes; computed once because stores are opened for every batch."""
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
    """Opens the store of the items; builds it first if it is missing or damaged.

    Args:
        on_bad: Whether a video that cannot be decoded completely is an error or is skipped.
        workers: Number of decoding processes.
        progress: Called with (videos done, total number of videos) during the build.

    Raises:
        VideoError: Videos lack a required region of interest or cannot be decoded completely, or no
            video can; all of them are listed.
        LeakageError: One file belongs to two patients.
        DataError: There is nothing to store, a file differs from the one in the manifest, or the
            cache cannot be written.
    """
    if not items:
        raise DataError("the data set contains no video. Add videos.")
    if spec.crop == "roi":
        check_regions(items)
    key = store_key(items, spec)
    path = cache_root() / "frames" / key
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two runs that start at the same time build the store only once.
        with FileLock(path.with_suffix(".lock")):
            mark, skip = store_fingerprint(key, spec), on_bad == "skip"
            index = _read_index(path, len(items), mark)
            if index is None or (index["bad"] and not skip):
                build_store(path, items, spec, workers, progress, fingerprint=mark, skip=skip)
                index = read_json(path / "index.json")
    except OSError as error:
        raise DataError(
            f"{path}: the cache cannot be written ({error.strerror or error}). Free space, or set "
            "LUS_KERAS_CACHE to another folder."
        ) from error
    return _store(path, items, key, index)


def _read_index(path: Path, count: int, mark: Mapping[str, Any]) -> dict[str, Any] | None:
    """The index of a complete store of `count` videos; None if anything is missing or damaged.

    Warns:
        UserWarning: Frames differ from those written or belong to other data or settings. A store
            of another version of this package or of a decoder is replaced silently.
    """
    try:
        index = read_json(path / "index.json")
        # Stores whose index has no hash predate it and are treated as another version.
        if index["version"] != STORE_VERSION or "sha256" not in index:
            return None
        problem = _problem(path, index, count, mark)
        if not problem:
            return index if problem is None else None
        warnings.warn(
            f"{path}: the cache {problem}. Its videos are decoded again. If you did not change it, "
            "check the disk.",
            UserWarning,
            stacklevel=3,
        )
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def _problem(
    path: Path, index: Mapping[str, Any], count: int, mark: Mapping[str, Any]
) -> str | None:
    """Reason to warn about a store, "" to rebuild it silently, or None if it is valid."""
    if index["sha256"] != index_hash(index):
        return "has an edited index"
    rows = [video_from_json(entry["video"]) for entry in index["videos"]]
    pixels = [entry["count"] * math.prod(entry["size"]) for entry in index["videos"]]
    whole = (path / FRAMES).stat().st_size == sum(pixels) * index["channels"]
    if not whole or len(rows) + len(index["bad"]) != count:
        return ""
    said = index["fingerprint"]
    foreign = [name for name in ("settings", "data") if said[name] != mark[name]]
    if foreign:
        one, now = (side[foreign[0]] for side in (said, mark))
        return f"was made with different {foreign[0]}: {one}, not {now}"
    if said != mark:
        return ""
    return (
        None if frames_are_intact(path, index) else "contains frames that differ from those written"
    )


def _store(path: Path, items: Sequence[Item], key: str, index: dict[str, Any]) -> FrameStore:
    bad = {int(number): problem for number, problem in index["bad"].items()}
    kept = [item for number, item in enumerate(items) if number not in bad]
    # Labels of real videos come from the caller, so that correcting one does not require decoding.
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
