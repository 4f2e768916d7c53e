"""Predictions as files: CSV and JSON, the representative frame, the overlay video."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lus_keras.core.errors import VideoError
from lus_keras.core.files import file_names, write_csv, write_file, write_json
from lus_keras.core.safe_text import guarded
from lus_keras.data.cache.stream import stream_pictures
from lus_keras.inference.append import kept_rows, merged_predictions
from lus_keras.inference.predict.load import Ensemble
from lus_keras.inference.predict.overlay import captioned, write_overlay
from lus_keras.inference.predict.video import VideoPrediction, by_patient, predictions_apart

DIGITS = 9


def as_json(
    models: Ensemble, predictions: Sequence[VideoPrediction], refused: Sequence[str] = ()
) -> dict[str, Any]:
    """All predictions as plain data.

    Args:
        refused: Messages about videos that were not predicted.

    Returns:
        `schema`, `model`, `folds`, `labels`, `videos` (with their clips, attention and damage),
        `patients`, `refused`.
    """
    predictions = predictions_apart(predictions)
    return {
        "schema": 1,
        "model": models.name,
        "folds": [folder.name for folder in models.folders],
        "labels": list(models.labels),
        "research_use_only": True,
        "videos": [_video_json(prediction) for prediction in predictions],
        "patients": [
            {"patient_id": patient, "probabilities": _numbers(chances)}
            for patient, chances in by_patient(predictions).items()
        ],
        "refused": list(refused),
    }


def _video_json(prediction: VideoPrediction) -> dict[str, Any]:
    clip, frame = prediction.representative()
    clips = []
    for number, (clip_id, cut) in enumerate(zip(prediction.clip_ids, prediction.cuts, strict=True)):
        entry: dict[str, Any] = {
            "clip_id": clip_id,
            "first_frame": cut.first,
            "frames": cut.length,
            "start_s": _second(prediction.start_s(number)),
            "end_s": _second(prediction.end_s(number)),
            "probabilities": _numbers(prediction.probabilities[number]),
        }
        if prediction.attention is not None:
            entry["attention"] = _numbers(prediction.attention[number, : cut.length])
        clips.append(entry)
    return {
        "video": prediction.video.video,
        "video_id": prediction.video.video_id,
        "patient_id": prediction.video.patient_id,
        "fps": prediction.fps,
        "predicted": prediction.answer,
        "probabilities": _numbers(prediction.mean),
        "damage": prediction.damage or None,
        "representative_frame": {
            "clip_id": prediction.clip_ids[clip],
            "frame": frame,
            "time_s": _second(frame / prediction.fps if prediction.fps else math.nan),
        },
        "clips": clips,
    }


def write_predictions(
    models: Ensemble,
    predictions: Sequence[VideoPrediction],
    out: Path,
    *,
    pictures: bool = True,
    refused: list[str] | None = None,
    held: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Writes all files of a prediction.

    Args:
        pictures: Also the representative frame (PNG) and the overlay (MP4) of every video.
        refused: Messages about videos that were not predicted, for predictions.json; those about
            videos that cannot be decoded again for their images are appended.
        held: Content of the folder's predictions.json, to be kept; see `append.check_folder`.

    Returns:
        The files: predictions.csv (one row per clip), videos.csv, patients.csv, attention.csv where
        there is attention, predictions.json, and the pictures.
    """
    predictions = predictions_apart(predictions)
    refused = [] if refused is None else refused
    chances = [f"p_{k}" for k in range(len(models.labels))]
    tables = _tables(models, predictions, chances)
    said = _merged(models, predictions, [], held)
    new = {prediction.video.video_id for prediction in predictions}
    kept = {name: kept_rows(out / name, tables[name][0], new) if held else [] for name in tables}
    means = ([row["patient_id"], *_numbers(row["probabilities"])] for row in said["patients"])
    files = [
        _write_csv(out / name, header, [*kept[name], *rows])
        for name, (header, rows) in tables.items()
    ]
    files.append(_write_csv(out / "patients.csv", ["patient_id", *chances], means))
    names = file_names(video["video_id"] for video in said["videos"])
    drawn: list[Path] = []
    for prediction in predictions if pictures else ():
        try:
            drawn += _pictures(prediction, out / names[prediction.video.video_id])
        except VideoError as error:
            refused.append(f"{error} Its predictions were written, but its images were not drawn.")
    files.append(out / "predictions.json")
    said = _merged(models, predictions, refused, held)
    write_json(files[-1], said)
    return [*files, *drawn]


def _tables(
    models: Ensemble, predictions: Sequence[VideoPrediction], chances: list[str]
) -> dict[str, tuple[list[str], Iterable[list[Any]]]]:
    """Header and rows of the files that have one row per clip, a video or a frame."""
    tables: dict[str, tuple[list[str], Iterable[list[Any]]]] = {
        "predictions.csv": (
            ["clip_id", "video_id", "patient_id", "video", "start_s", "end_s", *chances],
            _clip_rows(predictions),
        ),
        "videos.csv": (
            ["video_id", "patient_id", "video", "clips", "predicted", *chances, "damage"],
            _video_rows(predictions),
        ),
    }
    if "attention" in models.watched:
        header = ["video_id", "clip_id", "frame", "time_s", "weight"]
        tables["attention.csv"] = (header, _attention_rows(predictions))
    return tables


def _merged(
    models: Ensemble,
    predictions: Sequence[VideoPrediction],
    refused: Sequence[str],
    held: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What predictions.json says, with what the folder held."""
    said = as_json(models, predictions, refused)
    return merged_predictions(dict(held), said) if held else said


def _pictures(prediction: VideoPrediction, stem: Path) -> list[Path]:
    picture = stem.with_name(f"{stem.name}_representative.png")
    overlay = stem.with_name(f"{stem.name}_overlay.mp4")
    with closing(stream_pictures(prediction.video, prediction.clip.fps)) as frames:
        frame = next(islice(frames, prediction.representative()[1], None))
    frame = captioned(frame, representative_caption(prediction))
    encoded = cv2.imencode(".png", np.ascontiguousarray(frame[..., ::-1]))[1]
    write_file(picture, encoded.tobytes())
    write_overlay(overlay, prediction)
    return [picture, overlay]


def representative_caption(prediction: VideoPrediction) -> list[str]:
    """Caption of the representative frame: its time, and why it was chosen."""
    clip, frame = prediction.representative()
    cut, label = prediction.cuts[clip], prediction.labels[prediction.predicted]
    when = f"{frame / prediction.fps:.2f} s, " if prediction.fps else ""
    chance = prediction.probabilities[clip, prediction.predicted]
    why = "middle frame of the clip"
    if prediction.attention is not None:
        weight = float(prediction.attention[clip, frame - cut.first])
        why = f"attention {weight:.3f} (uniform: {1 / cut.length:.3f})"
    return [
        f"{when}frame {frame}: {why}",
        f"P({label.replace('_', ' ')}) = {chance:.2f} in its clip",
    ]


def _clip_rows(predictions: Iterable[VideoPrediction]) -> Iterator[list[Any]]:
    for prediction in predictions:
        row = prediction.video
        for number, clip_id in enumerate(prediction.clip_ids):
            times = [_second(prediction.start_s(number)), _second(prediction.end_s(number))]
            chances = _numbers(prediction.probabilities[number])
            yield [clip_id, row.video_id, row.patient_id, row.video, *times, *chances]


def _video_rows(predictions: Iterable[VideoPrediction]) -> Iterator[list[Any]]:
    for prediction in predictions:
        row = prediction.video
        ids = [row.video_id, row.patient_id, row.video, len(prediction.cuts), prediction.answer]
        yield [*ids, *_numbers(prediction.mean), prediction.damage]


def _attention_rows(predictions: Iterable[VideoPrediction]) -> Iterator[list[Any]]:
    for prediction in predictions:
        if prediction.attention is None:
            continue
        for clip_id, cut, weights in zip(
            prediction.clip_ids, prediction.cuts, prediction.attention, strict=True
        ):
            for frame, weight in enumerate(weights[: cut.length], start=cut.first):
                time_s = frame / prediction.fps if prediction.fps else math.nan
                numbers = [frame, _second(time_s), *_numbers([weight])]
                yield [prediction.video.video_id, clip_id, *numbers]


def _write_csv(path: Path, header: list[str], rows: Iterable[list[Any]]) -> Path:
    write_csv(path, header, map(guarded, rows))
    return path


def _numbers(values: Iterable[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]


def _second(time_s: float) -> float | None:
    return None if math.isnan(time_s) else round(time_s, 4)
