"""Figure 5 of the lung-sliding paper from the maps that a trained network left behind."""

from __future__ import annotations

import numpy as np

from lus_keras import figures
from lus_keras.metrics import Clusters, estimate, mean_statistic
from lus_keras.papers.sliding import EXPLAINED
from lus_keras.report.cells import Cell, Drawing, Table, cell_from
from lus_keras.results import PaperRun

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
        figures.saliency_sheet(frames, maps["vanilla"][0], maps["smooth"][0], shown),
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
