"""Robustness: test clips with one nuisance of increasing strength.

Not in the papers. The clips are test clips of the first fold, in the same order; nothing is
trained. Nuisances are those of `lus_keras.data.disturb`, at the input size of the networks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lus_keras.data.clip_source import ClipSource
from lus_keras.data.disturb import NUISANCES, DisturbedClips
from lus_keras.evaluation.plots.studies import Point, curves
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Drawing, Table
from lus_keras.evaluation.tables.drawings import Maker
from lus_keras.evaluation.tables.engine import difference_of, table
from lus_keras.evaluation.tables.layout import (
    NOT_RUN,
    Column,
    Contrast,
    Judged,
    Layout,
    Quantity,
    Row,
)
from lus_keras.evaluation.tables.studies import Study, point_of
from lus_keras.papers.base import to_probabilities

if TYPE_CHECKING:
    import keras

    from lus_keras.core.config import PaperConfig

TARGET, FILE = "robustness", "robustness.npz"
# Clips of a network that are disturbed, spread evenly over its test set.
MOST = 256
# Its probabilities are those of training, which divides logits by the fold's temperature.
CALIBRATED = True
NONE = "none"
CHANGE = Column("change", "Change")


def explain(
    model: keras.Model,
    source: ClipSource,
    rows: np.ndarray,
    config: PaperConfig,
    items: Sequence[Any],
    temperature: float = 1.0,
) -> dict[str, np.ndarray]:
    """Predicts test clips undisturbed, and with each nuisance at each of its levels.

    Args:
        model: Trained network from clips to logits.
        source: The clips.
        rows: `(n,)` rows of the test clips.
        config: The paper's configuration.
        items: Not used.
        temperature: Logits are divided by it, see `fit.calibrate`.

    Returns:
        `clip_id`, `patient_id`, `video_id` and `y_true`, each `(m,)`, of up to 256 clips;
        probabilities `(m, classes)` by `none` and `<nuisance>_<step>`, steps from 1.
    """
    from lus_keras.data.pipeline import make_batches
    from lus_keras.models.predictor import predictor_of

    rows = rows[:: max(1, -(-len(rows) // MOST))]
    index, predictor = source.index, predictor_of(model, ())
    columns = ("clip_id", "patient_id")
    found: dict[str, np.ndarray] = {name: getattr(index, name)[rows] for name in columns}
    ids = np.array([video.video_id for store in source.stores for video in store.videos])
    found |= {"video_id": ids[index.video[rows]], "y_true": index.label[rows]}

    def predict(clips: ClipSource) -> np.ndarray:
        batches = make_batches(clips, rows, np.zeros(len(rows), bool), config.fit.batch_size)
        return to_probabilities(predictor.predict(batches, verbose=0)["logits"] / temperature)

    found[NONE] = predict(source)
    for name, nuisance in NUISANCES.items():
        if nuisance.moves and index.frames == 1:
            continue
        for step, level in enumerate(nuisance.levels, start=1):
            disturbed = DisturbedClips(source.stores, index, source.clip, nuisance, level)
            found[f"{name}_{step}"] = predict(disturbed)
    return found


def _judged(study: Study, found: Mapping[str, np.ndarray] | None) -> dict[str, Judged]:
    """Statistics at every level that was predicted; empty if none was."""
    if found is None:
        return {}
    columns = ("clip_id", "video_id", "patient_id", "y_true")
    ids = pd.DataFrame({name: found[name] for name in columns}).assign(fold=0)
    return {
        name: study.judged(ids.assign(**{f"p_{k}": part for k, part in enumerate(chances.T)}))
        for name, chances in found.items()
        if name not in columns
    }


def _change(study: Study, judged: Mapping[str, Judged], name: str) -> Contrast | None:
    """The metric at a level minus that of the undisturbed clips; None if it was not run."""
    if not {name, NONE} <= judged.keys():
        return None
    return judged[name].minus(judged[NONE], study.columns[0].name, judged=False)


def _steps() -> dict[str, str]:
    """Levels in order, with their printed names."""
    return {NONE: "undisturbed"} | {
        f"{name}_{step}": f"{nuisance.label} {level:g}"
        for name, nuisance in NUISANCES.items()
        for step, level in enumerate(nuisance.levels, start=1)
    }


def robustness_table(study: Study, networks: Sequence[str]) -> Callable[..., Table]:
    """The table of a paper's networks, `model` or `variant/model`, at every level."""

    def row(network: str, known: Mapping[str, Judged], at: str, text: str) -> Row:
        def source(column: Column) -> Quantity | None:
            if column == CHANGE:
                return None if at == NONE else _change(study, known, at) or NOT_RUN
            return known[at](column) if at in known else NOT_RUN

        return Row(f"{network}/{at}", f"{study.labels[network]}: {text}", source)

    @table
    def robustness(run: PaperRun) -> Layout:
        judged = {name: _judged(study, run.model(name).robustness) for name in networks}
        return Layout(
            "Robustness: test clips with one nuisance of increasing strength",
            [
                row(network, known, at, text)
                for network, known in judged.items()
                for at, text in _steps().items()
                if at in known or not known
            ],
            (study.columns[0], CHANGE),
            notes=(
                f"Ours, not the paper's. Up to {MOST} test clips of the first fold, disturbed at "
                "the input size of the networks; nothing is trained. Change: difference from the "
                "same clips undisturbed, by paired bootstrap over patients.",
                *_broken(run, study, judged),
            ),
        )

    return robustness


def _broken(
    run: PaperRun, study: Study, judged: Mapping[str, Mapping[str, Judged]]
) -> Iterator[str]:
    """For each nuisance, the level from which each network is worse, the least robust first."""
    known = {name: found for name, found in judged.items() if found}
    for name, nuisance in NUISANCES.items() if known else ():
        first = {}
        for network, found in known.items():
            for step, level in reversed(list(enumerate(nuisance.levels, start=1))):
                contrast = _change(study, found, f"{name}_{step}")
                if contrast is None or not difference_of([contrast], run).ci_high < 0:
                    break
                first[network] = (step, f"{study.labels[network]} from {level:g} on")
        told = [text for _, text in sorted(first.values(), key=lambda found: found[0])]
        if any(f"{name}_1" in found for found in known.values()):
            yield f"{nuisance.label}, interval below 0: {'; '.join(told) or 'no network'}."


def robustness_figure(study: Study, networks: Sequence[str]) -> Maker:
    """The table as curves, one panel per nuisance; None without results."""
    make, metric = robustness_table(study, networks), study.columns[0]

    def draw(run: PaperRun) -> Drawing | None:
        made, panels, ticks = make(run), {}, {}
        for name, nuisance in NUISANCES.items():
            steps = [NONE, *(f"{name}_{step + 1}" for step in range(len(nuisance.levels)))]
            lines: dict[str, list[Point]] = {}
            for network in networks:
                cells = [made.cell(f"{network}/{at}", metric.id) for at in steps]
                found = [point_of(x, cell) for x, cell in enumerate(cells)]
                if None not in found:
                    lines[study.labels[network]] = [point for point in found if point]
            if lines:
                panels[nuisance.label] = lines
                ticks[nuisance.label] = ["none", *(f"{level:g}" for level in nuisance.levels)]
        if not panels:
            return None
        return Drawing(
            TARGET,
            "Robustness",
            "Bands: 95 % CI over patients. The strength of one nuisance increases to the right.",
            curves(panels, metric.label, ticks=ticks),
        )

    return draw
