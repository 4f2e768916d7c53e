"""From one video, or the plan of a simulated one, to the stored frames."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lus_keras.core.errors import VideoError
from lus_keras.data.cache.spec import FrameSpec, Item
from lus_keras.data.manifest import Box, Video
from lus_keras.data.video import box_of, iter_resampled, probe, sector_box, sector_mask
from lus_keras.data.video.formats import MAX_FRAMES
from lus_keras.data.video.integrity import Tally


def load_item(item: Item, spec: FrameSpec) -> tuple[np.ndarray, Video] | str:
    """Decodes or renders one video.

    Returns:
        Frames `(t, h, w, c)` uint8 and the manifest row; or an error message instead of an
        exception, since the result crosses process boundaries.
    """
    if not isinstance(item, Video):
        return item.render(spec)
    try:
        return np.stack(list(iter_stored(item, spec))), item
    except VideoError as error:
        return str(error)


def iter_stored(
    video: Video,
    spec: FrameSpec,
    *,
    require_intact: bool = True,
    tally: Tally | None = None,
    most: int = MAX_FRAMES,
) -> Iterator[np.ndarray]:
    """Decodes a video to the stored frames, one at a time.

    Args:
        require_intact: This and the following arguments are as in `iter_resampled`.

    Yields:
        `(h, w, c)` uint8, at least one.

    Raises:
        VideoError: The file cannot be decoded, or `require_intact` is set and it is damaged.
    """
    inside = sector_inside(video, spec)
    options = reading(video, spec)
    for frame in iter_resampled(
        video.video, require_intact=require_intact, tally=tally, most=most, **options
    ):
        pixels = frame[..., None] if frame.ndim == 2 else frame
        yield pixels if inside is None else pixels * inside


def write_stored(text: str) -> dict[str, Any]:
    """Decodes a video to a file of raw frames; runs in an isolated child process.

    Args:
        text: JSON with `video` and `spec`, their fields by name, and the `path` to write to.

    Returns:
        `count` and `size` of the frames; or `refused`, the error number and text if the operating
        system refused to write them.
    """
    task = json.loads(text)
    count, size = 0, (0, 0)
    frames = iter_stored(video_from_json(task["video"]), spec_from_json(task["spec"]))
    try:
        with Path(task["path"]).open("wb") as stream:
            for frame in frames:
                stream.write(np.ascontiguousarray(frame).data)
                count, size = count + 1, frame.shape[:2]
    except OSError as error:
        return {"refused": [error.errno, error.strerror]}
    return {"count": count, "size": size}


def video_from_json(row: Mapping[str, Any]) -> Video:
    """A manifest row from JSON; lists are converted back to tuples."""
    return Video(**{name: as_tuples(value) for name, value in row.items()})


def spec_from_json(fields: Mapping[str, Any]) -> FrameSpec:
    """A `FrameSpec` from JSON."""
    return FrameSpec(**{name: as_tuples(value) for name, value in fields.items()})


def as_tuples(value: Any) -> Any:
    """A value from JSON with lists converted back to tuples."""
    return tuple(map(as_tuples, value)) if isinstance(value, list | tuple) else value


def reading(video: Video, spec: FrameSpec) -> dict[str, Any]:
    """How a video is read for a store; the only definition of the preprocessing for training.

    Returns:
        Keyword arguments of `iter_resampled`. Decodes the first seconds if the sector has to be
        found.

    Raises:
        VideoError: The file cannot be decoded, or a required region of interest is missing or
            exceeds the frame.
    """
    options: dict[str, Any] = {
        "fps": spec.fps,
        "size": spec.size,
        "grayscale": spec.channels == 1,
        "picture_fps": video.fps,
        "antialias": spec.resize == "bilinear",
    }
    if spec.crop == "roi":
        check_regions([video])
        assert video.roi is not None
        info = probe(video.video)
        x, y, w, h = video.roi
        if x + w > info.width or y + h > info.height:
            raise VideoError(
                f"video '{video.video_id}': its region of interest {x},{y},{w},{h} extends beyond "
                f"the image of {info.width}×{info.height}. Correct the manifest's column `roi`."
            )
        return options | {"region": scaled_box(video.roi, (info.height, info.width), spec.size)}
    if spec.crop == "none":
        return options
    return options | {"box": video.roi or sector_box(video.video, picture_fps=video.fps)}


def sector_inside(video: Video, spec: FrameSpec) -> np.ndarray | None:
    """Mask of the pixels of a stored frame that lie inside the sector; the others are set to 0.

    Returns:
        `(h, w, 1)` uint8, 1 inside and 0 outside; None if no pixel is set to 0.

    Raises:
        VideoError: The file cannot be decoded.
    """
    if not spec.mask or spec.crop == "none":
        return None
    mask = sector_mask(video.video, picture_fps=video.fps)
    x, y, w, h = video.roi or box_of(mask)
    cut = mask[y : y + h, x : x + w].astype(np.uint8)
    inside = cv2.resize(cut, spec.size[::-1], interpolation=cv2.INTER_NEAREST)
    return inside.astype(np.uint8)[..., None]


def check_regions(items: Sequence[Item]) -> None:
    """Refuses real videos without a region of interest before any is opened.

    Raises:
        VideoError: Videos have no region of interest; one message names all of them.
    """
    videos = [item for item in items if isinstance(item, Video)]
    without = [repr(video.video_id) for video in videos if video.roi is None]
    if without:
        raise VideoError(
            f"{len(without)} of {len(videos)} videos have no region of interest: "
            f"{', '.join(without)}. Fill in the manifest's column `roi` (x,y,w,h in pixels of the "
            "file), manually or with `lus-keras data annotate`."
        )


def scaled_box(box: Box, size: tuple[int, int], to: tuple[int, int]) -> Box:
    """A box in the coordinates of the resized image, with edges rounded to whole pixels.

    Args:
        box: `(x, y, w, h)` in pixels of the original image.
        size: `(height, width)` of the original image in pixels.
        to: `(height, width)` of the resized image in pixels.

    Returns:
        `(x, y, w, h)` in pixels of the resized image, at least one pixel wide and high.
    """
    x, y, w, h = box
    down, across = to[0] / size[0], to[1] / size[1]
    left, top = round(x * across), round(y * down)
    right, bottom = round((x + w) * across), round((y + h) * down)
    return left, top, max(1, right - left), max(1, bottom - top)
