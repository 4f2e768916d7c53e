"""Contact sheets: simulated frames by class beside real ones, and statistics of their appearance.

    rows of frames, several patients per class     histogram │ spectrum │ mean images
    M-mode and x-t below each frame (sliding only)

Every sheet states which frames are simulated.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from lus_keras.core.errors import VideoError
from lus_keras.core.style import BLUE, ORANGE, new_figure
from lus_keras.data.manifest import Video
from lus_keras.data.video import read_video, sector_box
from lus_keras.evaluation.plots import show_picture
from lus_keras.simulation import plan_cohort, simulate_video, tasks
from lus_keras.simulation.validation.appearance import Appearance, distances, measure
from lus_keras.simulation.validation.view import cut, view_box

SIDE = 350
# Rows kept above the line, and rows of an M-mode.
MARGIN, STRIP_ROWS = 40, 90
# Duration that is read or rendered, in s.
SECONDS = 2.0
LABEL_OF_TASK = {"bline": "b_lines", "sliding": "sliding", "severity": "severity", "signs": "sign"}
PICTURE_INCHES = 1.75


@dataclass(frozen=True)
class Picture:
    """One frame of a sheet.

    Attributes:
        group: Row of the sheet, such as `SIMULATED: score_2`.
        frame: `(350, 350)` uint8, filled by the sector.
        strips: `(90, t)` M-mode and `(t, 350)` x-t uint8; empty if motion is not of interest.
    """

    group: str
    caption: str
    frame: np.ndarray
    strips: tuple[np.ndarray, ...] = ()


def motion_strips(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """M-mode and x-t image at the brightest line in the center, which is taken as the pleura.

    Args:
        frames: `(t, 350, 350)` uint8.

    Returns:
        M-mode `(90, t)`: the central column from above the line downward, time to the right; and
        x-t `(t, 350)`: the rows just below the line, time downward. A sliding lung appears granular
        in the first and as slanted streaks in the second, a lung without sliding as bars.
    """
    middle = frames.shape[2] // 2
    profile = frames[:, :, middle - 20 : middle + 20].mean((0, 2))
    line = MARGIN + int(profile[MARGIN : frames.shape[1] // 2].argmax())
    top = line - MARGIN // 2
    m_mode = np.ascontiguousarray(frames[:, top : top + STRIP_ROWS, middle].T)
    return m_mode, frames[:, line + 6 : line + 10].mean(1).astype(np.uint8)


def simulated_pictures(task: str, *, per_class: int, seed: int) -> list[Picture]:
    """Renders frames of each class, each of a different patient.

    Returns:
        Images by class. The group is the class that was drawn; the caption states the measured
        label.
    """
    count = 12 * per_class
    plans = plan_cohort(task, patients=count, videos=count, seed=seed, duration_s=SECONDS)
    pictures = []
    for name in tasks.get(task).CLASSES:
        for plan in [plan for plan in plans if plan.drawn == name][:per_class]:
            video = simulate_video(plan, height=480, width=640)
            label = getattr(video.video, LABEL_OF_TASK[task])
            frames = cut(video.frames, view_box(plan, 480, 640), SIDE)
            at = _best_frame(video.truth, len(frames))
            caption = f"{plan.patient_id}: {label}"
            strips = motion_strips(frames) if task == "sliding" else ()
            pictures.append(Picture(f"SIMULATED: {name}", caption, frames[at], strips))
    return pictures


def _best_frame(truth: Any, frames: int) -> int:
    """A frame that shows the finding if the truth contains one, else the middle frame."""
    shown = np.flatnonzero(getattr(truth, "b_line_frames", ()))
    return int(shown[len(shown) // 2]) if len(shown) else frames // 2


def real_pictures(videos: Sequence[Video], task: str, *, per_class: int) -> list[Picture]:
    """Takes frames from the middle of real videos, grouped by the task's label if available.

    Returns:
        Images, at most one per patient and group; files that cannot be decoded are skipped.
    """
    label = LABEL_OF_TASK[task]
    groups: dict[str, list[Video]] = {}
    for video in videos:
        value = getattr(video, label)
        groups.setdefault("unlabeled" if value is None else f"{label} {value}", []).append(video)
    return [
        picture
        for name in sorted(groups)
        for picture in itertools.islice(_pictures_of(groups[name], name, task), per_class)
    ]


def _pictures_of(videos: Sequence[Video], group: str, task: str) -> Iterator[Picture]:
    patients = set()
    for video in videos:
        if video.patient_id in patients:
            continue
        try:
            frames = read_video(video.video).frames
        except VideoError:
            continue
        patients.add(video.patient_id)
        x, y, w, h = sector_box(frames)
        fps = video.fps or 25.0
        shown = cut(frames[: max(1, round(SECONDS * fps))], (x, y, w, h), SIDE)
        strips = motion_strips(shown) if task == "sliding" else ()
        caption = f"patient {video.patient_id}"
        yield Picture(f"real: {group}", caption, shown[len(shown) // 2], strips)


def contact_sheet(
    task: str, simulated: Sequence[Picture], real: Sequence[Picture], source: str
) -> Figure:
    """Draws a sheet of simulated images, at least one, with real ones beside them if there are any.

    Args:
        source: Name of the real data.
    """
    groups: dict[str, list[Picture]] = {}
    for picture in (*simulated, *real):
        groups.setdefault(picture.group, []).append(picture)
    columns = max(max(len(group) for group in groups.values()), 3)
    strips = max(len(picture.strips) for picture in simulated)
    heights = [1.0] + [0.6] * strips
    ratios = heights * len(groups) + [1.6]
    size = PICTURE_INCHES * columns + 0.4, (PICTURE_INCHES + 0.15) * sum(ratios) + 0.5
    figure = new_figure(*size)
    title = f"{task}: SIMULATED frames" + (f" beside frames of {source}" if real else "")
    figure.suptitle(title, fontsize=12)
    grid = figure.add_gridspec(len(ratios), 1, height_ratios=ratios)
    for row, (name, pictures) in enumerate(groups.items()):
        first = row * len(heights)
        cells = grid[first : first + len(heights), 0].subgridspec(
            len(heights), columns, height_ratios=heights
        )
        _draw_group(figure, cells, name, pictures)
    _draw_appearance(figure, grid[-1, 0].subgridspec(1, 4), simulated, real, source)
    return figure


def _draw_group(figure: Figure, cells: Any, name: str, pictures: Sequence[Picture]) -> None:
    for column, picture in enumerate(pictures):
        axes = _picture(figure, cells[0, column], picture.frame, "equal")
        axes.set_title(picture.caption, fontsize=7)
        if column == 0:
            axes.set_ylabel(name, fontsize=8)
        for row, (strip, (down, right)) in enumerate(
            zip(picture.strips, (("depth", "time →"), ("← time", "place")), strict=False), start=1
        ):
            below = _picture(figure, cells[row, column], strip, "auto")
            if column == 0:
                below.set_ylabel(down, fontsize=7)
                below.set_xlabel(right, fontsize=7)


def _picture(figure: Figure, cell: Any, pixels: np.ndarray, aspect: Any) -> Any:
    axes = figure.add_subplot(cell)
    show_picture(axes, pixels, aspect=aspect)
    return axes


def _draw_appearance(
    figure: Figure, cells: Any, simulated: Sequence[Picture], real: Sequence[Picture], source: str
) -> None:
    found: dict[str, tuple[Appearance, str]] = {
        "SIMULATED": (measure(np.stack([p.frame for p in simulated])), BLUE)
    }
    if real:
        found[source] = measure(np.stack([p.frame for p in real])), ORANGE
    levels, spectrum = figure.add_subplot(cells[0, 0]), figure.add_subplot(cells[0, 1])
    for name, (appearance, color) in found.items():
        levels.semilogy(np.maximum(appearance.histogram, 1e-6), color=color, lw=1.2, label=name)
        cycles = np.arange(1, len(appearance.radial_db) + 1)
        spectrum.semilogx(cycles, appearance.radial_db, color=color, lw=1.2)
    levels.set_xlabel("gray level", fontsize=7)
    levels.set_ylabel("share of pixels", fontsize=7)
    levels.legend(frameon=False, fontsize=6)
    spectrum.set_xlabel("cycles per image", fontsize=7)
    spectrum.set_ylabel("power, dB", fontsize=7)
    for axes in (levels, spectrum):
        axes.tick_params(labelsize=6)
    if real:
        apart = distances(*(appearance for appearance, _ in found.values()))
        levels.set_title(f"difference: {apart['grey_levels']:.1f} gray levels", fontsize=7)
        spectrum.set_title(f"difference: {apart['psd_db']:.1f} dB", fontsize=7)
    for column, (name, (appearance, _)) in enumerate(found.items()):
        mean = _picture(figure, cells[0, 2 + column], appearance.mean_image, "equal")
        mean.images[0].set_clim(0, 100)
        mean.set_title(f"mean image, {name}", fontsize=7)
