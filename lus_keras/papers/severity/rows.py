"""Names of the severity paper's rows, and what a run says of each."""

import numpy as np
import pandas as pd

from lus_keras.core.config import load
from lus_keras.core.soft_labels import soft_labels
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.run_record.record import VideoCounts
from lus_keras.papers.severity import (
    BALANCED,
    MASKED,
    NAN_VARIANTS,
    NETWORK,
    RESULT_ROWS,
    SCRATCH,
    SCRATCH_VARIANTS,
    VAL_SELECTED,
    WEIGHTED,
    balanced_weights,
)

CLASSES = ("score 0", "score 1", "score 2", "score 3")
# The paper's "statistic data set": its network on all videos, most of which it was trained on.
ALL_VIDEOS = "all_videos"
TITLES = {name: variant.title for name, variant in load("severity").variants.items()}
REMEDIES = ("nan_masked", "nan_clipped", "nan_weighted")


def _change(study: str, variant: str, before: str = "") -> str:
    """What a variant of a study changes, from its title, as the name of a row."""
    change = before + TITLES[variant].removeprefix(study)
    return change[0].upper() + change[1:]


NAN_LABELS = {
    name: _change("NaN study, ", name, "Remedy: " if name in REMEDIES else "")
    for name in NAN_VARIANTS
}
LABELS = {
    NETWORK: "As published (test-selected)",
    VAL_SELECTED: TITLES["val_selected"],
    SCRATCH: f"{TITLES['scratch']} (Adam, one rate)",
    MASKED: TITLES["masked"],
    WEIGHTED: TITLES["weighted"],
    ALL_VIDEOS: "As published, all videos (training set included)",
    **{f"{variant}/{NETWORK}": f"NaN study: {label}" for variant, label in NAN_LABELS.items()},
}
SCRATCH_LABELS = {
    name: _change("From scratch, ", name.partition("/")[0]).removesuffix(" head")
    for name in SCRATCH_VARIANTS
}
SHORT_LABELS = {name: LABELS[name].partition(" (")[0] for name in RESULT_ROWS}
BASELINES = {"majority": "Majority class", "constant": "Best constant prediction"}


def targets_of(run: PaperRun, row: str) -> np.ndarray:
    """Soft labels that a row was trained with: `(4, 4)` float64, row t of true score t."""
    options = run.settings_of(row).options.get("sord", {})
    wanted = {name: options[name] for name in ("scale", "zero_gap") if name in options}
    return soft_labels(len(CLASSES), **wanted)


def batch_size_of(run: PaperRun, row: str) -> int:
    """Clips a batch of a row, `model` or `variant/model`, had."""
    return run.settings_of(row).fit.batch_size or 4


def counts_of(run: PaperRun) -> VideoCounts | None:
    """Counts of the prepared videos, of the paper's own protocol where it was prepared."""
    found = (run.variants[name].videos for name in ("", *run.variants) if name in run.variants)
    return next((videos for videos in found if videos is not None), None)


def side_counts(run: PaperRun) -> dict[str, list[int]]:
    """Videos of each score to train on and to test on, in the first fold.

    Returns:
        `train` (with the patients that choose an epoch) and `test`; empty if nothing was counted.
    """
    counted = counts_of(run)
    if counted is None or not counted.sides:
        return {}
    columns = {side: np.array(list(of.values())) for side, of in counted.sides[0].items()}
    train = columns["train"] + columns["validation"]
    return {"train": train.tolist(), "test": columns["test"].tolist()}


def all_videos(run: PaperRun) -> tuple[pd.DataFrame, str] | None:
    """What the published row's network says of every video, and in words how many it learned from.

    Returns:
        Rows as in predictions.csv; None if they were not predicted.
    """
    found = run.model(NETWORK).explanations
    if found is None:
        return None
    frame = pd.DataFrame(dict(found)).assign(fold=0)
    seen = int((~frame.pop("tested")).sum())
    return frame, f"{seen} of these {len(frame)} videos were used for training"


def class_weights_note(run: PaperRun) -> str:
    """Says which weights the classes had in the row that weighs them; empty if it was not run."""
    variant = run.record.variant_of(WEIGHTED)
    weights = run.settings_of(WEIGHTED).options.get("class_weights")
    if variant is None or weights is None:
        return ""
    if weights == BALANCED:
        sides = variant.videos.sides if variant.videos else []
        if not sides:
            return ""
        weights = balanced_weights(np.array(list(sides[0]["train"].values())))
    return f"Weights of scores 0 to 3: {', '.join(f'{weight:.3f}' for weight in weights)}."


def weights_note(run: PaperRun) -> str:
    """Says what AlexNet started from."""
    if weights := run.settings.options.get("weights"):
        return f"AlexNet started from the weights in {weights}."
    return (
        "AlexNet started from random weights; the paper used ImageNet weights, none were given "
        "here."
    )
