"""Figures 3, 4 and 6 to 10 of the severity paper, the paper's own numbers beside ours."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import (
    Scores,
    confusion_matrix,
    constant_baseline,
    ordinal_statistics,
    point,
)
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Drawing
from lus_keras.evaluation.tables.drawings import Maker, classification_drawings
from lus_keras.evaluation.tables.judge import only
from lus_keras.evaluation.tables.multiclass import class_drawings
from lus_keras.evaluation.tables.studies import beyond_figure, learning_figure
from lus_keras.papers.robustness import robustness_figure
from lus_keras.papers.severity import NETWORK, RESULT_ROWS, SCRATCH, drawings
from lus_keras.papers.severity.gradients import gradient_figure
from lus_keras.papers.severity.rows import (
    CLASSES,
    LABELS,
    SHORT_LABELS,
    all_videos,
    batch_size_of,
    counts_of,
    targets_of,
)
from lus_keras.papers.severity.tables import BEYOND, LEARNING

# Histograms of Figure 4; a simulated cohort may have hundreds of patients.
MOST_PATIENTS = 24
PAPER_MASK = (7, 7)


def figure3(run: PaperRun) -> Drawing | None:
    """Figure 3: lengths of the videos by score; None if nothing was counted."""
    counted = counts_of(run)
    if counted is None or not counted.lengths:
        return None
    ours = dict(zip(CLASSES, map(_by_length, counted.lengths.values()), strict=True))
    panels = {"Data in use": ours}
    if printed := _printed_lengths(run):
        panels["Published"] = printed
    return Drawing(
        "figure3",
        "Figure 3. Lengths of the videos by score",
        "Data in use: frames at the configured frame rate; published: at the rate of the files.",
        drawings.histograms(panels),
    )


def figure4(run: PaperRun) -> Drawing | None:
    """Figure 4: lengths of the videos of each patient, a histogram a patient.

    None if nothing was counted.
    """
    counted = counts_of(run)
    if counted is None or not counted.patient_lengths:
        return None
    lengths = counted.patient_lengths
    shown = {name: _by_length(of) for name, of in list(lengths.items())[:MOST_PATIENTS]}
    published = run.published.get("figure4") or {}
    printed = ", ".join(f"{name}: {count}" for name, count in published.items())
    return Drawing(
        "figure4",
        "Figure 4. Lengths of the videos of each patient",
        f"{len(shown)} of {len(lengths)} patients, one histogram each, with the number of videos. "
        "Of the paper's histograms, only the number of videos per patient is known"
        + (f": {printed}." if printed else "."),
        drawings.patient_histograms(shown),
    )


def figure6(run: PaperRun) -> Drawing | None:
    """Figure 6: accuracy on the test set after every epoch.

    None if the epoch was not chosen on the test set, so that none was measured.
    """
    return _by_epoch(
        run, "figure6", "accuracy", "Figure 6. Test accuracy by epoch", "accuracy (%)", 100.0
    )


def figure7(run: PaperRun) -> Drawing | None:
    """Figure 7: loss on the test set after every epoch, loss upwards (the paper swaps the axes).

    None if the epoch was not chosen on the test set.
    """
    scale = 1 / batch_size_of(run, NETWORK)
    return _by_epoch(
        run, "figure7", "loss", "Figure 7. Test loss by epoch", "loss, divided twice", scale
    )


def figure8(run: PaperRun) -> Drawing | None:
    """Figure 8: confusion matrices of the chosen weights, on all videos and on those tested.

    None if no fold has finished.
    """
    panels, seen = _matrices(run)
    if not panels:
        return None
    if printed := run.published.get("figure8"):
        panels["Published, all videos"] = np.array(list(printed.values()), int)
    return Drawing(
        "figure8",
        "Figure 8. Confusion matrix",
        f"{seen} The paper's network predicts score 2 for every video.",
        plots.count_matrices(panels, CLASSES),
    )


def figure9(run: PaperRun) -> Drawing | None:
    """Figure 9: how many videos of each score are called another one.

    None if no fold has finished.
    """
    matrices, seen = _matrices(run)
    if not matrices:
        return None
    panels = {
        title: dict(zip(CLASSES, (counts.sum(axis=1) - np.diag(counts)).tolist(), strict=True))
        for title, counts in matrices.items()
    }
    if printed := run.published.get("figure9"):
        panels["Published, all videos"] = dict(zip(CLASSES, printed.values(), strict=True))
    return Drawing(
        "figure9",
        "Figure 9. Errors by score",
        f"Videos of each score with a wrong prediction. {seen}",
        drawings.bars(panels, "true score", "errors"),
    )


def figure10(run: PaperRun) -> Drawing | None:
    """Figure 10: attention masks over eight frames; None if no masks were kept."""
    rows = {LABELS[name]: _first_fold(run, name) for name in (NETWORK, SCRATCH)}
    rows = {label: shown for label, shown in rows.items() if shown}
    if not rows:
        return None
    height, width = next(iter(rows.values()))[0].mask.shape
    coarser = "" if (height, width) == PAPER_MASK else " (paper: 7 × 7, as its frames are larger)"
    return Drawing(
        "figure10",
        "Figure 10. Attention masks",
        "The middle frames of eight test videos, spread evenly over the test set and selected "
        f"automatically; title: video / frame. Masks of {height} × {width} positions{coarser} are "
        "resized bilinearly to the frame; colors span the range of the network's masks, which is "
        "printed, or 0.05 if that range is smaller.",
        drawings.masked_frames(rows),
        frames=True,
    )


def _by_length(counts: Mapping[str, int]) -> dict[int, int]:
    return {int(frames): videos for frames, videos in counts.items()}


def _printed_lengths(run: PaperRun) -> dict[str, dict[int, int]]:
    """The published histogram, which is printed as length → videos of each score."""
    rows = run.published.get("figure3", {}).items()
    return {
        name: {int(frames): int(counts[number]) for frames, counts in rows if counts[number]}
        for number, name in enumerate(CLASSES)
        if rows
    }


def _by_epoch(
    run: PaperRun, target: str, quantity: str, title: str, ylabel: str, scale: float
) -> Drawing | None:
    model, column = run.model(NETWORK), f"test_{quantity}"
    histories = {fold: h for fold, h in model.histories.items() if column in h}
    if not histories or model.predictions is None:
        return None
    ours = {
        "ours" if len(histories) == 1 else f"ours, fold {fold}": list(
            zip(history["epoch"].tolist(), (scale * history[column]).tolist(), strict=True)
        )
        for fold, history in histories.items()
    }
    known = run.published.get(target, {}).items()
    printed = [(int(epoch) + 1, float(value)) for epoch, value in known]
    return Drawing(
        target,
        title,
        "Epochs are counted from 1 (paper: from 0); only some values of its curve are legible.",
        drawings.epoch_curve(ours, printed, ylabel, _guides(run, quantity, scale)),
    )


def _guides(run: PaperRun, quantity: str, scale: float) -> dict[str, float]:
    """What predictors that look at nothing reach on the tested videos."""
    scores, targets = Scores.of(run.models[NETWORK].predictions), targets_of(run, NETWORK)
    if quantity == "accuracy":
        share = np.bincount(scores.y_true).max() / len(scores.y_true)
        return {"majority class": float(scale * share)}
    baseline = constant_baseline(scores, targets)
    value = point(ordinal_statistics(baseline, targets)["loss"], baseline.clusters)
    return {"best constant prediction": scale * value}


def _matrices(run: PaperRun) -> tuple[dict[str, np.ndarray], str]:
    """Confusion matrices by title, of all videos first, and what has to be said of these."""
    every, tested = all_videos(run), run.model(NETWORK).predictions
    frames = {"All videos here": every[0] if every else None, "Test videos here": tested}
    matrices = {}
    for title, frame in frames.items():
        if frame is not None:
            scores = Scores.of(frame)
            matrices[title] = confusion_matrix(scores.y_true, scores.y_pred, len(CLASSES))
    said = f"All videos: {every[1]}, as in the paper." if every else "Ours: test videos only."
    return matrices, said


def _first_fold(run: PaperRun, name: str) -> list[Any]:
    masks = run.model(name).masks
    first = min((frame.fold for frame in masks), default=0)
    return [frame for frame in masks if frame.fold == first]


_SHARED = classification_drawings(SHORT_LABELS, CLASSES)

FIGURES: dict[str, Maker] = {
    "figure3": figure3,
    "figure4": figure4,
    "figure6": figure6,
    "figure7": figure7,
    "figure8": figure8,
    "figure9": figure9,
    "figure10": figure10,
    "beyond": beyond_figure(BEYOND),
    "learning_curve": learning_figure(LEARNING),
    "robustness": robustness_figure(BEYOND, (SCRATCH,)),
    "nan_gradients": gradient_figure,
    # Without the many variants of the NaN study.
    "learning_curves": lambda run: _SHARED["learning_curves"](only(run, *RESULT_ROWS)),
    "confusion": lambda run: _SHARED["confusion"](only(run, *RESULT_ROWS)),
    **class_drawings(NETWORK, dict(zip(CLASSES, CLASSES, strict=True)), "Test videos."),
}
