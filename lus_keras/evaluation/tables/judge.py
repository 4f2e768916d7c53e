"""Statistics of a set of predictions, computed once for all columns and tables."""

import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import pandas as pd

from lus_keras.evaluation.metrics import (
    Scores,
    aligned,
    always_positive,
    binary_statistics,
    majority_baseline,
    video_level,
)
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.layout import Column, Judged, Number, Quantity, Row, Source

PREDICTORS = {"majority": majority_baseline, "always_positive": always_positive}
P = ParamSpec("P")
T = TypeVar("T")


def once_per_frame(make: Callable[P, T]) -> Callable[P, T]:
    """Caches results by data frame, during its lifetime, and by hashable further arguments."""
    known: dict[tuple[Any, ...], T] = {}

    @wraps(make)
    def of(*arguments: P.args, **options: P.kwargs) -> T:
        frame = arguments[0]
        key = (id(frame), *arguments[1:], *sorted(options.items()))
        if key not in known:
            known[key] = make(*arguments, **options)
            # The next frame may get the same id.
            weakref.finalize(frame, known.pop, key, None)
        return known[key]

    return of


@once_per_frame
def binary(predictions: pd.DataFrame, video: bool = False, predictor: str = "") -> Judged:
    """Statistics of a two-class network; the baseline is the majority class.

    Args:
        video: Whether there is one prediction per video instead of one per clip.
        predictor: One of `PREDICTORS`, which ignore the input, in place of the network.
    """
    scores = Scores.of(video_level(predictions) if video else predictions)
    statistics = binary_statistics(PREDICTORS.get(predictor, lambda own: own)(scores))
    baselines = {} if predictor else binary_statistics(majority_baseline(scores))
    return Judged(scores.clusters, statistics, baselines)


def binary_source(predictions: pd.DataFrame, predictor: str = "") -> Source:
    """Source of a two-class network, or of a predictor on its clips; see `binary`."""
    return lambda column: binary(predictions, column.video, predictor)(column)


def network_row(
    run: PaperRun,
    name: str,
    label: str,
    judge: Callable[[pd.DataFrame], Source],
    **further: Quantity | None,
) -> Row:
    """The row of a network, `model` or `variant/model`, whose note says what it lacks.

    Args:
        judge: Function from its predictions to the row's source; without any, cells are empty.
        further: Quantities by the ids of columns in which the source is not asked.
    """
    found = run.model(name).predictions
    judged = (lambda _: Number()) if found is None else judge(found)

    def source(column: Column) -> Quantity | None:
        return further[column.id] if column.id in further else judged(column)

    return Row(name, label, source, missing(run, name))


def shared(frames: Sequence[pd.DataFrame | None], *, same_clips: bool = True) -> list[pd.DataFrame]:
    """Predictions of networks on what all of them were tested on, for a paired comparison.

    Args:
        same_clips: Whether equal ids are equal clips, which are then put in one order; otherwise
            all clips of the shared patients are kept.

    Returns:
        Rows by network; empty if a network has none, or nothing is shared.
    """
    known = [frame for frame in frames if frame is not None]
    if len(known) < len(frames):
        return []
    if same_clips:
        same = aligned(known)
    else:
        patients = set.intersection(*(set(frame["patient_id"]) for frame in known))
        same = [frame[frame["patient_id"].isin(patients)] for frame in known]
    return same if len(same[0]) else []


def most_complete(run: PaperRun) -> pd.DataFrame | None:
    """Predictions of the first model with the most clips; None if no fold has finished."""
    frames = [m.predictions for m in run.models.values() if m.predictions is not None]
    return max(frames, key=len) if frames else None


def missing(run: PaperRun, name: str) -> str:
    """What a row (`model` or `variant/model`) lacks, some or all folds; empty if complete."""
    return run.status(name) or (
        "" if run.model(name).predictions is not None else "no finished fold"
    )


def one_class(run: PaperRun, predictions: pd.DataFrame | None) -> str:
    """Remark on a network that predicts the same class for every clip.

    Args:
        predictions: Rows of predictions.csv with mutually exclusive classes, or None.

    Returns:
        Text to follow the network's name; empty if it predicts several classes.
    """
    if predictions is None or "y_true" not in predictions:
        return ""
    named = set(Scores.of(predictions).y_pred.tolist())
    return f" (predicts only {run.record.labels[named.pop()]})" if len(named) == 1 else ""


def tested(
    predictions: pd.DataFrame | None, unit: str = "", detail: str = "", *, prefix: str = "Tested: "
) -> str:
    """Sentence on the number of patients, videos and clips of a table.

    Args:
        predictions: Rows of predictions.csv; None if no fold has finished.
        unit: Name of a row of it; empty if it is a video.
        detail: Text after the counts.
        prefix: Text before the counts.
    """
    if predictions is None:
        return "No fold has finished yet."
    videos = len(predictions.drop_duplicates(["patient_id", "video_id"]))
    counted = f"{predictions['patient_id'].nunique()} patients, {videos} videos"
    clips = f", {len(predictions)} {unit}" if unit else ""
    return f"{prefix}{counted}{clips}{detail}."


def only(run: PaperRun, *names: str, variant: str = "") -> PaperRun:
    """The run with only some of its networks: those named, and those of a variant."""
    kept = {
        name: model
        for name, model in run.models.items()
        if name in names or (variant and name.startswith(f"{variant}/"))
    }
    return replace(run, models=kept)
