"""DICOM cines as de-identified videos that contain only pixels of the ultrasound region.

    out/videos/<hash>.avi|.mkv   out/manifest.csv   out/contact_sheet_<n>.png

Ids are keyed hashes. A band at the top and everything outside the region are black. Messages refer
to files only by their number in the sorted list. Text *inside* the region cannot be detected by
rule: a person must inspect the contact sheets before anything is shared.
"""

import importlib.util
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from lus_keras.core.errors import ConfigError, DataError, VideoError
from lus_keras.data.fields import Box
from lus_keras.data.importers import Imported
from lus_keras.data.importers.contact_sheet import write_contact_sheets
from lus_keras.data.importers.dicom_header import (
    Header,
    NotACine,
    is_dicom,
    keyed_hash,
    read_header,
    read_key,
)
from lus_keras.data.importers.dicom_patients import check_patients
from lus_keras.data.importers.dicom_pixels import digest, iter_pixels
from lus_keras.data.manifest import Video, write_manifest
from lus_keras.data.video import sha256_of_video, write_video

SOURCE = "DICOM, de-identified"

_Read = tuple[str, Path, Header]


LOOK = (
    "Check every image of the contact sheets, which show the maximum of each pixel over time, for "
    "remaining text: it may identify a patient. Do not share the videos before."
)


@dataclass(frozen=True)
class DicomOptions:
    """How files are read.

    Attributes:
        frame_rate: Frames per second; overrides what files state.
        region: Tissue `(x, y, w, h)` in pixels, for files that state no region.
        banner: Share of the image height, from the top, that is always set to black.
        codec: ffv1 (lossless) or mjpeg (smaller).
    """

    frame_rate: float | None = None
    region: Box | None = None
    banner: float = 0.1
    codec: str = "ffv1"


def import_dicom(
    places: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    key: str | os.PathLike[str],
    options: DicomOptions | None = None,
) -> Imported:
    """Writes the cines of DICOM files as videos with a manifest and contact sheets.

    Only one frame is in memory at a time. Other objects (stills, Doppler, reports) are skipped.

    Args:
        key: File with the secret key of the ids; keep it so that a patient's id stays the same.

    Returns:
        The manifest, its rows sorted by hash, and the contact sheets.

    Raises:
        ConfigError: The extra `dicom` is not installed, or the key is missing, too short or inside
            the folder to be shared.
        DataError: Files are damaged or incomplete; all of them are listed, by number only.
    """
    options = options or DicomOptions()
    out, key = Path(out).absolute(), Path(key).absolute()
    if importlib.util.find_spec("pydicom") is None:
        raise ConfigError("reading DICOM requires more packages: pip install 'lus-keras[dicom]'.")
    if key.resolve().is_relative_to(out.resolve()):
        raise ConfigError("--key: must not be inside the output folder. Move it elsewhere.")
    headers, skipped = _read_headers(_dicom_files(places), read_key(key), options)
    alike = check_patients(headers)
    tiles: list[tuple[str, np.ndarray]] = []
    videos, problems = [], []
    for number, path, header in headers:
        try:
            video, brightest = _write_cine(path, header, out, options)
        except DataError as error:
            problems.append(f"{number}: {error}")
            continue
        videos.append(video)
        tiles.append((header.video_id, brightest))
    if problems:
        raise DataError.from_problems(problems)
    sheets = write_contact_sheets(tiles, out)
    manifest = out / "manifest.csv"
    write_manifest(videos, manifest)
    notes = [f"Skipped: {count} × {what}." for what, count in skipped.most_common()]
    notes += [f"{number}: {note}" for number, _, header in headers for note in header.notes]
    notes += alike
    if cut := sum(_banner_cuts(header, options.banner) for _, _, header in headers):
        notes.append(
            f"The top {options.banner:.0%} of the image is blacked out, which removes part of the "
            f"ultrasound region of {cut} videos. If it contains no text, set a smaller --banner."
        )
    return Imported(manifest, tuple(videos), (*notes, LOOK), tuple(sheets))


def _dicom_files(places: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Sorted files that begin like DICOM, without the index of a medium (DICOMDIR)."""
    found: set[Path] = set()
    for number, place in enumerate(map(Path, places), start=1):
        if not place.exists():
            raise DataError(f"place {number} of {len(places)} does not exist. Correct the path.")
        paths = place.rglob("*") if place.is_dir() else [place]
        found |= {path for path in paths if path.is_file() and path.name.upper() != "DICOMDIR"}
    files = [path for path in sorted(found) if is_dicom(path)]
    if not files:
        raise DataError(f"none of {len(found)} files is DICOM. Give other files or folders.")
    return files


def _read_headers(
    files: list[Path], key: bytes, options: DicomOptions
) -> tuple[list[tuple[str, Path, Header]], Counter[str]]:
    skipped: Counter[str] = Counter()
    found: list[_Read] = []
    problems = []
    for index, path in enumerate(files, start=1):
        number = f"DICOM file {index} of {len(files)}, sorted by path"
        try:
            header = read_header(path, key, frame_rate=options.frame_rate, region=options.region)
        except NotACine as kind:
            skipped[str(kind)] += 1
        except DataError as error:
            problems.append(f"{number}: {error}")
        else:
            found.append((number, path, header))
    if not found and not problems:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in skipped.items())
        problems.append(
            f"none of {len(files)} DICOM files is a cine: {kinds}. Give files that contain one."
        )
    if problems:
        raise DataError.from_problems(problems)
    kept = _without_copies(found, key, skipped)
    # Sorted by hash: the order of file names could reveal the alphabetical order of patients.
    return sorted(kept, key=lambda read: read[2].video_id), skipped


def _without_copies(
    found: Sequence[_Read], key: bytes, skipped: Counter[str]
) -> list[tuple[str, Path, Header]]:
    """Removes copies with equal id and pixels; different cines that share an id get new ids."""
    by_id: dict[str, list[_Read]] = defaultdict(list)
    for read in found:
        by_id[read[2].video_id].append(read)
    kept: list[_Read] = []
    for video_id, group in by_id.items():
        if len(group) == 1:
            kept += group
            continue
        # Reversed, so that the first of several copies is kept.
        shown = {digest(path, header.pixels): (n, path, header) for n, path, header in group[::-1]}
        if len(shown) < len(group):
            skipped["copy of another file"] += len(group) - len(shown)
        for pixels, (number, path, header) in shown.items():
            if len(shown) == 1:
                kept.append((number, path, header))
                continue
            own = keyed_hash(key, "video", f"{video_id}:{pixels}")
            note = "has the SOPInstanceUID of another cine; both are kept."
            notes = (*header.notes, note)
            kept.append((number, path, replace(header, video_id=own, notes=notes)))
    return kept


def _write_cine(
    path: Path, header: Header, out: Path, options: DicomOptions
) -> tuple[Video, np.ndarray]:
    """Writes one video; returns its row and the maximum of each pixel over time, `(h, w)` uint8."""
    mask = tissue_mask(header, options.banner)
    if not mask.any():
        raise DataError("no tissue remains below the banner. Set a smaller --banner.")
    kept = mask.astype(np.uint8)
    brightest = np.zeros((header.height, header.width), np.uint8)
    suffix = ".avi" if header.is_even else ".mkv"
    target = out / "videos" / f"{header.video_id}{suffix}"

    def masked() -> Iterator[np.ndarray]:
        for pixels in _pixels(path, header):
            shown = cv2.bitwise_and(pixels, pixels, mask=kept)
            for plane in [shown] if shown.ndim == 2 else cv2.split(shown):
                np.maximum(brightest, plane, out=brightest)
            yield shown

    times_s = None if header.is_even else header.times_s
    try:
        write_video(target, masked(), header.fps, options.codec, times_s=times_s)
    except VideoError as error:
        raise DataError(f"cannot be written ({type(error).__name__}). Free space.") from None
    box = tuple(int(side) for side in cv2.boundingRect(kept))
    video = Video(
        video=str(target),
        patient_id=header.patient_id,
        video_id=header.video_id,
        exam_id=header.exam_id,
        roi=(box[0], box[1], box[2], box[3]),
        fps=header.fps,
        sha256=sha256_of_video(target),
        source=SOURCE,
    )
    return video, brightest


def tissue_mask(header: Header, banner: float) -> np.ndarray:
    """Mask of the pixels to keep: inside a tissue region and below the band at the top.

    Args:
        banner: Height of the band as a share of the image height, 0 … 1.

    Returns:
        `(h, w)` bool.
    """
    mask = np.zeros((header.height, header.width), bool)
    for x, y, width, height in header.boxes:
        mask[y : y + height, x : x + width] = True
    mask[: round(banner * header.height)] = False
    return mask


def _banner_cuts(header: Header, banner: float) -> bool:
    return not np.array_equal(tissue_mask(header, banner), tissue_mask(header, 0))


def _pixels(path: Path, header: Header) -> Iterator[np.ndarray]:
    """Decoded frames `(h, w)` or `(h, w, 3)` RGB uint8, one at a time; 0 is black."""
    size = header.height, header.width
    for pixels in iter_pixels(path, header.pixels, size, header.frames):
        yield 255 - pixels if header.inverted else pixels
