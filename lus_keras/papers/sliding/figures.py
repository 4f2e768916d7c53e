"""Figures 2 to 5 of the lung-sliding paper, and the shared ones of every data set."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from lus_keras.evaluation import plots
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Drawing
from lus_keras.evaluation.tables.drawings import Maker, classification_drawings
from lus_keras.evaluation.tables.judge import only
from lus_keras.papers.sliding import DATA_SETS, EXPLAINED
from lus_keras.papers.sliding.pictures import figure2, figure3
from lus_keras.papers.sliding.tables import ARMS, LABELS, class_counts

CLASSES = ("absent", "present")


def figure5(run: PaperRun) -> Drawing | None:
    """Figure 5: frames of a tile with sliding, saliency and SmoothGrad, evenly apart in time.

    None if no network was explained.
    """
    maps = run.model(EXPLAINED).explanations
    if maps is None:
        return None
    options = run.config.get("options", {})
    step, count = int(options.get("step", 6)), int(options.get("frames", 10))
    frames = maps["frames"][0]
    shown = list(range(0, len(frames), step))[:count]
    return Drawing(
        "figure5",
        "Figure 5. Where the network looks",
        f"Test tile {maps['clip_id'][0]}, the first of those with sliding; frames {step} apart. "
        "First row: input; second: vanilla saliency; third: SmoothGrad. Each map is stretched from "
        "its minimum to its maximum over the whole clip.",
        plots.saliency_sheet(frames, maps["vanilla"][0], maps["smooth"][0], shown),
        frames=True,
    )


def figure4(run: PaperRun) -> Drawing | None:
    """Figure 4: bars of the classes in the six data sets, ours and published.

    None if no data set was prepared.
    """
    ours = {arm: class_counts(run, arm) for arm in DATA_SETS if class_counts(run, arm)}
    if not ours:
        return None
    published = {
        arm: {name: run.published_value("figure4", arm, name) or 0 for name in CLASSES}
        for arm in ours
    }
    return Drawing(
        "figure4",
        "Figure 4. Class balance of the data sets",
        "Solid: the data in use; outlined: the paper's.",
        plots.class_bars(ours, published, CLASSES),
    )


def _of_arm(draw: Maker, name: str, arm: str, run: PaperRun) -> Drawing | None:
    drawing = draw(only(run, arm=arm))
    if drawing is None:
        return None
    return replace(drawing, id=f"{name}_{arm}", title=f"{drawing.title}, {ARMS[arm]}")


FIGURES: dict[str, Maker] = {
    "figure2": figure2,
    "figure3": figure3,
    "figure4": figure4,
    "figure5": figure5,
    **{
        f"{name}_{arm}": partial(_of_arm, draw, name, arm)
        for arm in sorted(ARMS, key=lambda arm: arm == "mmode")
        for name, draw in classification_drawings(LABELS, CLASSES).items()
    },
}
