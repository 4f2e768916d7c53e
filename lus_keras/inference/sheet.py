"""The sheet that explains a clip: frames of the file, and the same frames with color-coded maps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle

from lus_keras.core.style import new_figure
from lus_keras.data.manifest import Box
from lus_keras.data.video import iter_resampled
from lus_keras.evaluation.plots.clips import PERCENTILE, contrasted
from lus_keras.inference.predict.overlay import clip_box

if TYPE_CHECKING:
    from lus_keras.inference.explain import Explanation

NAMES = {
    "vanilla": "Saliency",
    "smooth": "SmoothGrad",
    "grad-cam": "Grad-CAM",
    "integrated": "Integrated gradients",
}
OPACITY = 0.85
# Room to the left of the rows beside what the layout reserves.
LABEL_INCHES = 0.3
COLORS = "inferno"


def explanation_sheet(explanation: Explanation, network: str, most: int = 6) -> Figure:
    """Draws frames of a clip, and below them the same frames with each map overlaid.

    Args:
        explanation: Maps of a clip; its video is decoded again.
        network: Name of the network, for the title.
        most: Largest number of frames.

    Returns:
        The figure. Frames have the resolution of the file; a clip that is an image of depth by time
        is shown as seen by the network.
    """
    count = len(explanation.frames)
    shown = np.unique(np.linspace(0, count - 1, min(most, count)).astype(int)).tolist()
    pictures, box = pictures_of(explanation, shown)
    height, width = pictures[0].shape[:2]
    panel = 2.1 if len(shown) > 1 else 3.4
    lines = {"Input": pictures}
    for method, values in explanation.maps.items():
        levels = contrasted(values)
        lines[_row_name(explanation, method)] = [
            under_heat(picture, levels[frame], box)
            for frame, picture in zip(shown, pictures, strict=True)
        ]
    size = max(panel * len(shown) + 1.4, 5.5), panel * min(height / width, 1.6) * len(lines) + 1.1
    figure = new_figure(*size)
    rows = figure.subplots(len(lines), squeeze=False)[:, 0]
    for axes, (name, line) in zip(rows, lines.items(), strict=True):
        axes.imshow(_side_by_side(line))
        axes.set_ylabel(name, fontsize=10)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    step = width + _gap(width)
    places = [number * step + (width - 1) / 2 for number in range(len(shown))]
    rows[0].set_xticks(places, [_time(explanation, frame) for frame in shown], fontsize=9)
    rows[0].tick_params(
        axis="x", top=True, labeltop=True, bottom=False, labelbottom=False, length=0
    )
    if box[2:] != (width, height):
        _outline(rows[1:], box, [number * step for number in range(len(shown))])
    scale = ScalarMappable(cmap=COLORS)
    # Beside the rows of maps only, but attached to all rows to keep them aligned.
    beside: dict[str, Any] = {
        "shrink": 1 - 1 / len(rows),
        "anchor": (0, 0),
        "fraction": 0.03,
        "pad": 0.01,
    }
    bar = figure.colorbar(scale, ax=rows.tolist(), **beside)
    bar.set_label(f"share of the map's {PERCENTILE:g}th percentile", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    figure.suptitle(_title(explanation, network), fontsize=11, x=0.01, ha="left")
    # The layout measures labels before images fill the width, and would cut them off at the left.
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        margin = LABEL_INCHES / size[0]
        layout.set(rect=(margin, 0, 1 - margin, 1))
    return figure


def _outline(rows: Iterable[Any], box: Box, starts: Sequence[int]) -> None:
    """Draws the part of the image that the network sees, in each image of each row."""
    x, y, w, h = box
    style: dict[str, Any] = {"fill": False, "edgecolor": "white", "lw": 0.8}
    for axes, start in itertools.product(rows, starts):
        axes.add_patch(Rectangle((start + x - 0.5, y - 0.5), w, h, **style))


def _gap(width: int) -> int:
    """Width in pixels of the gap between two images of a row."""
    return max(1, round(0.03 * width))


def _side_by_side(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Images of equal size side by side with white gaps, `(h, n·w + gaps, 3)` uint8."""
    gap = [(0, 0), (0, _gap(pictures[0].shape[1])), (0, 0)]
    *first, last = pictures
    return np.hstack([*(np.pad(each, gap, constant_values=255) for each in first), last])


def pictures_of(explanation: Explanation, shown: Sequence[int]) -> tuple[list[np.ndarray], Box]:
    """RGB frames of the file around the region that the network sees.

    Args:
        explanation: Maps of a clip.
        shown: Indices of frames of the clip, ascending.

    Returns:
        Frames `(h, w, 3)` uint8, and the box of the map `(x, y, w, h)` in their pixels. A clip that
        is an image of depth by time is returned as seen by the network.
    """
    found, cut = explanation.prediction, explanation.prediction.cuts[explanation.clip]
    if len(explanation.frames) != cut.length:
        gray = [np.repeat(explanation.frames[n][..., None], 3, axis=-1) for n in shown]
        return gray, (0, 0, *gray[0].shape[1::-1])
    wanted, pictures = {cut.first + number for number in shown}, []
    decoded = iter_resampled(
        found.video.video, fps=found.clip.fps, picture_fps=found.video.fps, grayscale=False
    )
    for number, pixels in enumerate(decoded):
        if number in wanted:
            pictures.append(pixels.copy())
        if len(pictures) == len(wanted):
            break
    size = pictures[0].shape[:2]
    x, y, w, h = clip_box(found, explanation.clip, size)
    # A tile is small and therefore shown with its surroundings.
    margin = 1.0 if found.clip.unit == "tile" else 0.04
    left, top = max(0, round(x - margin * w)), max(0, round(y - margin * h))
    right, bottom = round(x + (1 + margin) * w), round(y + (1 + margin) * h)
    return [each[top:bottom, left:right] for each in pictures], (x - left, y - top, w, h)


def under_heat(picture: np.ndarray, levels: np.ndarray, box: Box) -> np.ndarray:
    """An image `(h, w, 3)` uint8 with a map over a box of it, more opaque for higher values.

    Args:
        picture: `(h, w, 3)` uint8 RGB.
        levels: Map of floats 0 … 1 of any size.
        box: `(x, y, w, h)` in pixels of the image.
    """
    x, y, w, h = box
    large: Any = cv2.resize(np.asarray(levels, np.float32), (w, h), interpolation=cv2.INTER_LINEAR)
    opacity = (OPACITY * np.sqrt(large))[..., None]
    heat = colormaps[COLORS](large)[..., :3] * 255
    mixed = picture.copy()
    part = mixed[y : y + h, x : x + w]
    seen = np.s_[: part.shape[0], : part.shape[1]]
    part[:] = np.rint(part * (1 - opacity[seen]) + heat[seen] * opacity[seen])
    return mixed


def _row_name(explanation: Explanation, method: str) -> str:
    random = explanation.random.get(method, math.nan)
    told = "undefined" if math.isnan(random) else f"{random:.2f}"
    return f"{NAMES.get(method, method)}\nrandom weights: ρ = {told}"


def _time(explanation: Explanation, frame: int) -> str:
    found, cut = explanation.prediction, explanation.prediction.cuts[explanation.clip]
    if len(explanation.frames) != cut.length:
        return "depth by time"
    number = cut.first + frame
    return f"{number / found.fps:.2f} s" if found.fps else f"frame {number}"


def _title(explanation: Explanation, network: str) -> str:
    found, place = explanation.prediction, explanation.clip
    label = explanation.label.replace("_", " ")
    chance = float(found.probabilities[place, found.labels.index(explanation.label)])
    start_s, end_s = found.start_s(place), found.end_s(place)
    when = "" if math.isnan(start_s) else f", {start_s:.2f} to {end_s:.2f} s"
    return (
        f"{label}: probability {chance:.2f} in this clip\n{found.video.video_id}{when}; {network}"
    )


def named(maps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Maps by their printed names, with the contrast used in figures."""
    return {NAMES.get(method, method): contrasted(values) for method, values in maps.items()}
