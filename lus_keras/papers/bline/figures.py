"""Figure 1 of the B-line paper, and the figures of every classifying paper."""

import numpy as np

from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import temporal_iou
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Drawing
from lus_keras.evaluation.tables.drawings import Maker, classification_drawings
from lus_keras.evaluation.tables.studies import beyond_figure, learning_figure
from lus_keras.papers.bline import MODELS, PROPOSED
from lus_keras.papers.bline.tables import BEYOND, LEARNING, NETWORKS, localisation
from lus_keras.papers.robustness import robustness_figure

CLASSES = ("no B-line", "B-line")
(BEST,) = PROPOSED


def figure1(run: PaperRun) -> Drawing | None:
    """Figure 1: attention and truth over one clip, with seven of its frames.

    Shows the clip of `c2d_lstm_a`, of those kept with their frames, whose IoU is nearest to theirs.

    Returns:
        The figure; None if no clip with frames and frame-level truth was kept.
    """
    model, threshold = run.model(BEST), localisation(run).threshold
    if model.attention is None or not model.examples:
        return None
    attention = model.attention
    ious = temporal_iou(attention.weights, attention.truth, threshold)
    keys = zip(attention.folds.tolist(), attention.clip_ids.tolist(), strict=True)
    positions = {key: place for place, key in enumerate(keys)}
    found = [
        (positions[example.fold, example.clip_id], example.frames)
        for example in model.examples
        if (example.fold, example.clip_id) in positions
    ]
    # Clips of other kinds are kept for the report's viewer.
    mixed = (attention.truth == 1).any(axis=1) & (attention.truth == 0).any(axis=1)
    usable = [
        (place, frames) for place, frames in found if mixed[place] and not np.isnan(ious[place])
    ]
    if not usable:
        return None
    wanted = (run.published_value("figure1", BEST, "iou") or 50) / 100
    place, frames = min(usable, key=lambda pair: abs(ious[pair[0]] - wanted))
    title = f"{NETWORKS[BEST]}, clip {attention.clip_ids[place]}: IoU {ious[place]:.0%}"
    return Drawing(
        "figure1",
        "Figure 1. Attention over one clip",
        f"Of {len(usable)} test clips saved with their frames, the one whose IoU "
        f"({ious[place]:.0%}) is closest to the {wanted:.0%} of the paper's example; it is "
        "selected, not typical. Attention is rescaled to 0 … 1 (min-max); the weights themselves "
        "are plotted on a second axis from 0, on which uniform attention is flat. The seven frames "
        "are spread evenly over the range of attention, from the lowest to the highest weight "
        f"(below each); a green border marks frames annotated as B-line.{_printed_weights(run)}",
        plots.attention_curve(attention.weights[place], attention.truth[place], frames, title),
        frames=True,
    )


def _printed_weights(run: PaperRun) -> str:
    """What the paper tells of the two frames of its own example that it names."""
    without, having = (run.published_value("figure1", f"frame_{n}", "weight") for n in (2, 12))
    if without is None or having is None:
        return ""
    return (
        f" In the paper's example, frame 2, without B-lines, has weight {without:g} and frame 12, "
        f"with B-lines, {having:g}."
    )


FIGURES: dict[str, Maker] = {
    "figure1": figure1,
    "beyond": beyond_figure(BEYOND),
    "learning_curve": learning_figure(LEARNING),
    "robustness": robustness_figure(BEYOND, MODELS),
    **classification_drawings(NETWORKS, CLASSES),
}
