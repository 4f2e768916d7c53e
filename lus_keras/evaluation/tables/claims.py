"""A paper's claims, tested by paired bootstrap over patients, and over seeds if there are several.

A side of a claim is a network, or the mean of several. Networks tested on the same clips are
compared on these; networks of two data sets are compared on the patients that both tested.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lus_keras.evaluation.metrics.records import Ints, Weighted
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Claim, Comparison, finite, join_notes
from lus_keras.evaluation.tables.engine import difference_of
from lus_keras.evaluation.tables.judge import binary, shared
from lus_keras.evaluation.tables.layout import METRICS, Contrast, Side

# Names of a metric in printed tables.
PRINTED = {"recall": ("recall", "sensitivity")}
# Presets that are the paper's own protocol; claims tested with others are marked.
AS_PRINTED = ("", "paper")


def compared(
    runs: Sequence[PaperRun], tables: Sequence[str], labels: Mapping[str, str]
) -> list[Claim]:
    """Tests every claim of the paper on pooled predictions.

    Args:
        runs: The paper's run, or those of several seeds; the record of the first contains `claims`
            with `id, text, better, worse, metric`. A side names a network, or several, of which it
            is the mean; `metric` decides.
        tables: Tables with the published numbers; the first that has a number is used.
        labels: Printed name of each network.

    Returns:
        The claims, with ROC-AUC as an additional metric; verdicts need at least three seeds.
    """
    return [_claim(runs, tables, labels, entry) for entry in runs[0].record.claims]


def _claim(
    runs: Sequence[PaperRun],
    tables: Sequence[str],
    labels: Mapping[str, str],
    entry: Mapping[str, Any],
) -> Claim:
    run, sides = runs[0], [_names(entry[side]) for side in ("better", "worse")]
    names = [name for side in sides for name in side]
    # Data sets are cut into clips of their own: equal ids need not be equal clips.
    same = len({name.rpartition("/")[0] for name in names}) == 1
    of_seeds = [[of_seed.model(name).predictions for name in names] for of_seed in runs]
    found = [known for frames in of_seeds if (known := shared(frames, same_clips=same))]
    states = {labels.get(name, name): run.status(name) for name in names}
    notes, tested = [f"{label}: {state}" for label, state in states.items() if state], {}
    if found:
        first = found[0][0]
        few, scaled = len(found) < len(runs), run.preset not in AS_PRINTED
        notes.append(f"{len(found)} of {len(runs)} seeds" if few else "")
        notes.append(f"tested at the scale of the preset {run.preset}" if scaled else "")
        tested = {
            "comparisons": [
                _compared(run, tables, sides, found, metric)
                for metric in dict.fromkeys((entry["metric"], "roc_auc"))
            ],
            "n_patients": first["patient_id"].nunique(),
            "n_clips": min(map(len, found[0])),
            "n_folds": first["fold"].nunique(),
        }
    note = join_notes(*notes) or ("" if found else "no patient was tested with both")
    better, worse = (_printed_name(side, labels) for side in sides)
    return Claim(str(entry["id"]), str(entry["text"]), better, worse, note=note, **tested)


def _names(side: str | Sequence[str]) -> list[str]:
    return [side] if isinstance(side, str) else list(side)


def _printed_name(names: Sequence[str], labels: Mapping[str, str]) -> str:
    texts = [labels.get(name, name) for name in names]
    data_sets = {text.rpartition(", ")[0] for text in texts}
    if len(texts) > 1 and len(data_sets) == 1:
        return f"{data_sets.pop()}, mean of {len(texts)} networks"
    return " and ".join(texts)


def _compared(
    run: PaperRun,
    tables: Sequence[str],
    sides: Sequence[Sequence[str]],
    found: Sequence[Sequence[pd.DataFrame]],
    metric: str,
) -> Comparison:
    """One metric of a claim, ours and the difference of the published numbers."""
    contrasts, split = [], len(sides[0])
    for frames in found:
        parts = [binary(frame).side(metric) for frame in frames]
        contrasts.append(Contrast(_mean(parts[:split]), _mean(parts[split:])))
    # NaN where one is not published.
    printed = [[_published(run, tables, name, metric) for name in side] for side in sides]
    better, worse = (np.mean(np.array(values, np.float64)) for values in printed)
    # 0.81 - 0.79 is 0.020000000000000018 in binary; the paper prints two digits.
    published = finite(round(float(better - worse), 6))
    name = "Sensitivity" if metric == "recall" else METRICS.get(metric, metric)
    return Comparison(metric, f"{name}, pooled", published, difference_of(contrasts, run))


def _mean(sides: Sequence[Side]) -> Side:
    """Mean of a metric over networks tested on the same patients."""
    if len(sides) == 1:
        return sides[0]

    def statistic(_: Ints) -> Weighted:
        parts = [part(np.arange(len(clusters.patients))) for part, clusters in sides]
        return lambda weights: np.mean([part(weights) for part in parts], axis=0)

    return statistic, sides[0][1]


def _published(run: PaperRun, tables: Sequence[str], name: str, metric: str) -> float | None:
    places = ((table, name, of) for table in tables for of in PRINTED.get(metric, (metric,)))
    values = (run.published_value(*place) for place in places)
    return next((value for value in values if value is not None), None)
