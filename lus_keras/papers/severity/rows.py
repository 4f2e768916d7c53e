"""Names of the severity paper's rows, and what a run says of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lus_keras.core.soft_labels import soft_labels
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.severity import MASKED, NAN_VARIANTS, NETWORK, SCRATCH, VAL_SELECTED, WEIGHTED

CLASSES = ("score 0", "score 1", "score 2", "score 3")
# Of the paper alone: its network on all videos, most of which it was trained on (Figure 8).
ALL_VIDEOS = "all_videos"
NAN_LABELS = {
    "nan_baseline": "As published",
    "nan_leaky": "LeakyReLU for ReLU and sigmoid",
    "nan_last_frame": "Padded with the last frame",
    "nan_glorot": "BiLSTM from Glorot",
    "nan_orthogonal": "BiLSTM orthogonal, forget bias 1",
    "nan_masked": "Cure: padding masked",
    "nan_clipped": "Cure: gradients clipped to norm 1",
    "nan_weighted": "Cure: classes weighted",
}
LABELS = {
    NETWORK: "As published (test-selected)",
    VAL_SELECTED: "Validation-selected",
    SCRATCH: "From scratch (Adam, one rate)",
    MASKED: "Padding masked",
    WEIGHTED: "Classes weighted",
    ALL_VIDEOS: "All videos, learnt from too (printed only)",
    **{f"{variant}/{NETWORK}": f"NaN study: {NAN_LABELS[variant]}" for variant in NAN_VARIANTS},
}
SHORT_LABELS = {
    NETWORK: "As published",
    VAL_SELECTED: "Validation-selected",
    SCRATCH: "From scratch",
    MASKED: "Padding masked",
    WEIGHTED: "Classes weighted",
}
BASELINES = {"majority": "Majority class", "constant": "Best constant prediction"}


def settings_of(run: PaperRun, row: str) -> Mapping[str, Any]:
    """Configuration that a row was trained with.

    Args:
        run: The paper's run.
        row: `model` or `variant/model`.

    Returns:
        Its variant's settings; the paper's own where the run has no such variant.
    """
    return run.settings_of(row).model_dump()


def targets_of(run: PaperRun, row: str) -> np.ndarray:
    """Soft labels a row was trained with.

    Args:
        run: The paper's run.
        row: `model` or `variant/model`.

    Returns:
        `(4, 4)` float64, row t of true score t.
    """
    options = settings_of(run, row).get("options", {}).get("sord", {})
    wanted = {name: options[name] for name in ("scale", "zero_gap") if name in options}
    return soft_labels(len(CLASSES), **wanted)


def batch_size_of(run: PaperRun, row: str) -> int:
    """Clips a batch of a row had.

    Args:
        run: The paper's run.
        row: `model` or `variant/model`.

    Returns:
        Their number.
    """
    return int(settings_of(run, row).get("fit", {}).get("batch_size", 4))


def counts_of(run: PaperRun) -> Mapping[str, Any]:
    """Counts of the prepared videos, of the paper's own protocol where it was prepared.

    Args:
        run: The paper's run.

    Returns:
        `sides`, `lengths` and `patients`; empty if nothing was counted.
    """
    found = [run.variants[name].videos for name in ("", *run.variants) if name in run.variants]
    counted = [videos.model_dump() for videos in found if videos is not None]
    return counted[0] if counted else {}


def side_counts(run: PaperRun) -> dict[str, list[int]]:
    """Videos of each score to train on and to test on, in the first fold.

    Args:
        run: The paper's run.

    Returns:
        `train` (with the patients that choose an epoch) and `test`; empty if nothing was counted.
    """
    sides = counts_of(run).get("sides", [])
    if not sides:
        return {}
    columns = {side: np.array(list(counts.values())) for side, counts in sides[0].items()}
    train = columns["train"] + columns["validation"]
    return {"train": train.tolist(), "test": columns["test"].tolist()}


def weights_note(run: PaperRun) -> str:
    """Says what AlexNet started from.

    Args:
        run: The paper's run.

    Returns:
        One sentence.
    """
    weights = run.config.get("options", {}).get("weights")
    if weights:
        return f"AlexNet started from the weights in {weights}."
    return (
        "AlexNet started from random values; the paper had ImageNet weights, none were given here."
    )
