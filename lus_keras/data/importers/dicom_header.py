"""The parts of a DICOM header needed before pixels are read: kind, size, timing, tissue region.

Messages never contain header values, which include names, dates and ids of patients.
"""

import hmac
import mmap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.suggestions import spelling_key
from lus_keras.data.fields import Box, names_nobody
from lus_keras.data.importers.dicom_pixels import Pixels, read_pixels
from lus_keras.data.importers.dicom_time import frame_times
from lus_keras.data.video.formats import MAX_FRAMES, MAX_PIXELS

ULTRASOUND_CINE = ("1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.3")
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_FIRST_GROUPS = (b"\x02\0", b"\x08\0")
# Regions: spatial format 1 is a two-dimensional image; data type 1 is tissue, 2 to 4 are Doppler.
_PICTURE, _TISSUE, _DOPPLER = 1, 1, (2, 3, 4)
MIN_KEY_BYTES = 16


class NotACine(Exception):
    """The file is intact but of a kind that is not imported; the text states the kind."""


@dataclass(frozen=True)
class Header:
    """Header of a cine that can be imported.

    Attributes:
        patient_id: Keyed hash of the patient's id.
        exam_id: Keyed hash of the study's id.
        video_id: Keyed hash of the SOP instance UID.
        spellings: Keyed hashes of the patient's id after normalization of its spelling.
        person: Keyed hash of the other identifiers: name, date of birth, issuer of the id.
        times_s: Time stamp of each frame, from 0.
        fps: Mean frames per second.
        boxes: Regions that show tissue, `(x, y, w, h)` in pixels.
        inverted: Whether 0 is white.
        notes: Remarks for the user without identifying values.
    """

    patient_id: str
    exam_id: str
    video_id: str
    spellings: tuple[str, ...]
    person: str
    frames: int
    width: int
    height: int
    times_s: tuple[float, ...]
    fps: float
    boxes: tuple[Box, ...]
    inverted: bool
    pixels: Pixels
    notes: tuple[str, ...] = ()

    @property
    def is_even(self) -> bool:
        """Whether the frame rate is constant, to within a millisecond."""
        return all(abs(time - index / self.fps) < 1e-3 for index, time in enumerate(self.times_s))


def read_key(path: Path) -> bytes:
    """Reads the secret key with which ids are hashed.

    Raises:
        ConfigError: The key is missing or too short.
    """
    how = "python -c 'import secrets; print(secrets.token_hex(32))' > FILE"
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"{path}: no key ({error.strerror}). Make one: {how}") from error
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError(
            f"{path}: the key must have {MIN_KEY_BYTES} bytes or more. Make one: {how}"
        )
    return key


def keyed_hash(key: bytes, kind: str, text: str) -> str:
    """First 12 hexadecimal digits of an HMAC-SHA256; without the key, ids cannot be guessed."""
    return hmac.new(key, f"{kind}:{text}".encode(), "sha256").hexdigest()[:12]


def read_header(
    path: Path, key: bytes, *, frame_rate: float | None = None, region: Box | None = None
) -> Header:
    """Reads and checks the header of one file.

    Args:
        key: Secret key of the ids.
        frame_rate: Frames per second; overrides what the file states.
        region: Tissue `(x, y, w, h)` in pixels, for files that state no region.

    Raises:
        NotACine: The file is another kind of object.
        DataError: The file is damaged, states no frame times or no region, or is too large. The
            text does not name the file.
    """
    pixels, notes = None, list[str]()
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            # Warnings quote header values.
            warnings.simplefilter("ignore")
            dataset = _read_dataset(stream)
            problems = list(_problems(dataset))
            if not problems:
                pixels, problems, notes = read_pixels(dataset, stream)
            times_s, disagreements = ((), []) if problems else frame_times(dataset, frame_rate)
            boxes = () if problems else _boxes(dataset, region)
    except (NotACine, DataError):
        raise
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror}). Copy it again.") from None
    except Exception as error:
        # Errors that a parser raises on damaged bytes may quote them.
        raise DataError(f"is damaged ({type(error).__name__}). Copy it again.") from None
    if problems or pixels is None:
        raise DataError(" ".join(problems))
    frames = int(dataset.NumberOfFrames)
    return Header(
        patient_id=keyed_hash(key, "patient", str(dataset.PatientID).strip()),
        exam_id=keyed_hash(key, "exam", str(dataset.StudyInstanceUID)),
        video_id=keyed_hash(key, "video", str(dataset.SOPInstanceUID)),
        spellings=tuple(
            keyed_hash(key, "spelling", spelling_key(str(dataset.PatientID), drawn=drawn))
            for drawn in (False, True)
        ),
        person=keyed_hash(key, "person", "\0".join(_person(dataset))),
        frames=frames,
        width=int(dataset.Columns),
        height=int(dataset.Rows),
        times_s=times_s,
        fps=(frames - 1) / times_s[-1],
        boxes=boxes,
        inverted=dataset.PhotometricInterpretation == "MONOCHROME1",
        pixels=pixels,
        notes=(*notes, *disagreements),
    )


def _person(dataset: Any) -> Iterator[str]:
    """Name, date of birth and issuer of the id, with normalized spelling."""
    for name in ("PatientName", "PatientBirthDate", "IssuerOfPatientID"):
        text = str(dataset.get(name, "") or "")
        yield "" if names_nobody(text) else spelling_key(text)


def is_dicom(path: Path) -> bool:
    """Whether a file begins like DICOM, with a preamble or, as from older archives, without.

    Without a preamble it begins with a short element of group 2 or 8 in little-endian order.
    """
    with path.open("rb") as stream:
        start = stream.read(132)
    return start[128:] == b"DICM" or (start[:2] in _FIRST_GROUPS and start[3:4] == b"\0")


def _read_dataset(stream: BinaryIO) -> Any:
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

    # Searched at any position: a deflated file would be inflated without limit.
    with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(_DEFLATED) >= 0:
            raise DataError("is deflated, which cannot be read. Export it uncompressed or as JPEG.")
    dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
    if not getattr(dataset, "file_meta", None):
        dataset.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit = dataset.original_encoding[0]
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        dataset.file_meta.TransferSyntaxUID = syntax
    if str(dataset.get("SOPClassUID", "")) not in ULTRASOUND_CINE:
        raise NotACine("no multi-frame ultrasound")
    if any(_region_type(region) in _DOPPLER for region in _regions(dataset)):
        raise NotACine("Doppler")
    if int(dataset.get("NumberOfFrames") or 1) < 2:
        raise NotACine("a single frame")
    return dataset


def _problems(dataset: Any) -> Iterator[str]:
    for name in ("PatientID", "StudyInstanceUID", "SOPInstanceUID"):
        text = str(dataset.get(name, "") or "").strip()
        if not text or (name == "PatientID" and names_nobody(text)):
            yield (f"{name} is blank or a placeholder, so the patient is unknown. Fill it in.")
    size = [int(dataset.get(name, 0) or 0) for name in ("Rows", "Columns", "NumberOfFrames")]
    if not 0 < size[0] * size[1] <= MAX_PIXELS or not 0 < size[2] <= MAX_FRAMES:
        yield (
            f"{size[2]} frames of {size[1]}×{size[0]} are outside the range that can be decoded. "
            "Cut the file."
        )
    bits = [dataset.get(name, 8) for name in ("BitsAllocated", "BitsStored")]
    if "BitsAllocated" not in dataset or bits != [8, 8] or dataset.get("PixelRepresentation"):
        yield "pixels must have 8 bits, all of them used, unsigned. Export it again."


def _boxes(dataset: Any, region: Box | None) -> tuple[Box, ...]:
    width, height = int(dataset.Columns), int(dataset.Rows)
    boxes = []
    for found in _regions(dataset):
        if (found.get("RegionSpatialFormat"), _region_type(found)) != (_PICTURE, _TISSUE):
            continue
        left, top = int(found.RegionLocationMinX0), int(found.RegionLocationMinY0)
        right, bottom = int(found.RegionLocationMaxX1), int(found.RegionLocationMaxY1)
        right, bottom = min(right, width - 1), min(bottom, height - 1)
        if 0 <= left < right and 0 <= top < bottom:
            boxes.append((left, top, right - left + 1, bottom - top + 1))
    if not boxes and region is not None:
        x, y, w, h = region
        if x + w > width or y + h > height:
            raise DataError(f"--region must lie inside the image of {width}×{height}. Correct it.")
        boxes.append(region)
    if not boxes:
        raise DataError(
            "states no region with tissue, so nothing can be masked. Give the region with "
            "--region x,y,w,h."
        )
    return tuple(boxes)


def _regions(dataset: Any) -> list[Any]:
    return list(dataset.get("SequenceOfUltrasoundRegions") or [])


def _region_type(region: Any) -> int | None:
    return region.get("RegionDataType")
