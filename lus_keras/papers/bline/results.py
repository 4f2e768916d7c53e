"""Tables, claims and figures of the B-line paper (Kerdegari et al., ISBI 2021) from predictions.

`TABLES` and `FIGURES` map a target to the function that makes it; `claims` tests the orders that
the paper claims. All take a `PaperRun` and need no model, so they can be rebuilt at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import (
    Clusters,
    Estimate,
    Scores,
    all_frames_iou,
    estimate,
    mean_statistic,
    population,
    random_frame_hit,
    random_frame_localised,
    representative_frame_hit,
    temporal_iou,
)
from lus_keras.evaluation.report.cells import Cell, Claim, Drawing, Table, cell_from, join_notes
from lus_keras.evaluation.report.classification import (
    BASELINE_LABELS,
    FOLD_MEAN_NOTE,
    HEADLINE,
    POOLED,
    VIDEO,
    classification_cells,
    classification_claims,
    population_note,
)
from lus_keras.evaluation.report.drawings import classification_drawings
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.papers.bline.transfer import transfer

LABELS = {
    "c2d_a": "C2D+A",
    "c3d_a": "C3D+A",
    "c2d_lstm": "C2D+LSTM",
    "c2d_lstm_a": "C2D+LSTM+A",
}
CLASSES = ("no B-line", "B-line")
FRAME_BASELINES = {"random_frame": "One random frame (expected)", "all_frames": "All frames"}
ALPHAS = (0.1, 0.2, 0.3, 0.4)
BEST = "c2d_lstm_a"


@dataclass(frozen=True)
class Localised:
    """Attention and truth of the clips that localisation is counted over.

    Attributes:
        weights: `(n, t)` float32 attention.
        truth: `(n, t)` int8, 1 or 0.
        clusters: Patient and fold of each clip.
    """

    weights: NDArray[np.float32]
    truth: NDArray[np.int8]
    clusters: Clusters


def table1(run: PaperRun) -> Table:
    """Table 1: precision, recall and F1 of the four networks, and what the paper does not print.

    Args:
        run: The paper's run.

    Returns:
        The table; `baseline` is the majority-class predictor.
    """
    columns = (*HEADLINE, *POOLED, *VIDEO)
    return Table(
        id="table1",
        title="Table 1. Classification of one-second clips, positive = B-line",
        cells=classification_cells(run, "table1", list(LABELS), columns),
        row_labels=LABELS | BASELINE_LABELS,
        metric_labels={column.id: column.label for column in columns},
        headline=[column.id for column in HEADLINE],
        notes=(population_note(run), FOLD_MEAN_NOTE, "Baseline: the majority-class predictor."),
    )


def table2(run: PaperRun) -> Table:
    """Table 2: share of clips whose attention overlaps the annotated frames by at least α.

    Args:
        run: The paper's run; `config.localisation` may set `threshold`, `population`, `alphas`.

    Returns:
        The table in per cent; `baseline` is one frame drawn at random.
    """
    alphas = _setting(run, "alphas", ALPHAS)
    metrics = {f"iou_{alpha:g}": alpha for alpha in alphas}
    threshold = _setting(run, "threshold", 0.5)

    def ours(data: Localised, alpha: float) -> ArrayLike:
        return temporal_iou(data.weights, data.truth, threshold) >= alpha

    def by_chance(data: Localised, alpha: float) -> ArrayLike:
        return random_frame_localised(data.truth, [alpha])[:, 0]

    def all_of_them(data: Localised, alpha: float) -> ArrayLike:
        return all_frames_iou(data.truth) >= alpha

    return Table(
        id="table2",
        title="Table 2. B-line localisation accuracy (%) at different IoU α",
        cells=_frame_cells(run, "table2", metrics, (ours, by_chance, all_of_them)),
        row_labels=LABELS | FRAME_BASELINES,
        metric_labels={metric: f"IoU ≥ {alpha:g}" for metric, alpha in metrics.items()},
        headline=list(metrics),
        decimals=1,
        published_decimals=1,
        notes=(
            f"Predicted frames: attention, min-max per clip, ≥ {threshold:g}. The paper does not "
            "state its threshold.",
            _population_sentence(run),
            "Mean over folds. Baseline: one frame drawn at random, expected value.",
        ),
    )


def representative_frame(run: PaperRun) -> Table:
    """How often the frame with the highest attention is an annotated one.

    Args:
        run: The paper's run; `config.localisation.population` may narrow the clips.

    Returns:
        The table in per cent; `baseline` is one frame drawn at random.
    """

    def ours(data: Localised, _: float) -> ArrayLike:
        return representative_frame_hit(data.weights, data.truth)

    def by_chance(data: Localised, _: float) -> ArrayLike:
        return random_frame_hit(data.truth)

    def all_of_them(data: Localised, _: float) -> ArrayLike:
        # Naming every frame names an annotated one too: the ceiling, reached without any skill.
        return np.ones(len(data.truth))

    makers = (ours, by_chance, all_of_them)
    return Table(
        id="representative_frame",
        title="Representative frame (%): the frame of highest attention is annotated",
        cells=_frame_cells(run, "representative_frame", {"accuracy": 0.0}, makers),
        row_labels=LABELS | FRAME_BASELINES,
        metric_labels={"accuracy": "Accuracy"},
        headline=["accuracy"],
        decimals=1,
        published_decimals=1,
        notes=(
            _population_sentence(run),
            "Mean over folds; of equal weights the first counts. Baseline: one frame drawn at "
            "random, expected value.",
        ),
    )


def claims(run: PaperRun) -> list[Claim]:
    """Tests the orders the paper reads from Table 1 by paired patient bootstrap.

    Args:
        run: The paper's run; its record lists the claims.

    Returns:
        One claim each.
    """
    return classification_claims(run, "table1", LABELS)


def figure1(run: PaperRun) -> Drawing | None:
    """Figure 1: attention and truth over one clip, with seven of its frames.

    Shows the clip of `c2d_lstm_a`, of those kept with their frames, whose IoU is nearest to theirs.

    Args:
        run: The paper's run.

    Returns:
        The figure; None if no clip with frames and frame-level truth was kept.
    """
    model, threshold = run.model(BEST), _setting(run, "threshold", 0.5)
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
    title = f"{LABELS[BEST]}, clip {attention.clip_ids[place]}: IoU {ious[place]:.0%}"
    return Drawing(
        "figure1",
        "Figure 1. Attention over one clip",
        f"Of {len(usable)} test clips kept with their frames, the one whose IoU "
        f"({ious[place]:.0%}) is nearest to the {wanted:.0%} of the paper's example, so a "
        "chosen clip, not a typical one. Attention is stretched to 0 … 1 (min-max). The seven "
        "frames spread evenly over its attention, from the lowest to the highest weight (printed "
        f"beneath); a green border marks frames annotated as B-line.{_printed_weights(run)}",
        plots.attention_curve(attention.weights[place], attention.truth[place], frames, title),
        frames=True,
    )


def _printed_weights(run: PaperRun) -> str:
    """What the paper tells of the two frames of its own example that it names."""
    without, having = (run.published_value("figure1", f"frame_{n}", "weight") for n in (2, 12))
    if without is None or having is None:
        return ""
    return (
        f" In the paper's example frame 2, without B-lines, has {without:g} and frame 12, with "
        f"them, {having:g}."
    )


def _frame_cells(
    run: PaperRun,
    table: str,
    metrics: dict[str, float],
    makers: Sequence[Callable[[Localised, float], ArrayLike]],
) -> list[Cell]:
    """Cells of a localisation table: four networks, then the two predictors without skill."""
    ours, by_chance, all_of_them = makers
    cells = []
    localised = {row: _localised(run, row) for row in LABELS}
    usable = [data for data, _ in localised.values() if data is not None]
    reference = max(usable, key=lambda data: len(data.truth)) if usable else None
    for row, (data, note) in localised.items():
        for metric, alpha in metrics.items():
            address = (run.paper, table, row, metric)
            published = run.published_value(table, row, metric)
            if data is None:
                cells.append(Cell(*address, published=published, note=note))
                continue
            cells.append(
                cell_from(
                    _fold_mean(ours(data, alpha), data.clusters, run.seed),
                    address=address,
                    published=published,
                    baseline=_fold_mean(by_chance(data, alpha), data.clusters, run.seed).value,
                    scale=100,
                    note=note,
                )
            )
    for row, maker in zip(FRAME_BASELINES, (by_chance, all_of_them), strict=True):
        for metric, alpha in metrics.items():
            address = (run.paper, table, row, metric)
            if reference is None:
                cells.append(Cell(*address, note="n/a: no frame-level truth"))
                continue
            found = _fold_mean(maker(reference, alpha), reference.clusters, run.seed)
            cells.append(cell_from(found, address=address, scale=100))
    return cells


def _localised(run: PaperRun, name: str) -> tuple[Localised | None, str]:
    """Finds the clips of a model that localisation counts, or says why there are none."""
    model, status = run.model(name), run.status(name)
    if name == "c2d_lstm" or (model.predictions is not None and model.attention is None):
        return None, "n/a: no attention"
    if model.attention is None or model.predictions is None:
        return None, status or "no finished fold"
    attention = model.attention
    if (attention.truth < 0).any(1).all():
        return None, "n/a: no frame-level truth"
    keys = list(zip(attention.folds.tolist(), attention.clip_ids.tolist(), strict=True))
    predictions = model.predictions.set_index(["fold", "clip_id"]).loc[keys].reset_index()
    predicted = Scores.of(predictions).y_pred == 1
    kept = population(attention.truth, predicted, _setting(run, "population", "gt_pos"))
    if not kept.any():
        return None, join_notes(status, "no clip counts: none has an annotated frame")
    return Localised(
        attention.weights[kept],
        attention.truth[kept],
        Clusters.of(predictions["patient_id"][kept], predictions["fold"][kept]),
    ), status


def _fold_mean(values: ArrayLike, clusters: Clusters, seed: int) -> Estimate:
    return estimate(mean_statistic(values, clusters), clusters, over_folds=True, seed=seed)


def _setting(run: PaperRun, name: str, default: Any) -> Any:
    return (run.config.get("localisation") or {}).get(name, default)


def _population_sentence(run: PaperRun) -> str:
    counted = {
        "gt_pos": "all test clips with an annotated B-line frame",
        "tp": "test clips with an annotated B-line frame that the network called positive",
    }
    which = _setting(run, "population", "gt_pos")
    return f"Counted: {counted[which]} ({which}). The paper does not state which clips it counts."


TABLES: dict[str, Callable[[PaperRun], Table]] = {
    "table1": table1,
    "table2": table2,
    "representative_frame": representative_frame,
    "transfer": transfer,
}
FIGURES: dict[str, Callable[[PaperRun], Drawing | None]] = {
    "figure1": figure1,
    **classification_drawings(LABELS, CLASSES),
}
