"""Figures 1 and 2: the four signs, and the preprocessing step by step; both simulated."""

import textwrap
from functools import cache

import numpy as np

from lus_keras.core.config import SCALINGS
from lus_keras.data.video import box_of, sector_mask
from lus_keras.data.video.resample import resized
from lus_keras.evaluation.plots import Picture, picture_grid
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Drawing
from lus_keras.papers.signs.tables import CLASSES
from lus_keras.simulation import SimulatedVideo, plan_cohort, simulate_video
from lus_keras.simulation.video import measure_truth

SEEN = {
    "a_lines": "bright lines parallel to\nthe pleura, equally far apart",
    "b_lines": "from the pleura to the\nbottom without fading",
    "effusion": "black fluid between\nthe pleurae",
    "consolidation": "lung as gray as liver,\nwith bright air inside",
}


def figure1(run: PaperRun) -> Drawing | None:
    """Figure 1: one picture of each sign; None where it was not asked for."""
    if "figure1" not in (run.record.targets or ()):
        return None
    pictures = [
        Picture(_video(sign, run.seed).frames[-1], f"{letter}: {label}", SEEN[sign])
        for letter, (sign, label) in zip("ABCD", CLASSES.items(), strict=True)
    ]
    return Drawing(
        "figure1",
        "Figure 1. Four signs, SIMULATED",
        "Simulated images in which the sign is measurably visible, with its description from the "
        "paper's caption; the paper's images show patients and are private.",
        picture_grid(pictures),
    )


def figure2(run: PaperRun) -> Drawing | None:
    """Figure 2: what is done to one picture before the network sees it.

    None where it was not asked for.
    """
    if "figure2" not in (run.record.targets or ()):
        return None
    frames = _video("b_lines", run.seed).frames
    clip = run.settings.clip
    size = clip.size or (224, 224)
    inside = sector_mask(frames)
    x, y, w, h = box_of(inside)
    cut = (slice(y, y + h), slice(x, x + w))
    last = frames[-1]
    said = textwrap.fill(f"three channels, {SCALINGS[clip.scaling or 'unit']}", 40)
    masked = last[cut] * inside[cut]
    small = resized(masked, size)
    shown = {
        "1: as stored": (last, "text and scales beside the sector"),
        "2: sector found": (np.where(inside, last, last // 3 + 60), f"box {w} × {h} pixels"),
        "3: cropped": (last[cut], "to the box"),
        "4: masked": (masked, "outside the sector 0"),
        "5: resized": (small, f"{size[0]} × {size[1]}, by area"),
        "6: scaled": (small, said),
    }
    return Drawing(
        "figure2",
        "Figure 2. Preprocessing, step by step, SIMULATED",
        "One simulated image with B-lines after each step, with the settings of this run. The "
        "paper's figure was not available: these are the steps of this package, as applied to "
        "files. For the simulated cohort the sector is known and not detected.",
        picture_grid([Picture(p, title, said) for title, (p, said) in shown.items()], columns=3),
    )


@cache
def _video(sign: str, seed: int) -> SimulatedVideo:
    """Half a second of the first simulated patient who shows a sign."""
    plans = plan_cohort("signs", patients=40, videos=40, seed=seed, duration_s=0.5, fps=8.0)
    shown = (p for p in plans if p.drawn == sign and measure_truth(p).sign == sign)
    return simulate_video(next(shown), height=480, width=640)
