"""A paper's claims, tested by paired bootstrap over patients, and over seeds if there are several.

A side of a claim is a network, or the mean of several. Networks tested on the same clips are
compared on these; networks of two data sets are compared on the patients that both tested.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lus_keras.evaluation.metrics import Statistic, aligned
from lus_keras.evaluation.metrics.records import Ints, Weighted
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Claim, Comparison, join_notes
from lus_keras.evaluation.tables.classification import binary_side
from lus_keras.evaluation.tables.engine import difference_of
from lus_keras.evaluation.tables.layout import Contrast, Side

METRIC_NAMES = {"f1": "F1", "roc_auc": "ROC-AUC", "accuracy": "Accuracy", "recall": "Sensitivity"}
# Names of a metric in printed tables.
PRINTED = {"recall": ("recall", "sensitivity")}
# Presets that are the paper's own protocol; claims tested with others are marked.
AS_PRINTED = ("", "paper")


@dataclass(frozen=True)
class _Wanted:
    """A claim of the configuration: networks (of several the mean) and the deciding metric."""

    id: str
    text: str
    better: tuple[str, ...]
    worse: tuple[str, ...]
    metric: str

    @classmethod
    def of(cls, entry: Mapping[str, str | Sequence[str]]) -> "_Wanted":
        better, worse = (
            (named,) if isinstance(named := entry[side], str) else tuple(named)
            for side in ("better", "worse")
        )
        return cls(str(entry["id"]), str(entry["text"]), better, worse, str(entry["metric"]))

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.better, *self.worse)


def compared(
    runs: Sequence[PaperRun], tables: Sequence[str], labels: Mapping[str, str]
) -> list[Claim]:
    """Tests every claim of the paper on pooled predictions.

    Args:
        runs: The paper's run, or those of several seeds; the record of the first contains `claims`
            with `id, text, better, worse, metric`.
        tables: Tables with the published numbers; the first that has a number is used.
        labels: Printed name of each network.

    Returns:
        The claims, with ROC-AUC as an additional metric; verdicts need at least three seeds.
    """
    wanted = map(_Wanted.of, runs[0].record.claims)
    return [_claim(runs, tables, labels, claim) for claim in wanted]


def _claim(
    runs: Sequence[PaperRun], tables: Sequence[str], labels: Mapping[str, str], wanted: _Wanted
) -> Claim:
    run = runs[0]
    better, worse = (_named(side, labels) for side in (wanted.better, wanted.worse))
    found = [frames for run in runs if (frames := _tested(run, wanted)) is not None]
    states = {labels.get(name, name): run.status(name) for name in wanted.names}
    note = join_notes(*(f"{label}: {state}" for label, state in states.items() if state))
    if not found:
        note = note or "no patient was tested with both"
        return Claim(wanted.id, wanted.text, better, worse, note=note)
    if len(found) < len(runs):
        note = join_notes(note, f"{len(found)} of {len(runs)} seeds")
    if run.preset not in AS_PRINTED:
        note = join_notes(note, f"tested at the scale of the preset {run.preset}")
    frames = found[0][0]
    return Claim(
        wanted.id,
        wanted.text,
        better,
        worse,
        comparisons=_compare(run, tables, wanted, found),
        n_patients=frames["patient_id"].nunique(),
        n_clips=min(len(frame) for frame in found[0]),
        n_folds=frames["fold"].nunique(),
        note=note,
    )


def _named(names: Sequence[str], labels: Mapping[str, str]) -> str:
    texts = [labels.get(name, name) for name in names]
    data_sets = {text.rpartition(", ")[0] for text in texts}
    if len(texts) > 1 and len(data_sets) == 1:
        return f"{data_sets.pop()}, mean of {len(texts)} networks"
    return " and ".join(texts)


def _tested(run: PaperRun, wanted: _Wanted) -> list[pd.DataFrame] | None:
    """Predictions of every network of a claim on shared clips or patients; None without any."""
    frames = [run.model(name).predictions for name in wanted.names]
    known = [frame for frame in frames if frame is not None]
    if len(known) < len(frames):
        return None
    same = aligned(known)
    variants = {name.rpartition("/")[0] for name in wanted.names}
    if len(variants) > 1:
        # Data sets are cut into clips of their own: equal ids need not be equal clips.
        patients = set.intersection(*(set(frame["patient_id"]) for frame in known))
        same = [frame[frame["patient_id"].isin(patients)] for frame in known]
    return same if len(same[0]) else None


def _compare(
    run: PaperRun, tables: Sequence[str], wanted: _Wanted, found: Sequence[Sequence[pd.DataFrame]]
) -> list[Comparison]:
    comparisons = []
    for metric in dict.fromkeys((wanted.metric, "roc_auc")):
        contrasts = []
        for frames in found:
            sides = [binary_side(frame, metric) for frame in frames]
            split = len(wanted.better)
            contrasts.append(Contrast(_mean(sides[:split]), _mean(sides[split:])))
        label = f"{METRIC_NAMES.get(metric, metric)}, pooled"
        published = _published(run, tables, wanted, metric)
        comparisons.append(Comparison(metric, label, published, difference_of(contrasts, run)))
    return comparisons


def _mean(sides: Sequence[Side]) -> Side:
    """Mean of a metric over networks tested on the same patients."""
    if len(sides) == 1:
        return sides[0]

    def statistic(_: Ints) -> Weighted:
        parts = [part(np.arange(len(clusters.patients))) for part, clusters in sides]
        return lambda weights: np.mean([part(weights) for part in parts], axis=0)

    mean: Statistic = statistic
    return mean, sides[0][1]


def _published(run: PaperRun, tables: Sequence[str], wanted: _Wanted, metric: str) -> float | None:
    """Difference of the published numbers; None if one is not published."""
    means = []
    for names in (wanted.better, wanted.worse):
        values = [_printed(run, tables, name, metric) for name in names]
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        means.append(sum(known) / len(known))
    # 0.81 - 0.79 is 0.020000000000000018 in binary; the paper prints two digits.
    return round(means[0] - means[1], 6)


def _printed(run: PaperRun, tables: Sequence[str], name: str, metric: str) -> float | None:
    places = ((table, name, of) for table in tables for of in PRINTED.get(metric, (metric,)))
    values = (run.published_value(*place) for place in places)
    return next((value for value in values if value is not None), None)
