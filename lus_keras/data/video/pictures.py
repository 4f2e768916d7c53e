"""A folder of numbered pictures as a video: 1.jpg, 2.jpg, …, 10.jpg in the order of the numbers.

Pictures have no clock, so whoever reads them has to give the frame rate.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import av

from lus_keras.core.errors import VideoError
from lus_keras.core.files import PICTURE_SUFFIXES, sha256_of
from lus_keras.data.video.formats import MAX_FRAMES, MAX_PIXELS
from lus_keras.data.video.records import Frame, VideoInfo

# First bytes and FFmpeg's name for a single picture of the kind.
_MAGIC = ((b"\xff\xd8\xff", "jpeg_pipe"), (b"\x89PNG\r\n\x1a\n", "png_pipe"))


def picture_number(path: Path) -> int | None:
    """Last whole number of a file's stem: 12 for `frame_012.jpg`; None if there is none."""
    found = re.findall(r"\d+", path.stem, re.ASCII)
    return int(found[-1]) if found else None


def picture_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """Lists the pictures of a folder in the order of their numbers, not of their names.

    Args:
        folder: Folder with `.jpg`, `.jpeg` or `.png` files; other and hidden files are passed over.

    Returns:
        At least one path.

    Raises:
        VideoError: There is no picture or are too many, one has no number, two have the same, or
            one is not a plain file inside the folder.
    """
    folder = Path(folder)
    try:
        paths = [
            path
            for path in sorted(folder.iterdir())
            if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")
        ]
    except OSError as error:
        raise VideoError(f"{folder}: cannot be read ({error.strerror}). Check the path.") from error
    problems = list(_problems(folder, paths))
    if problems:
        raise VideoError.from_problems(problems)
    return sorted(paths, key=lambda path: picture_number(path) or 0)


def _problems(folder: Path, paths: list[Path]) -> Iterator[str]:
    if not paths:
        yield (
            f"{folder}: is not a plain file and holds no picture ({', '.join(PICTURE_SUFFIXES)}). "
            "Name a video file, or a folder of numbered pictures."
        )
    if len(paths) > MAX_FRAMES:
        yield f"{folder}: has more than {MAX_FRAMES} pictures. Cut it into parts."
    inside = folder.resolve()
    numbered = defaultdict(list)
    for path in paths:
        number = picture_number(path)
        if number is None:
            yield f"{path}: has no number in its name, so its place is not known. Rename it."
        elif not path.is_file() or not path.resolve().is_relative_to(inside):
            yield f"{path}: is not a plain file inside its folder. Copy the picture there."
        else:
            numbered[number].append(path.name)
    for number, names in numbered.items():
        if len(names) > 1:
            yield f"{folder}: {' and '.join(names)} both have number {number}. Keep one."


def missing_numbers(paths: list[Path]) -> list[int]:
    """Numbers that are left out between the first and the last of numbered pictures."""
    numbers = {picture_number(path) or 0 for path in paths}
    return sorted(set(range(min(numbers), max(numbers) + 1)) - numbers)


def sha256_of_video(path: str | os.PathLike[str]) -> str:
    """Hashes a video file, or a folder of pictures over their names and contents in order.

    Args:
        path: File, or folder of numbered pictures.

    Returns:
        64 hexadecimal digits in lower case. The folder's own name does not count.

    Raises:
        VideoError: A folder is not one of numbered pictures.
        OSError: A file cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        return sha256_of(path)
    digest = hashlib.sha256()
    for picture in picture_paths(path):
        # No file name holds a zero byte, so no two lists of pictures give the same text.
        digest.update(f"{picture.name}\0{sha256_of(picture)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def probe_pictures(folder: Path) -> VideoInfo:
    """What the first picture says of the video; the number of frames is that of the pictures."""
    paths = picture_paths(folder)
    picture, codec = _read_picture(paths[0])
    return VideoInfo("pictures", codec, picture.width, picture.height, None, len(paths))


def decode_pictures(folder: Path, fps: float | None) -> Iterator[Frame]:
    """Decodes the pictures in order, picture i at time i / fps.

    Args:
        folder: Folder of numbered pictures.
        fps: Frames per second.

    Yields:
        One frame a picture; a number that is left out leaves no gap in time.

    Raises:
        VideoError: `fps` is missing or not positive, or a picture is damaged, of another kind or of
            another size than the first.
    """
    if fps is None or not 0 < fps < math.inf:
        raise VideoError(
            f"{folder}: pictures have no time stamps. Received fps={fps}. Give the frames per "
            "second they were taken at, in the column `fps` of the manifest or, to predict and "
            "explain, with --assume-fps."
        )
    size = None
    for index, path in enumerate(picture_paths(folder)):
        picture, _ = _read_picture(path)
        size = size or (picture.width, picture.height)
        if size != (picture.width, picture.height):
            raise VideoError(
                f"{path}: is {picture.width}×{picture.height} after pictures of "
                f"{size[0]}×{size[1]}. Move pictures of another size to a folder of their own."
            )
        yield Frame(picture, index / fps, 1 / fps, bool(picture.is_corrupt))


def _read_picture(path: Path) -> tuple[av.VideoFrame, str]:
    """Decodes one picture whose first bytes are those of its kind; also returns its codec."""
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error
    kind = next((kind for magic, kind in _MAGIC if start.startswith(magic)), None)
    if kind is None:
        cause = f"it starts with {start!r}" if start else "0 bytes"
        raise VideoError(f"{path}: is not a JPEG or PNG picture ({cause}). Copy it again.")
    options = {"protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        with av.open(str(path.resolve()), format=kind, options=options) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            stream.codec_context.thread_count = 1
            picture = cast(av.VideoFrame | None, next(container.decode(stream), None))
            codec = stream.codec_context.name
    except (av.FFmpegError, IndexError) as error:
        raise VideoError(
            f"{path}: is damaged or larger than 4096² pixels. Copy it again."
        ) from error
    if picture is None:
        raise VideoError(f"{path}: not one frame can be decoded. Copy it again.")
    return picture, codec
