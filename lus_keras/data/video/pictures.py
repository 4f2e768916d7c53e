"""A folder of numbered images as a video: 1.jpg, 2.jpg, …, 10.jpg in the order of the numbers.

Images have no time stamps unless their names contain times: the caller has to give the frame rate.
"""

import hashlib
import itertools
import math
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from lus_keras.core.errors import VideoError
from lus_keras.core.files import PICTURE_SUFFIXES, sha256_of
from lus_keras.data.video.formats import MAX_FRAMES
from lus_keras.data.video.picture import (
    as_8_bits,
    bits_used,
    component_bits,
    exif_orientation,
    read_picture,
)
from lus_keras.data.video.picture_order import Ambiguous, read_order
from lus_keras.data.video.records import Frame, VideoInfo, as_shown

_NUMBER = re.compile(r"\d", re.ASCII)
# Relative difference below which rates are considered equal: manifests contain rounded numbers.
_SAME_RATE = 0.01


def picture_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """Lists the images of a folder in the order of their numbers, not of their names.

    Args:
        folder: Folder with files that end in one of `PICTURE_SUFFIXES`; other and hidden files are
            ignored.

    Returns:
        Paths, at least one.

    Raises:
        VideoError: There are no images or too many, one has no number, two have the same number,
            two orders are possible, or one is not a regular file inside the folder.
    """
    return [path for _, path in _in_order(Path(folder))[1]]


def stamped_rate(folder: str | os.PathLike[str]) -> float | None:
    """Mean frames per second of images whose names contain times; None for all others."""
    is_time, numbered = _in_order(Path(folder))
    return float((len(numbered) - 1) / (numbered[-1][0] - numbered[0][0])) if is_time else None


def _in_order(folder: Path) -> tuple[bool, list[tuple[Fraction, Path]]]:
    """Whether names contain times, and the images in order with their numbers or times in s."""
    try:
        paths = [
            path
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
        ]
    except OSError as error:
        raise VideoError(f"{folder}: cannot be read ({error.strerror}). Check the path.") from error
    problems = list(_problems(folder, paths))
    numbered = [path for path in paths if _NUMBER.search(path.stem)]
    reading = None
    try:
        reading = read_order([path.name for path in numbered]) if numbered else None
    except Ambiguous as error:
        problems.append(f"{folder}: {error}")
    if problems or reading is None:
        raise VideoError.from_problems(problems)
    return reading.is_time, [(reading.values[place], numbered[place]) for place in reading.order]


def _problems(folder: Path, paths: list[Path]) -> Iterator[str]:
    if not paths:
        yield (
            f"{folder}: is not a regular file and contains no image "
            f"({', '.join(PICTURE_SUFFIXES)}). Give a video file, or a folder of numbered images."
        )
    if len(paths) > MAX_FRAMES:
        yield f"{folder}: has more than {MAX_FRAMES} images. Cut it into parts."
    inside = folder.resolve()
    for path in paths:
        if not _NUMBER.search(path.stem):
            yield f"{path}: has no number in its name, so its position is unknown. Rename it."
        elif not path.is_file() or not path.resolve().is_relative_to(inside):
            yield f"{path}: is not a regular file inside its folder. Copy the image there."


def missing_numbers(folder: str | os.PathLike[str]) -> list[range]:
    """Numbers missing between the first and the last image.

    Returns:
        Ranges of numbers in ascending order; empty if the names contain times.
    """
    is_time, numbered = _in_order(Path(folder))
    numbers = [] if is_time else [int(number) for number, _ in numbered]
    pairs = itertools.pairwise(numbers)
    return [range(low + 1, high) for low, high in pairs if high > low + 1]


def sha256_of_video(path: str | os.PathLike[str]) -> str:
    """Hash of a video file, or of the names and contents of a folder of images in order.

    Returns:
        64 hexadecimal digits in lower case, independent of the name of the folder.

    Raises:
        VideoError: The folder does not contain numbered images.
    """
    path = Path(path)
    if not path.is_dir():
        return sha256_of(path)
    digest = hashlib.sha256()
    for picture in picture_paths(path):
        # File names contain no zero bytes, so different lists of images give different texts.
        digest.update(f"{picture.name}\0{sha256_of(picture)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def probe_pictures(folder: Path) -> VideoInfo:
    """Properties of the video from its first image; the number of frames is that of the images."""
    paths = picture_paths(folder)
    picture, codec = read_picture(paths[0])
    stored = VideoInfo(
        "pictures", codec, picture.width, picture.height, stamped_rate(folder), len(paths)
    )
    depth = component_bits(picture)
    if depth <= 8:
        return as_shown(stored, exif_orientation(paths[0]))
    used = bits_used(paths)
    note = f"its images use {used} of {depth} bits; gray values are scaled to those used."
    return as_shown(replace(stored, notes=(note,)), exif_orientation(paths[0]))


def decode_pictures(folder: Path, fps: float | None) -> Iterator[Frame]:
    """Decodes the images in order; image i is at time i / fps, or at the time in its name.

    Args:
        fps: Frames per second; None uses the times in the names. A rate that differs from theirs
            replaces the times.

    Yields:
        One frame per image; missing numbers leave no gap in time.

    Raises:
        VideoError: `fps` is missing or not positive, or an image is damaged, of another format, or
            of another size than the first.
    """
    is_time, numbered = _in_order(folder)
    times_s = _times_s(folder, fps, is_time, [number for number, _ in numbered])
    paths = [path for _, path in numbered]
    size, used = None, None
    for path, time_s, next_s in zip(paths, times_s, times_s[1:], strict=False):
        picture, _ = read_picture(path)
        orientation = exif_orientation(path)
        shown = orientation.size(picture.width, picture.height)
        size = size or shown
        if size != shown:
            raise VideoError(
                f"{path}: is {shown[0]}×{shown[1]} after images of {size[0]}×{size[1]}. Move "
                "images of another size to a separate folder."
            )
        if component_bits(picture) > 8:
            used = used or bits_used(paths)
            picture = as_8_bits(picture, used)
        yield Frame(picture, time_s, next_s - time_s, bool(picture.is_corrupt), orientation)


def _times_s(folder: Path, fps: float | None, is_time: bool, stated: list[Fraction]) -> list[float]:
    """Time of each image in s, from 0, followed by the end of the last one."""
    if is_time:
        mean = (stated[-1] - stated[0]) / (len(stated) - 1)
        if fps is None or abs(fps * mean - 1) < _SAME_RATE:
            return [float(time - stated[0]) for time in (*stated, stated[-1] + mean)]
    if fps is None or not 0 < fps < math.inf:
        raise VideoError(
            f"{folder}: images have no time stamps. Received fps={fps}. Give their frame rate in "
            "the column `fps` of the manifest or, for predict and explain, with --assume-fps."
        )
    return [index / fps for index in range(len(stated) + 1)]
