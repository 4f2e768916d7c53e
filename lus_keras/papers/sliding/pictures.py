"""Figures 2 and 3: where ribs, lung and pleura lie, and the region that is marked; all simulated.

Both are drawn from the simulator's own geometry, whatever data a run is of: the paper's pictures
are private.
"""

from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from lus_keras.core.style import BLUE, GREEN, ORANGE, new_figure
from lus_keras.data.clips.cut import tiles
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Drawing
from lus_keras.simulation import SimulatedVideo, plan_cohort, simulate_video
from lus_keras.simulation.pleura import visible_anatomy

HEIGHT, WIDTH, TILE = 480, 640, 30
# The paper's colors: ribs green, lung blue, pleura red.
COLORS = {"ribs": GREEN, "lung": BLUE, "pleura": "#c0392b"}
SIMULATED = "SIMULATED, from the simulator's own geometry; the paper's image is private."


def figure2(run: PaperRun) -> Drawing | None:
    """Figure 2: ribs, lung and pleura marked in a picture; None where it was not asked for."""
    if "figure2" not in (run.record.targets or ()):
        return None
    video = _video(run.seed)
    figure, (plain, marked) = _pictures(video, 2)
    plain.set_title("simulated frame", fontsize=9)
    marked.set_title("marked areas", fontsize=9)
    for name, mask in visible_anatomy(video.plan, HEIGHT, WIDTH).items():
        outlines, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        for outline in outlines:
            marked.fill(*outline[:, 0].T, fc=COLORS[name] + "40", ec=COLORS[name], lw=1.2)
    lines = [Line2D([], [], color=color, label=name) for name, color in COLORS.items()]
    marked.legend(handles=lines, loc="upper right", fontsize=7)
    caption = f"{SIMULATED} Green: ribs; blue: lung between their shadows; red: pleura."
    return Drawing("figure2", "Figure 2. Marked areas of the lung", caption, figure)


def figure3(run: PaperRun) -> Drawing | None:
    """Figure 3: the marked pleural region, and the tiles it is cut into.

    None where it was not asked for.
    """
    if "figure3" not in (run.record.targets or ()):
        return None
    video = _video(run.seed)
    x, y, w, h = video.roi
    figure, (whole, region) = _pictures(video, 2)
    whole.add_patch(Rectangle((x, y), w, h, fill=False, ec=ORANGE, lw=2))
    whole.set_title("marked region", fontsize=9)
    region.images[0].set_data(video.frames[0][y : y + h, x : x + w])
    region.images[0].set_extent((0, w, h, 0))
    for top, left in tiles((h, w), (TILE, TILE), (TILE, TILE)):
        style: dict[str, Any] = (
            {"ec": ORANGE, "lw": 1.4} if top < 2 * TILE else {"ec": "w", "lw": 0.5}
        )
        region.add_patch(Rectangle((left, top), TILE, TILE, fill=False, **style))
    region.set_title(f"tiles of {TILE} pixels; orange: first two rows", fontsize=9)
    caption = (
        f"{SIMULATED} The rectangle is the region of interest of the simulated cohort: the widest "
        "intercostal space, from the pleura downward. Real videos are marked manually."
    )
    return Drawing("figure3", "Figure 3. The marked pleural area", caption, figure)


def _video(seed: int) -> SimulatedVideo:
    """One frame of the first patient whose ribs and lung are both in view."""
    plans = plan_cohort("sliding", patients=24, videos=24, seed=seed, duration_s=0.04, fps=30.0)

    def least(plan: Any) -> float:
        return min(mask.mean() for mask in visible_anatomy(plan, HEIGHT // 4, WIDTH // 4).values())

    return simulate_video(max(plans, key=least), height=HEIGHT, width=WIDTH)


def _pictures(video: SimulatedVideo, count: int) -> tuple[Figure, Any]:
    figure = new_figure(4.6 * count, 3.8)
    panels = figure.subplots(1, count)
    for axes in panels:
        axes.imshow(video.frames[0], cmap="gray", vmin=0, vmax=255)
        axes.set_axis_off()
    return figure, panels
