"""Results that a folder holds already: refused, or kept beside new ones."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lus_keras.core.errors import ConfigError
from lus_keras.core.files import read_json
from lus_keras.core.safe_text import unguard
from lus_keras.data.manifest import Video

SUMMARIES = {"predict": "predictions.json", "explain": "sanity.json"}


def check_folder(
    out: Path, command: str, network: str, videos: Sequence[Video], *, append: bool
) -> dict[str, Any]:
    """Refuses to write over other results than those of the same networks and videos.

    Args:
        command: `predict` or `explain`.
        network: Name of the network, as `Description.name`.
        append: Whether results of other videos are kept.

    Returns:
        Content of the folder's summary, for `append`; empty where there is nothing to keep.

    Raises:
        ConfigError: The folder contains results of other networks; or, without `append`, of other
            videos or of the other command; or other videos have the same ids.
    """
    for other, name in SUMMARIES.items():
        if other != command and (out / name).is_file() and not append:
            raise ConfigError(
                f"{out}: contains results of `{other}`. Choose another folder, or add to it "
                "with --append."
            )
    path = out / SUMMARIES[command]
    if not path.is_file():
        return {}
    try:
        held = read_json(path)
        rows = held["videos"] if "videos" in held else held["clips"]
        known = {row["video_id"]: _place(row["video"]) for row in rows}
        model = held["model"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}). Choose another folder.") from error
    asked = {video.video_id: _place(video.video) for video in videos}
    if model != network:
        raise ConfigError(f"{out}: contains results of {model}. Choose another folder with --out.")
    if not append and known.items() - asked.items():
        count = f"{len(known)} video{'s' * (len(known) != 1)}"
        raise ConfigError(
            f"{out}: contains results of {count}. Choose another folder, or add to it with "
            "--append."
        )
    clashing = [name for name, place in asked.items() if known.get(name, place) != place]
    if clashing:
        raise ConfigError.from_problems(
            f"{out}: contains another video with the id '{name}': {known[name]}. Give unique ids "
            "with --manifest, or choose another folder."
            for name in clashing
        )
    return held if append else {}


def _place(video: str) -> str:
    return str(Path(video).absolute())


def kept_rows(path: Path, header: Sequence[str], new: set[str]) -> list[list[str]]:
    """Rows of a table that are kept when the rows of some videos are written again.

    Args:
        path: CSV file, which need not exist.
        header: Its columns, with `video_id` among them.
        new: Ids of the videos that are written.

    Returns:
        The rows of other videos, without the marks of `guard`; empty without a file.

    Raises:
        ConfigError: It has other columns.
    """
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        columns, *rows = list(csv.reader(stream)) or [[]]
    if columns != list(header):
        raise ConfigError(f"{path}: has other columns than the new results. Choose another folder.")
    place = columns.index("video_id")
    plain = ([unguard(cell) for cell in row] for row in rows)
    return [row for row in plain if row[place] not in new]


def merged_predictions(held: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Adds predictions to those of a folder, replacing videos of the same id; updates patients."""
    new = {video["video_id"] for video in said["videos"]}
    videos = [*(v for v in held["videos"] if v["video_id"] not in new), *said["videos"]]
    by_patient: dict[str, list[list[float]]] = {}
    for video in videos:
        by_patient.setdefault(video["patient_id"], []).append(video["probabilities"])
    patients = [
        {"patient_id": name, "probabilities": np.mean(chances, axis=0).tolist()}
        for name, chances in by_patient.items()
    ]
    refused = [*held["refused"], *said["refused"]]
    return {**said, "videos": videos, "patients": patients, "refused": list(dict.fromkeys(refused))}


def merged_sanity(held: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """Adds new explanations to those of a folder, and the means over all clips."""
    new = {clip["video_id"] for clip in said["clips"]}
    clips = [*(c for c in held["clips"] if c["video_id"] not in new), *said["clips"]]
    methods = dict.fromkeys(name for clip in clips for name in clip["random_weights"])
    means = {}
    for method in methods:
        values = [clip["random_weights"].get(method) for clip in clips]
        known = [value for value in values if value is not None]
        means[method] = float(np.mean(known)) if known else None
    return {**said, "clips": clips, "mean": means}
