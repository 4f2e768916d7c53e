"""The pixels of a DICOM cine: their position and format in the file, and decoding by frame."""

import hashlib
import io
import json
import os
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import av
import numpy as np

from lus_keras.core.errors import DataError, LusKerasError
from lus_keras.core.sandbox import ChildDied, stream_isolated
from lus_keras.data.video.formats import MAX_PIXELS

Storage = Literal["native", "frames", "video"]
_PIXEL_DATA = {"little": b"\xe0\x7f\x10\x00", "big": b"\x7f\xe0\x00\x10"}
_GRAY = ("MONOCHROME1", "MONOCHROME2")
_PHOTOMETRIC = (*_GRAY, "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
# FFmpeg's names of MPEG-2, H.264 and HEVC streams, by the first parts of their transfer syntax.
_VIDEO = {
    **{f"1.2.840.10008.1.2.4.{number}": "mpegvideo" for number in (100, 101)},
    **{f"1.2.840.10008.1.2.4.{number}": "h264" for number in range(102, 107)},
    **{f"1.2.840.10008.1.2.4.{number}": "hevc" for number in (107, 108)},
}
# First bytes of streams wrapped in a container.
_CONTAINERS = ((0, b"\0\0\1\xba", "mpeg"), (4, b"ftyp", "mov"), (0, b"\x47", "mpegts"))
_CHUNK = 1 << 20
# Bytes per pixel of native values; the color spaces of JPEG 2000 have no native form.
_BYTES = {**dict.fromkeys((*_GRAY, "PALETTE COLOR"), 1), "YBR_FULL_422": 2}
_BYTES |= {"RGB": 3, "YBR_FULL": 3}


@dataclass(frozen=True)
class Pixels:
    """How the pixels of a file are stored.

    Attributes:
        storage: "native": uncompressed; "frames": each frame compressed; "video": one stream.
        colors: PhotometricInterpretation, corrected if the number of bytes contradicts it.
        start: Offset of the first value, or of the first item, in bytes.
        length: Number of bytes of native values.
        planar: Whether native colors are stored plane by plane.
        swapped: Whether native bytes are swapped in pairs.
    """

    storage: Storage
    colors: str
    start: int
    length: int
    planar: bool
    swapped: bool
    syntax: str


def read_pixels(dataset: Any, stream: BinaryIO) -> tuple[Pixels | None, list[str], list[str]]:
    """Finds the pixels of a dataset and compares them with its header.

    Args:
        stream: The file, positioned at the pixel data element.

    Returns:
        Storage of the pixels, None if they cannot be read; problems; notes.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    order: Literal["little", "big"] = "little" if syntax.is_little_endian else "big"
    start = stream.tell()
    head = stream.read(12)
    if head[:4] != _PIXEL_DATA[order]:
        return None, ["has no pixels. Copy it again."], []
    colors = str(dataset.get("PhotometricInterpretation", ""))
    codec = _codec(str(syntax))
    if colors not in _PHOTOMETRIC and codec is None:
        return None, ["pixels must be gray, RGB, YBR or palette colors. Export it again."], []
    if syntax.is_encapsulated:
        found = Pixels("video" if codec else "frames", colors, start + 12, 0, False, False, syntax)
        problems = [] if codec else _wrong_count(dataset, _count_items(dataset, stream))
        return found, problems, []
    place = 4 if syntax.is_implicit_VR else 8
    length = int.from_bytes(head[place : place + 4], order)
    planar = bool(dataset.get("PlanarConfiguration"))
    swapped = order == "big" and head[4:6] == b"OW"
    native = Pixels("native", colors, start + place + 4, length, planar, swapped, syntax)
    return _fit(dataset, native)


def _fit(dataset: Any, native: Pixels) -> tuple[Pixels | None, list[str], list[str]]:
    """Compares the number of bytes with the number of frames, allowing one byte of padding.

    PhotometricInterpretation may be left over from a compressed original. The number of bytes per
    pixel then decides: one is read as gray, three are read as RGB.
    """
    frames, pixels = int(dataset.NumberOfFrames), int(dataset.Rows) * int(dataset.Columns)
    stated = _BYTES.get(native.colors, 0)
    held = next((n for n in (1, 2, 3) if 0 <= native.length - n * pixels * frames < 2), stated)
    if held in (stated, 2):
        each = 2 if stated == 2 else max(stated, int(dataset.get("SamplesPerPixel", 0) or 1))
        return native, _wrong_count(dataset, native.length // (pixels * each)), []
    colors, bytes_ = ("RGB", "three bytes") if held == 3 else ("MONOCHROME2", "one byte")
    note = f"is tagged {native.colors} and contains {bytes_} per pixel: they are read as {colors}."
    return replace(native, colors=colors), [], [note]


def _wrong_count(dataset: Any, found: int) -> list[str]:
    stated = int(dataset.NumberOfFrames)
    if found == stated:
        return []
    return [f"states {stated} frames and contains {found}. Copy it again, or export it again."]


def _count_items(dataset: Any, stream: BinaryIO) -> int:
    """Number of frames in the basic offset table; that of the header if the table is empty."""
    from pydicom.encaps import parse_basic_offsets

    return len(parse_basic_offsets(stream)) or int(dataset.NumberOfFrames)


def _codec(syntax: str) -> str | None:
    """FFmpeg's name of a stream, or None; the suffix of fragmentable syntaxes is ignored."""
    root = ".".join(syntax.split(".")[:9])
    return _VIDEO.get(root)


def digest(path: Path, pixels: Pixels) -> str:
    """Hash of the pixel bytes, because two files with the same id may differ."""
    hashed = hashlib.sha256()
    with path.open("rb") as stream:
        stream.seek(pixels.start)
        left = pixels.length or path.stat().st_size
        while left and (part := stream.read(min(left, _CHUNK))):
            hashed.update(part)
            left -= len(part)
    return hashed.hexdigest()


def iter_pixels(
    path: Path, pixels: Pixels, size: tuple[int, int], frames: int
) -> Iterator[np.ndarray]:
    """Decodes frame by frame in a limited child process.

    Args:
        size: `(h, w)` of the frames in pixels.

    Yields:
        `(h, w)` or `(h, w, 3)` RGB uint8, read-only.

    Raises:
        DataError: The pixels cannot be decoded, or crash or stall the decoder; the message quotes
            nothing from the file.
    """
    task = {"path": os.fspath(path), "pixels": asdict(pixels), "size": size, "frames": frames}
    try:
        for part in stream_isolated(decode_pixels, json.dumps(task)):
            assert isinstance(part, np.ndarray)
            yield part
    except ChildDied as error:
        raise DataError(f"{error} Exclude it, or export it uncompressed.") from error
    except LusKerasError as error:
        raise DataError(str(error)) from error


def decode_pixels(text: str) -> Iterator[np.ndarray]:
    """Child process of `iter_pixels`.

    Args:
        text: JSON with the arguments of `iter_pixels` by name.
    """
    task = json.loads(text)
    pixels, size, frames = Pixels(**task["pixels"]), tuple(task["size"]), task["frames"]
    path, count = Path(task["path"]), 0
    decode = {"native": _native, "frames": _compressed, "video": _stream}[pixels.storage]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for frame in decode(path, pixels, size, frames):
                if frame.shape[:2] != size:
                    raise ValueError
                yield frame
                count += 1
        except (GeneratorExit, DataError):
            raise
        except Exception as error:
            # Messages of decoders may quote the data.
            raise DataError(_undecoded(pixels, count, error)) from None
    if count != frames:
        raise DataError(f"states {frames} frames and contains {count}. Copy it again.")


def _undecoded(pixels: Pixels, count: int, error: Exception) -> str:
    from pydicom.uid import UID_dictionary

    name = UID_dictionary.get(pixels.syntax, ("of a private kind",))[0]
    remedy = "pip install 'lus-keras[dicom]' if its compression is not known"
    if "2000" in name:
        remedy = "pip install pylibjpeg-openjpeg"
    return (
        f"frame {count} cannot be decoded ({type(error).__name__}; transfer syntax {name}). Copy "
        f"it again, {remedy}, or export it uncompressed."
    )


def _native(path: Path, pixels: Pixels, size: tuple[int, int], frames: int) -> Iterator[np.ndarray]:
    height, width = size
    samples = _BYTES[pixels.colors]
    length = height * width * samples
    stored = np.memmap(path, np.uint8, "r", pixels.start, (pixels.length,))
    lut = _palette(path) if pixels.colors == "PALETTE COLOR" else None
    for number in range(frames):
        places = slice(number * length, (number + 1) * length)
        values = stored[places]
        if pixels.swapped:
            values = stored[np.arange(places.start, places.stop) ^ 1]
        yield _as_shown(np.asarray(values), pixels, size, samples, lut)


def _as_shown(
    values: np.ndarray, pixels: Pixels, size: tuple[int, int], samples: int, lut: np.ndarray | None
) -> np.ndarray:
    from pydicom.pixels import convert_color_space

    height, width = size
    if samples == 1:
        gray = values.reshape(size)
        return gray if lut is None else lut[gray]
    if pixels.colors == "YBR_FULL_422":
        # Each pair of neighboring pixels: two luminances, then the shared chrominance.
        pairs = values.reshape(height, width // 2, 4)
        colors = np.repeat(pairs[..., 2:], 2, axis=1)
        ybr = np.concatenate([pairs[..., :2].reshape(height, width, 1), colors], axis=-1)
        return convert_color_space(ybr, "YBR_FULL", "RGB")
    planes: np.ndarray = values.reshape((3, *size) if pixels.planar else (*size, 3))
    frame = np.moveaxis(planes, 0, -1) if pixels.planar else planes
    if pixels.colors == "YBR_FULL":
        return convert_color_space(frame, "YBR_FULL", "RGB")
    return np.ascontiguousarray(frame)


def _palette(path: Path) -> np.ndarray:
    """Palette `(256, 3)` uint8 RGB, indexed by pixel value."""
    import pydicom
    from pydicom.pixels import apply_color_lut

    dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    colors = apply_color_lut(np.arange(256, dtype=np.uint8)[None], dataset)[0]
    return (colors >> 8 if colors.dtype.itemsize > 1 else colors).astype(np.uint8)


def _compressed(
    path: Path, pixels: Pixels, size: tuple[int, int], frames: int
) -> Iterator[np.ndarray]:
    import pydicom

    lut = _palette(path) if pixels.colors == "PALETTE COLOR" else None
    for frame in pydicom.iter_pixels(path):
        yield frame if lut is None else lut[frame]


def _stream(path: Path, pixels: Pixels, size: tuple[int, int], frames: int) -> Iterator[np.ndarray]:
    """Decodes one video stream of all frames, in any number of fragments."""
    from pydicom.encaps import generate_fragments, parse_basic_offsets

    with path.open("rb") as file:
        file.seek(pixels.start)
        parse_basic_offsets(file)
        video = b"".join(generate_fragments(file))
    kind = next((k for at, magic, k in _CONTAINERS if video[at:].startswith(magic)), None)
    options = {"max_pixels": str(MAX_PIXELS)}
    form = kind or _codec(pixels.syntax)
    with av.open(io.BytesIO(video), "r", format=form, options=options) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = options
        stream.codec_context.thread_count = 1
        for picture in container.decode(stream):
            yield picture.to_ndarray(format="rgb24")
