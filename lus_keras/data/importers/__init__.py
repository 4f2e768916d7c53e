"""Importers: what users have annotated elsewhere becomes a manifest that `read_manifest` takes.

    via            projects of the VGG Image Annotator, versions 2 and 3
    frame_folders  folders of numbered pictures, patient/exam/zone
    dicom          multi-frame ultrasound, de-identified
    table          any sheet with one row per video

Each gives an `Imported`, or one error that lists everything that has to be mended.
"""

from dataclasses import dataclass
from pathlib import Path

from lus_keras.data.identity import warning_of_ids
from lus_keras.data.manifest import Video


@dataclass(frozen=True)
class Imported:
    """What an importer wrote.

    Attributes:
        notes: Sentences on what was and what was not used.
    """

    manifest: Path
    videos: tuple[Video, ...]
    notes: tuple[str, ...]
    others: tuple[Path, ...] = ()

    @property
    def warning(self) -> str:
        """One sentence on patient ids that look alike, or nothing."""
        return warning_of_ids(video.patient_id for video in self.videos)
