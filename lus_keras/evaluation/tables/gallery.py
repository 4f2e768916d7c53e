"""Pictures in rows, each with words above and beneath."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lus_keras.core.style import new_figure
from lus_keras.evaluation.run_record import ModelRun
from lus_keras.evaluation.tables.cells import Drawing

COLUMNS = 4
# Mistakes that a gallery shows at most.
SHOWN = 12


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        pixels: `(h, w)` uint8, or `(h, w, 3)` RGB.
    """

    pixels: NDArray[np.uint8]
    title: str
    caption: str


def picture_grid(pictures: Sequence[Picture], columns: int = COLUMNS) -> Figure:
    """Draws pictures row by row.

    Args:
        pictures: At least one.

    Returns:
        The figure; 0 is black and 255 white in all of them.
    """
    rows = -(-len(pictures) // columns)
    figure = new_figure(2.3 * columns, 2.8 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, picture in zip(panels, pictures, strict=False):
        axes.imshow(picture.pixels, cmap="gray", vmin=0, vmax=255)
        axes.set_title(picture.title, fontsize=8)
        axes.set_xlabel(picture.caption, fontsize=6)
    for axes in panels:
        axes.set_xticks([])
        axes.set_yticks([])
    for axes in panels[len(pictures) :]:
        axes.set_axis_off()
    return figure


def mistakes_drawing(
    figure: str, title: str, caption: str, pictures: Sequence[Picture]
) -> Drawing | None:
    """Makes the figure of the surest mistakes.

    Args:
        pictures: Surest first; those beyond `SHOWN` are left out.

    Returns:
        The figure; None if no picture was kept.
    """
    if not pictures:
        return None
    chosen = f"At most {SHOWN}, one of a video; chosen for being wrong, so no picture of the usual."
    caption = f"{caption} {chosen}"
    return Drawing(figure, title, caption, picture_grid(pictures[:SHOWN]), frames=True)


def surest_mistakes(
    model: ModelRun, judge: Callable[[pd.DataFrame], tuple[float, str] | None]
) -> list[Picture]:
    """Frames kept with the folds that a network was surest of and wrong about, surest first.

    Args:
        judge: Of the row of predictions.csv of a clip, how sure the network was, 0 … 1, and what
            to print above; None where it was right.
    """
    if model.predictions is None:
        return []
    table, found = model.predictions.set_index(["fold", "clip_id"]), []
    for example in model.examples:
        key = (example.fold, example.clip_id)
        if key in table.index and (wrong := judge(table.loc[[key]].reset_index())):
            found.append((wrong[0], Picture(example.frames[0], wrong[1], example.clip_id)))
    return [picture for _, picture in sorted(found, key=lambda pair: -pair[0])]
