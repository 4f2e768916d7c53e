"""Importers: convert annotations made elsewhere to a manifest that `read_manifest` accepts.

    via            projects of the VGG Image Annotator, versions 2 and 3
    frame_folders  folders of numbered images, patient/exam/zone
    dicom          multi-frame ultrasound, de-identified
    table          any sheet with one row per video

Each returns an `Imported`, or raises one error that lists everything to be corrected.
"""

from dataclasses import dataclass
from pathlib import Path

from lus_keras.data.identity import warning_of_ids
from lus_keras.data.manifest import Video


@dataclass(frozen=True)
class Imported:
    """Result of an importer.

    Attributes:
        notes: Sentences on what was used and what was not.
    """

    manifest: Path
    videos: tuple[Video, ...]
    notes: tuple[str, ...]
    others: tuple[Path, ...] = ()

    @property
    def warning(self) -> str:
        """One sentence on similar patient ids; empty if there are none."""
        return warning_of_ids(video.patient_id for video in self.videos)
