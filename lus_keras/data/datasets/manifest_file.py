"""A user's own videos, described by a manifest."""

import os
from pathlib import Path

from lus_keras.data.datasets import Dataset
from lus_keras.data.identity import warning_of_ids
from lus_keras.data.manifest import read_manifest


def load(path: str | os.PathLike[str], *, root: str | os.PathLike[str] | None = None) -> Dataset:
    """Reads a manifest as a data set.

    Args:
        path: CSV file as described in `lus_keras.data.manifest`.
        root: Folder its paths start from; the manifest's own if not given.

    Raises:
        ManifestError: The manifest breaks a rule.
    """
    path = Path(path)
    videos = read_manifest(path, root=root)
    licenses = sorted({video.license for video in videos} - {""})
    unlicensed = sum(not video.license for video in videos)
    notes = [f"{unlicensed} of {len(videos)} videos state no license."] if unlicensed else []
    if alike := warning_of_ids(video.patient_id for video in videos):
        notes.append(f"{alike[0].upper()}{alike[1:]}")
    return Dataset(
        name=path.stem,
        title=f"Manifest {path.name}",
        videos=videos,
        license="; ".join(licenses) or "not stated",
        citation="",
        notes=tuple(notes),
        root=(path.parent if root is None else Path(root)).absolute(),
    )
