"""Tables of the lung-sliding paper.

A row is a network on one of the six data sets, `2_30x30/resnet3d_18`; each data set has its own
tiles, so each has its own baselines.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from lus_keras.core import config
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.classification import VIDEO, baseline_rows, model_rows
from lus_keras.evaluation.tables.engine import table
from lus_keras.evaluation.tables.judge import binary, most_complete, only, tested
from lus_keras.evaluation.tables.layout import (
    NOT_RUN,
    Column,
    Contrast,
    Layout,
    Measure,
    Number,
    Row,
    columns_of,
    ids,
    mean_measure,
    metrics,
    numbers,
)
from lus_keras.evaluation.tables.studies import Amounts, Study, beyond_table, learning_table
from lus_keras.papers.base import AMOUNTS, labels_of
from lus_keras.papers.localization import table_of
from lus_keras.papers.robustness import robustness_table
from lus_keras.papers.sliding import BASE, CITED, DATA_SETS, DEPTHS, EXPLAINED, OTHERS, PAPER

LABELS = labels_of("sliding")
VARIANTS = {name: variant.title for name, variant in config.load("sliding").variants.items()}
LEAKY = "2_30x30_leaky"
# What is cited of the M-mode network is printed in Table 5 alone.
CLAIMS = ("table4", "table5")
MMODE_NOTE = (
    "M-mode: a ResNet-18 on columns of the marked region over the frames of a clip, as in a study "
    "that the paper cites (Jaščur et al. 2021); columns take the place of tiles."
)
HEADLINE = (
    *metrics("accuracy"),
    Column("sensitivity", "Sensitivity", "recall"),
    *metrics("specificity", "f1"),
)
FURTHER = (
    *metrics("precision", "roc_auc", "pr_auc"),
    Column("brier", "Brier score (0 is best)"),
    *metrics("sensitivity_at_90"),
    *VIDEO,
)
COLUMNS = (*HEADLINE, *FURTHER)
METHODS = {"vanilla": "Vanilla saliency", "smooth": "SmoothGrad"}
# Not in the paper.
FURTHER_METHODS = {"grad-cam": "Grad-CAM", "integrated": "Integrated gradients"}
SHARES = {
    "band": "On the pleural band (share of the map)",
    "below": "On the band and below it (share of the map)",
    "band_untrained": "On the pleural band, random weights",
    "below_untrained": "On the band and below it, random weights",
    "random": "Rank correlation with random weights",
}


def _layout(
    run: PaperRun,
    title: str,
    names: Sequence[str],
    *notes: str,
    rows: Sequence[Row] = (),
    published: str = "",
) -> Layout:
    """Networks by data set, each with its baselines, then `rows`."""
    variants = list(dict.fromkeys(name.partition("/")[0] for name in names))
    made: list[Row] = []
    for variant in variants:
        of_variant = only(run, variant=variant)
        named = {name: LABELS[name] for name in names if name.startswith(f"{variant}/")}
        made += model_rows(of_variant, named)
        made += baseline_rows(of_variant, prefix=f"{variant}/", title=f"{VARIANTS[variant]}, ")
    leaking = ", ".join(VARIANTS[variant] for variant in variants if variant in run.leaking)
    leakage = (
        f"LEAKAGE in {leaking}: tiles of one patient are in both training and test set. These rows "
        "measure how well patients are recognized."
    )
    return Layout(
        title,
        rows=(*made, *rows),
        columns=COLUMNS,
        headline=ids(HEADLINE),
        published_decimals=4,
        published=published,
        notes=(
            *(_population(run, variant) for variant in variants),
            "Positive: sliding present. Baseline: the majority class of the same tiles. Each tile "
            "counts once; intervals are over patients.",
            *((MMODE_NOTE,) if CITED in names else ()),
            *((leakage,) if leaking else ()),
            *notes,
        ),
    )


def _population(run: PaperRun, variant: str) -> str:
    clips = run.variants[variant].data.clips if variant in run.variants else None
    largest = most_complete(only(run, variant=variant))
    if clips is None or largest is None:
        return f"{VARIANTS[variant]}: not run."
    positive = f", {(largest['y_true'] == 1).mean():.0%} with sliding"
    prefix = f"{VARIANTS[variant]}: {clips} tiles; tested: "
    return tested(largest, "tiles", positive, prefix=prefix)


def _plain(id_: str, title: str, *notes: str, published: str = ""):
    """A table of the networks of a target by data set."""
    names = PAPER.targets[id_]
    return table(lambda run: _layout(run, title, names, *notes, published=published), id_)


table1 = _plain("table1", "Table 1. Tiles of 30 × 30 pixels")
table2 = _plain("table2", "Table 2. Tiles of 60 × 60 pixels")
table3 = _plain("table3", "Table 3. Tiles of 90 × 90 pixels")
table4 = _plain("table4", "Table 4. All data sets and networks")
table5 = _plain(
    "table5",
    "Table 5. The networks the paper calls best, and a network on M-mode slices",
    "The published M-mode numbers are of that study.",
)
pleura = _plain(
    "pleura",
    "Pleura only: the first row of tiles of 30 × 30 pixels, compared with two rows",
    "The paper's conclusion names tiles of the pleura only as future work and has no numbers for "
    "them; those of two rows are from Table 1. Where the pleural line is oblique, part of it lies "
    "in the second row.",
    published="table1",
)


@table
def leakage(run: PaperRun) -> Layout:
    """The same networks on the same tiles, divided by patient and by tile, and the difference.

    Rows `leakage_gain/<network>` hold the difference with its interval.
    """
    gains = [
        Row(
            f"leakage_gain/{name}",
            f"Gain from splitting by tile, {LABELS[name]}",
            partial(_gain, run, name),
        )
        for name in DEPTHS
    ]
    title = "Leakage: the same networks and tiles, split by patient and by tile"
    note = (
        "Gain: metric with the split by tile minus that with the split by patient; the two test "
        "sets are resampled independently, each over its patients."
    )
    return _layout(run, title, PAPER.targets["leakage"], note, rows=gains)


def _gain(run: PaperRun, name: str, column: Column) -> Contrast | Number | None:
    if column not in (*HEADLINE, *FURTHER[:4]):
        return None
    frames = [run.model(f"{variant}/{name}").predictions for variant in (LEAKY, "2_30x30")]
    first, second = (None if frame is None else binary(frame) for frame in frames)
    return first.minus(second, column.name, paired=False) if first and second else NOT_RUN


@table
def explanations(run: PaperRun) -> Layout:
    """How much of the maps lies at the pleura, against an even map, and on random weights.

    The shares need simulated videos, whose pleura is known.
    """
    made = run.model(EXPLAINED).explanations or {}
    methods = METHODS | {name: label for name, label in FURTHER_METHODS.items() if name in made}
    return Layout(
        "Explanations: where the maps of test tiles lie",
        rows=[
            Row(method, label, partial(_mapped, run, method)) for method, label in methods.items()
        ],
        columns=columns_of(SHARES),
        notes=(
            "Tiles of the uppermost row, which contains the pleural line. Baseline: the share of "
            "the area, expected of a uniform map. A correlation near 1 with the maps of random "
            "weights would mean that the maps show the input, not what was learned. Maps of "
            "random weights are not uniform: shortcuts of these networks subsample every second "
            "pixel from the upper left, so maps lean toward that corner even without training. A "
            "share is meaningful only if it also differs from that of random weights.",
        ),
    )


def _mapped(run: PaperRun, method: str, column: Column) -> Measure | Number:
    maps = run.model(EXPLAINED).explanations
    if maps is None:
        return Number(note="not run: requires the target figure5")
    values = maps.get(f"{method}_{column.id}")
    if values is None:
        return Number(note="not measured by the version of lus_keras that made the run")
    known = ~np.isnan(values)
    if not known.any():
        return Number(note="n/a: the pleura is not known in these videos")
    chance = None
    if column.id != "random":
        chance = float(np.mean(maps[f"{column.id.removesuffix('_untrained')}_area"][known]))
    return mean_measure(values[known], maps["patient_id"][known], chance)


@table
def figure4(run: PaperRun) -> Layout:
    """Figure 4 as numbers: tiles of each class in the six data sets."""
    rows = []
    for variant in DATA_SETS:
        counts = class_counts(run, variant)
        known = {name: Number(counts.get(name)) for name in ("present", "absent", "total")}
        rows.append(Row(variant, variant, numbers(known), "" if counts else "not run"))
    return Layout(
        "Figure 4. Tiles of each class in the six data sets",
        rows,
        columns_of({"present": "Sliding", "absent": "No sliding", "total": "Total"}),
        decimals=0,
        published_decimals=0,
        notes=("Counts of the whole data set, not of its test part.",),
    )


def class_counts(run: PaperRun, variant: str) -> dict[str, float]:
    """Tiles of each class in a data set, and `total`; empty if it was not prepared."""
    classes = run.variants[variant].data.classes if variant in run.variants else {}
    if not classes:
        return {}
    counts = {name: float(count) for name, count in classes.items()}
    return counts | {"total": float(sum(classes.values()))}


BEYOND = Study(
    {name: LABELS[name] for name in (*BASE, CITED)}
    | {name: f"{LABELS[name].removesuffix(' (ours)')} (ours)" for name in OTHERS},
    # Of Table 1, on these tiles.
    best="2_30x30/resnet3d_50",
    columns=(HEADLINE[0], FURTHER[1]),
)
LEARNING = Amounts(
    BEYOND,
    AMOUNTS,
    {name: LABELS[name] for name in DEPTHS},
    pairs=(("resnet3d_50", "resnet3d_18"),),
    published=48,
)

TABLES = {
    "table1": table1,
    "table2": table2,
    "table3": table3,
    "table4": table4,
    "table5": table5,
    "figure4": figure4,
    "leakage": leakage,
    "pleura": pleura,
    "explanations": explanations,
    "localization": table_of(EXPLAINED),
    "beyond": beyond_table(BEYOND),
    "learning_curve": learning_table(LEARNING),
    "robustness": robustness_table(BEYOND, BASE),
}
