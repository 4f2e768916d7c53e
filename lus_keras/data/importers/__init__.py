"""Importers: what users have annotated elsewhere becomes a manifest that `read_manifest` takes.

    via            projects of the VGG Image Annotator, versions 2 and 3
    frame_folders  folders of numbered pictures, patient/exam/zone
    dicom          multi-frame ultrasound, de-identified
    table          any sheet with a row a video

Each gives an `Imported`, or one error that lists everything that has to be mended.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lus_keras.data.manifest import Video


@dataclass(frozen=True)
class Imported:
    """What an importer wrote.

    Attributes:
        manifest: The manifest.
        videos: Its rows.
        notes: Sentences on what was and what was not used.
        others: Further files, such as contact sheets.
    """

    manifest: Path
    videos: tuple[Video, ...]
    notes: tuple[str, ...]
    others: tuple[Path, ...] = ()
