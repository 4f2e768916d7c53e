"""Counts of the prepared data, for tables and figures that need no training."""

from collections import Counter
from collections.abc import Iterable

import numpy as np

from lus_keras.core.multilabel import class_counts, shows
from lus_keras.evaluation.run_record import VideoCounts
from lus_keras.experiments.reproduce.prepare import Prepared

SIDES = ("train", "validation", "test")


def video_counts(prepared: Prepared) -> VideoCounts:
    """Counts videos by side and class, and their lengths by class and by patient.

    Returns:
        The counts. A video counts on every side with a clip of it; its class is the largest class
        of its clips.
    """
    source, settings = prepared.source, prepared.variant.config
    index, names, column = source.index, settings.labels, settings.label_column
    # Clips are sorted so that the last assignment is the largest label.
    order = np.argsort(index.label, kind="stable")
    label = dict(zip(index.video[order].tolist(), index.label[order].tolist(), strict=True))
    counts = [count for store in source.stores for count in store.counts]
    names_of = [video.patient_id for store in source.stores for video in store.videos]
    patient = np.array([names_of[video] for video in label])

    def classes(videos: Iterable[int]) -> dict[str, int]:
        return class_counts([label[video] for video in videos], names, column)

    return VideoCounts(
        sides=[
            {side: classes(set(index.video[fold.rows(index, side)].tolist())) for side in SIDES}
            for fold in prepared.split.folds
        ],
        lengths={
            name: _lengths(label, counts, shows(list(label.values()), number, column))
            for number, name in enumerate(names)
        },
        patients=dict(sorted(Counter(patient.tolist()).items())),
        patient_lengths={
            str(name): _lengths(label, counts, patient == name) for name in np.unique(patient)
        },
    )


def _lengths(videos: Iterable[int], counts: list[int], wanted: np.ndarray) -> dict[str, int]:
    lengths = Counter(counts[video] for video, kept in zip(videos, wanted, strict=True) if kept)
    return {str(frames): number for frames, number in sorted(lengths.items())}
