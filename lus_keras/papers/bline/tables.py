"""Tables of the B-line paper (Kerdegari et al., ISBI 2021), and transfer from simulated videos."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from lus_keras.core.config import LocalisationConfig
from lus_keras.evaluation.metrics import (
    Clusters,
    Scores,
    all_frames_iou,
    mean_statistic,
    population,
    random_frame_hit,
    random_frame_localised,
    representative_frame_hit,
    temporal_iou,
    video_level,
)
from lus_keras.evaluation.metrics.scores import probability_columns
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import join_notes
from lus_keras.evaluation.tables.classification import baseline_rows, classified, model_rows
from lus_keras.evaluation.tables.engine import table
from lus_keras.evaluation.tables.judge import binary, shared
from lus_keras.evaluation.tables.layout import (
    NOT_RUN,
    Column,
    Contrast,
    Layout,
    Measure,
    Number,
    Quantity,
    Row,
    columns_of,
    metrics,
)
from lus_keras.evaluation.tables.studies import Amounts, Study, beyond_table, learning_table
from lus_keras.papers.base import AMOUNTS, labels_of
from lus_keras.papers.bline import ABLATION, MODELS, PARTS, SPATIAL, TRANSFER
from lus_keras.papers.localization import table_of
from lus_keras.papers.robustness import robustness_table

LABELS = labels_of("bline")
NETWORKS = {name: LABELS[name] for name in MODELS}
CLAIMS = ("table1",)
FRAME_BASELINES = {"random_frame": "One random frame (expected)", "all_frames": "All frames"}
POPULATIONS = {
    "gt_pos": "all test clips with an annotated B-line frame",
    "tp": "test clips with an annotated B-line frame that the network predicts positive",
}


@table
def table1(run: PaperRun) -> Layout:
    """Table 1: precision, recall and F1 of the four networks, and what the paper does not print."""
    title = "Table 1. Classification of one-second clips, positive = B-line"
    return classified(run, title, NETWORKS, "Baseline: the majority-class predictor.")


@table
def attention(run: PaperRun) -> Layout:
    """Eq. 1 as printed, the attention that the paper names, and none: a study of ours."""
    labels = {
        "c2d_lstm_a": "Eq. 1 as printed: h·w",
        "additive/c2d_lstm_a": "Bahdanau, cited by the paper: v·tanh(W h)",
        "c2d_lstm": "No attention",
    }
    title = "Scores of temporal attention in C2D+LSTM+A"
    return classified(run, title, labels, "Not in the paper.", published="table1")


@table
def ablation(run: PaperRun) -> Layout:
    """C2D+LSTM+A with one thing at a time as the paper has it, the rest as the preset has it."""
    own, *others = ABLATION
    network = LABELS[own]
    labels = {own: f"{network} at preset {run.preset}"}
    labels |= {name: f"… with {LABELS[name].removesuffix(f', {network}')}" for name in others}
    title = "Ablation: one setting at a time as printed"
    note = "Rows with 60 patients are tested on another cohort: their differences are not paired."
    return classified(run, title, labels, note, "Not in the paper.", published="table1")


@dataclass(frozen=True)
class Localised:
    """Attention and truth of the clips that localization is counted over.

    Attributes:
        weights: `(n, t)` float32 attention.
        truth: `(n, t)` int8, 1 or 0.
    """

    weights: NDArray[np.float32]
    truth: NDArray[np.int8]
    clusters: Clusters


# From clips and metric id to one number a clip.
Rule = Callable[[Localised, str], ArrayLike]


@table
def table2(run: PaperRun) -> Layout:
    """Table 2: share of clips whose attention overlaps the annotated frames by at least α.

    `config.localisation` may set `threshold`, `population`, `alphas`.
    """
    threshold = localisation(run).threshold
    alphas = {f"iou_{alpha:g}": alpha for alpha in localisation(run).alphas}
    rules: dict[str, Rule] = {
        "": lambda data, id_: temporal_iou(data.weights, data.truth, threshold) >= alphas[id_],
        "random_frame": lambda data, id_: random_frame_localised(data.truth, [alphas[id_]])[:, 0],
        "all_frames": lambda data, id_: all_frames_iou(data.truth) >= alphas[id_],
    }
    return _frame_layout(
        run,
        "Table 2. B-line localization accuracy (%) at different IoU α",
        {id_: f"IoU ≥ {alpha:g}" for id_, alpha in alphas.items()},
        rules,
        f"Predicted frames: attention, rescaled to 0 … 1 per clip, ≥ {threshold:g}. The paper "
        "does not state its threshold.",
    )


@table
def representative_frame(run: PaperRun) -> Layout:
    """How often the frame with the highest attention is an annotated one."""
    rules: dict[str, Rule] = {
        "": lambda data, _: representative_frame_hit(data.weights, data.truth),
        "random_frame": lambda data, _: random_frame_hit(data.truth),
        # Naming every frame names an annotated one too: the ceiling, reached without any skill.
        "all_frames": lambda data, _: np.ones(len(data.truth)),
    }
    title = "Representative frame (%): the frame of highest attention is annotated"
    first = "; the first of equal weights counts"
    return _frame_layout(run, title, {"accuracy": "Accuracy"}, rules, first=first)


def _frame_layout(
    run: PaperRun,
    title: str,
    labels: dict[str, str],
    rules: dict[str, Rule],
    *notes: str,
    first: str = "",
) -> Layout:
    """A localization table: four networks, then the two predictors without skill."""
    named, which = run.with_own(NETWORKS), localisation(run).population
    found = {name: _localised(run, name) for name in named}
    usable = [data for data, _ in found.values() if data is not None]
    largest = max(usable, key=lambda data: len(data.truth), default=None)
    absent = "" if largest else "n/a: no frame-level truth"

    def source(data: Localised | None, names: Sequence[str], column: Column) -> Number | Measure:
        if data is None:
            return Number()
        ours, *chance = (
            mean_statistic(rules[name](data, column.id), data.clusters) for name in names
        )
        return Measure(ours, data.clusters, chance[0] if chance else None)

    rows = [
        Row(name, named[name], partial(source, data, ("", "random_frame")), note)
        for name, (data, note) in found.items()
    ]
    rows += [
        Row(name, label, partial(source, largest, (name,)), absent)
        for name, label in FRAME_BASELINES.items()
    ]
    return Layout(
        title,
        rows,
        columns_of(labels, over_folds=True, scale=100),
        decimals=1,
        published_decimals=1,
        notes=(
            *notes,
            f"Evaluated: {POPULATIONS[which]} ({which}). The paper does not state which clips it "
            "uses.",
            f"Mean over folds{first}. Baseline: expected value of one frame drawn at random.",
        ),
    )


def _localised(run: PaperRun, name: str) -> tuple[Localised | None, str]:
    """Finds the clips of a model that localization counts, or says why there are none."""
    predictions, attention, status = (
        run.model(name).predictions,
        run.model(name).attention,
        run.status(name),
    )
    if name == "c2d_lstm" or (predictions is not None and attention is None):
        return None, "n/a: no attention"
    if attention is None or predictions is None:
        return None, status or "no finished fold"
    if (attention.truth < 0).any(1).all():
        return None, "n/a: no frame-level truth"
    keys = list(zip(attention.folds.tolist(), attention.clip_ids.tolist(), strict=True))
    tested = predictions.set_index(["fold", "clip_id"]).loc[keys].reset_index()
    predicted = Scores.of(tested).y_pred == 1
    kept = population(attention.truth, predicted, localisation(run).population)
    if not kept.any():
        return None, join_notes(status, "no eligible clip: none has an annotated frame")
    clusters = Clusters.of(tested["patient_id"][kept], tested["fold"][kept])
    return Localised(attention.weights[kept], attention.truth[kept], clusters), status


def localisation(run: PaperRun) -> LocalisationConfig:
    """How localization is counted; as usual where the run's record does not say."""
    return LocalisationConfig.model_validate(run.settings.localisation or {})


WITHIN, SIMULATED, TUNED = TRANSFER
TRANSFER_LABELS = {
    WITHIN: "Trained on these videos, within the folds",
    SIMULATED: "Trained on simulated videos only",
    TUNED: "Trained on simulated videos, then within the folds",
}
SCORES = {"mean": "the mean", "max": "the highest"}
TRANSFER_COLUMNS = (
    *metrics("roc_auc", "accuracy", "f1", id_="video_{}", label="{}, per video"),
    Column("video_brier", "Brier score, per video (0 is best)", "brier"),
)


def per_video(predictions: pd.DataFrame, score: str = "mean") -> pd.DataFrame:
    """One row a video; where several networks tested it, their mean.

    Args:
        predictions: Rows of predictions.csv of one or several folds.
        score: What makes a video's probability of its clips', see `video_level`.

    Returns:
        One row a video, with `clip_id` equal to `video_id` and `fold` 0, ordered by video.
    """
    rows = video_level(predictions, score)
    how = dict.fromkeys(probability_columns(rows), "mean") | {"y_true": "max"}
    rows = rows.groupby(["patient_id", "video_id"], as_index=False, sort=True).agg(how)
    return rows.assign(fold=0, clip_id=rows["video_id"])


@table
def transfer(run: PaperRun) -> Layout:
    """Performance on real videos of training on simulated ones: our study, not the paper's.

    Three networks of one kind are tested on the same real videos: one trained on these videos
    within the folds, one trained on simulated videos only, and one trained on simulated videos
    first. Rows `gain/…` are paired differences to training on these videos.
    """
    score = run.settings.transfer.video_score
    models = {
        name: replace(model, predictions=per_video(model.predictions, score))
        for name in TRANSFER
        if (model := run.model(name)).predictions is not None
    }
    averaged = replace(run, models={**run.models, **models})

    def gain(name: str, column: Column) -> Contrast | Number:
        found = shared([averaged.model(of).predictions for of in (name, WITHIN)])
        if not found:
            return NOT_RUN
        # A lower Brier score is the better one, so that its difference is no verdict.
        first, second = map(binary, found)
        return first.minus(second, column.name, judged=column.name != "brier")

    gains = [
        Row(f"gain/{name}", f"Gain: t{TRANSFER_LABELS[name][1:]}", partial(gain, name))
        for name in (SIMULATED, TUNED)
    ]
    return Layout(
        "Transfer: networks trained on simulated videos, tested on these videos",
        (*model_rows(averaged, TRANSFER_LABELS), *baseline_rows(averaged), *gains),
        TRANSFER_COLUMNS,
        notes=(
            "Not in the paper. No label of these videos was used to make the simulated ones or to "
            f"train on them. The probability of a video is {SCORES[score]} of those of its clips; "
            "if several networks were trained on the simulated videos, their probabilities are "
            "averaged.",
            "Gain: difference from training on these videos only, by paired bootstrap over "
            "patients. Baseline: the majority class.",
        ),
    )


def _localized() -> dict[Column, Callable[[PaperRun, str], Quantity]]:
    """Columns of Table 2 and of the representative frame, of any network with attention."""

    def overlaps(alpha: float) -> Callable[[Localised, float], ArrayLike]:
        return lambda data, threshold: temporal_iou(data.weights, data.truth, threshold) >= alpha

    def share(
        run: PaperRun, name: str, *, rule: Callable[[Localised, float], ArrayLike]
    ) -> Quantity:
        data, _ = _localised(run, name)
        if data is None:
            return Number()
        found = rule(data, localisation(run).threshold)
        return Measure(mean_statistic(found, data.clusters), data.clusters)

    rules = {f"iou_{alpha:g}": (f"IoU ≥ {alpha:g} (%)", overlaps(alpha)) for alpha in (0.1, 0.4)}
    rules["representative_frame"] = (
        "Representative frame (%)",
        lambda data, _: representative_frame_hit(data.weights, data.truth),
    )
    return {
        Column(id_, label, over_folds=True, scale=100, digits=1): partial(share, rule=rule)
        for id_, (label, rule) in rules.items()
    }


BEYOND = Study(
    {**NETWORKS, **{name: f"{LABELS[name]} (ours)" for name in PARTS}},
    best="c2d_lstm_a",
    columns=(Column("f1_pooled", "F1, pooled", "f1"), Column("roc_auc", "ROC-AUC, pooled")),
    further=_localized(),
)
LEARNING = Amounts(
    BEYOND,
    AMOUNTS,
    NETWORKS,
    pairs=(("c2d_lstm", "c2d_a"), ("c2d_lstm_a", "c2d_a"), ("c2d_lstm_a", "c2d_lstm")),
    published=60,
)

TABLES = {
    "table1": table1,
    "table2": table2,
    "representative_frame": representative_frame,
    "transfer": transfer,
    "localization": table_of("c2d_lstm_a", {SPATIAL: "Spatial attention, network with it"}),
    "attention": attention,
    "ablation": ablation,
    "beyond": beyond_table(BEYOND),
    "learning_curve": learning_table(LEARNING),
    "robustness": robustness_table(BEYOND, MODELS),
}
