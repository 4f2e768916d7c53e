"""Figures 4 and 5 of the lung-sliding paper: classes counted, maps that networks left behind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import Clusters, estimate, mean_statistic
from lus_keras.evaluation.report.cells import Cell, Drawing, Table, cell_from, join_notes
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.sliding import DATA_SETS, EXPLAINED

CLASSES = ("absent", "present")
METHODS = {"vanilla": "Vanilla saliency", "smooth": "SmoothGrad"}
METRICS = {
    "band": "On the pleural band (share of the map)",
    "below": "On the band and below it (share of the map)",
    "band_untrained": "On the pleural band, random weights",
    "below_untrained": "On the band and below it, random weights",
    "random": "Rank correlation with random weights",
}


def figure5(run: PaperRun) -> Drawing | None:
    """Figure 5: frames of a tile with sliding, saliency and SmoothGrad, evenly apart in time.

    Args:
        run: The paper's run.

    Returns:
        The sheet; None if no network was explained.
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


def explanations(run: PaperRun) -> Table:
    """How much of the maps lies at the pleura, against an even map, and on random weights.

    Args:
        run: The paper's run.

    Returns:
        The table; the shares need simulated videos, whose pleura is known.
    """
    maps = run.model(EXPLAINED).explanations
    cells = []
    for method in METHODS:
        for metric in METRICS:
            address = (run.paper, "explanations", method, metric)
            if maps is None:
                cells.append(Cell(*address, note="not run: ask for figure5"))
                continue
            values = maps.get(f"{method}_{metric}")
            if values is None:
                cells.append(Cell(*address, note="not measured by the version that made the run"))
                continue
            known = ~np.isnan(values)
            if not known.any():
                cells.append(Cell(*address, note="n/a: the pleura is not known in these videos"))
                continue
            clusters = Clusters.of(maps["patient_id"][known], np.zeros(known.sum(), int))
            found = estimate(mean_statistic(values[known], clusters), clusters, seed=run.seed)
            chance = None
            if metric != "random":
                area = maps[f"{metric.removesuffix('_untrained')}_area"]
                chance = float(np.mean(area[known]))
            cells.append(cell_from(found, address=address, baseline=chance))
    return Table(
        id="explanations",
        title="Explanations: where the maps of test tiles lie",
        cells=cells,
        row_labels=METHODS,
        metric_labels=METRICS,
        headline=list(METRICS),
        notes=(
            "Tiles of the uppermost row, which holds the pleural line. Baseline: the share of the "
            "area, which an even map would give. A correlation near 1 with the maps of random "
            "weights would mean that the maps show the input and not what was learnt. Maps of "
            "random weights are not even: shortcuts of these networks take every second pixel "
            "from the upper left on, so maps lean to that corner before anything is learnt. A "
            "share says something if it differs from that of random weights, too.",
        ),
    )


def corrected(run: PaperRun, cell: Cell) -> Cell:
    """Notes where a printed number is known to be wrong, and what it should be.

    Args:
        run: The paper's run; its configuration lists the corrections.
        cell: Cell of one of the paper's tables.

    Returns:
        The cell, with a note if it has a correction.
    """
    for entry in run.published.get("corrections", []):
        if (entry["table"], entry["row"], entry["metric"]) == (cell.table, cell.row, cell.metric):
            note = f"printed {entry['printed']:g}, corrected {entry['corrected']:g}: {entry['why']}"
            return replace(cell, note=join_notes(cell.note, note))
    return cell


def figure4_table(run: PaperRun) -> Table:
    """Figure 4 as numbers: tiles of each class in the six data sets.

    Args:
        run: The paper's run.

    Returns:
        The table; it has no intervals, as nothing is estimated.
    """
    cells = []
    for arm in DATA_SETS:
        counts = _counts(run, arm)
        for metric in ("present", "absent", "total"):
            published = run.published_value("figure4", arm, metric)
            cell = Cell(
                run.paper, "figure4", arm, metric, published=published,
                value=counts.get(metric), note="" if counts else "not run",
            )  # fmt: skip
            cells.append(corrected(run, cell))
    return Table(
        id="figure4",
        title="Figure 4. Tiles of each class in the six data sets",
        cells=cells,
        row_labels={arm: arm for arm in DATA_SETS},
        metric_labels={"present": "Sliding", "absent": "No sliding", "total": "Total"},
        headline=("present", "absent", "total"),
        decimals=0,
        published_decimals=0,
        notes=("Counts of the whole data set, not of its test part.",),
    )


def _counts(run: PaperRun, arm: str) -> dict[str, float]:
    classes = run.arms[arm].data.classes if arm in run.arms else {}
    if not classes:
        return {}
    return {**{name: float(count) for name, count in classes.items()},
            "total": float(sum(classes.values()))}  # fmt: skip


def figure4(run: PaperRun) -> Drawing | None:
    """Figure 4: bars of the classes in the six data sets, ours and published.

    Args:
        run: The paper's run.

    Returns:
        The figure; None if no data set was prepared.
    """
    ours = {arm: _counts(run, arm) for arm in DATA_SETS if _counts(run, arm)}
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
