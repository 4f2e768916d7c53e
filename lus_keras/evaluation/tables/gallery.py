"""Pictures in rows, each with words above and beneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

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
    figure = Figure(figsize=(2.3 * columns, 2.8 * rows), layout="constrained")
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
