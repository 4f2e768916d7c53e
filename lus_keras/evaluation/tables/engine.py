"""Computes tables: estimate, interval, baseline and cell for every row and column."""

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import wraps

import numpy as np

from lus_keras.evaluation.metrics import (
    Difference,
    Estimate,
    Statistic,
    estimate,
    independent_difference,
    paired_difference,
    point,
)
from lus_keras.evaluation.metrics.seeds import Part, difference_over_seeds, estimate_over_seeds
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Cell, Table, filled, finite, join_notes
from lus_keras.evaluation.tables.layout import Column, Contrast, Layout, Measure, Number, Quantity

_ESTIMATES: weakref.WeakKeyDictionary[Statistic, dict[tuple[bool, int], Estimate]] = (
    weakref.WeakKeyDictionary()
)


def table(declare: Callable[[PaperRun], Layout], id_: str = "") -> Callable[..., Table]:
    """Turns a declaration (a function of a run) into a function from runs to a table.

    Args:
        id_: Id of the table; the name of the function if empty.
    """

    @wraps(declare)
    def make(*runs: PaperRun) -> Table:
        return tabulate(id_ or declare.__name__, runs, [declare(run) for run in runs])

    return make


def tabulate(id_: str, runs: Sequence[PaperRun], layouts: Sequence[Layout]) -> Table:
    """Estimates every cell of a table.

    Args:
        runs: The run of each seed, at least one; published numbers are those of the first.
        layouts: The layout of each; rows, titles and notes are those of the first.

    Returns:
        The table; for several seeds, values are means over them.
    """
    first, changes = layouts[0], runs[0].record.changes
    rows = [{row.id: row for row in layout.rows} for layout in layouts]
    cells = []
    for row in first.rows:
        for column in first.columns:
            there = [of_run[row.id] for of_run in rows if row.id in of_run]
            given = [(found.source(column), found.note) for found in there]
            known = [(quantity, note) for quantity, note in given if quantity is not None]
            if known:
                address = (first.published or id_, row.id, column.id)
                published = runs[0].published_value(*address)
                empty = Cell(runs[0].paper, id_, row.id, column.id, published)
                cells.append(_corrected(_cell(empty, column, known, runs), runs[0]))
    return Table(
        id=id_,
        title=first.title,
        cells=cells,
        # With the settings in which a row's network differs from the preset.
        row_labels={
            row.id: f"{row.label} [{changes[row.id]}]" if changes.get(row.id) else row.label
            for row in first.rows
        },
        metric_labels={column.id: column.label for column in first.columns},
        headline=list(first.headline) or [column.id for column in first.columns],
        decimals=first.decimals,
        published_decimals=first.published_decimals,
        notes=(*first.notes, *_common_notes(runs, {} if changes.keys() & rows[0] else changes)),
        digits_of={c.id: c.digits for c in first.columns if c.digits is not None},
    )


def _common_notes(runs: Sequence[PaperRun], changes: Mapping[str, str]) -> Iterator[str]:
    """Notes on settings that were changed for networks that are no rows, and on several seeds."""
    if changes:
        yield f"Settings that were changed: {'; '.join(map(': '.join, changes.items()))}."
    if len(runs) > 1:
        yield (
            f"Means over {len(runs)} seeds, intervals over patients and seeds; counts in these "
            f"notes refer to seed {runs[0].seed}."
        )


def _cell(
    empty: Cell, column: Column, given: Sequence[tuple[Quantity, str]], runs: Sequence[PaperRun]
) -> Cell:
    """One cell from the quantities and notes of all seeds."""
    # Seeds that are not trained yet have no number and are ignored.
    usable = [pair for pair in given if getattr(pair[0], "value", 0) is not None] or list(given)
    notes = list(dict.fromkeys(note for _, note in usable))
    if len(usable) < len(runs):
        notes.append(f"{len(usable)} of {len(runs)} seeds")
    note, quantities = join_notes(*notes), [quantity for quantity, _ in usable]
    if measures := [found for found in quantities if isinstance(found, Measure)]:
        return _measured(empty, column, measures, runs[0], note)
    if contrasts := [found for found in quantities if isinstance(found, Contrast)]:
        return _contrasted(empty, contrasts, runs[0], note)
    return _counted(empty, [found for found in quantities if isinstance(found, Number)], note)


def _measured(
    empty: Cell, column: Column, measures: Sequence[Measure], run: PaperRun, note: str
) -> Cell:
    found = _estimated(measures, column.over_folds, run)
    undefined = next((measure.undefined for measure in measures if measure.undefined), "")
    if undefined and math.isnan(found.value):
        note = undefined
    given = [(m.baseline, m.clusters) for m in measures if m.baseline]
    baseline = _mean([point(*side, over_folds=column.over_folds) for side in given])
    cell = filled(
        empty,
        found,
        column.scale,
        fold_sd=finite(found.fold_sd * column.scale),
        baseline=None if baseline is None else finite(baseline * column.scale),
        n_patients=found.n_patients,
        n_clips=found.n_clips,
        n_folds=len(found.folds),
        note=join_notes(note, _undefined_note(found)),
    )
    # Equal ends, as for a recall of 1, do not quantify the variation between patients.
    return replace(cell, ci_low=None, ci_high=None) if found.ci_low == found.ci_high else cell


def _undefined_note(found: Estimate) -> str:
    """What of an estimate is undefined, and why it has no interval."""
    if math.isnan(found.value):
        return "undefined here"
    empty, folds = sum(map(math.isnan, found.folds)), len(found.folds)
    of_mean = f"undefined in {empty} of {folds} folds, mean of the others"
    of_pooled = f"SD of the {folds - empty} of {folds} folds in which it is defined"
    flat = found.ci_low == found.ci_high and found.n_patients > 1
    return join_notes(
        (of_mean if found.over_folds else of_pooled) if empty else "",
        f"{found.undefined:.1%} of resamples undefined and dropped" if found.undefined else "",
        "the same in every resample: no interval" if flat else "",
        "a single patient: no interval" if found.n_patients == 1 else "",
    )


def _contrasted(empty: Cell, contrasts: Sequence[Contrast], run: PaperRun, note: str) -> Cell:
    found = difference_of(contrasts, run)
    sides = [side for contrast in contrasts for side in (contrast.first[1], contrast.second[1])]
    return filled(
        empty,
        found,
        n_patients=min(side.n_patients for side in sides),
        n_clips=min(len(side.patients) for side in sides),
        n_folds=1,
        note=join_notes(found.verdict if contrasts[0].judged else "", note),
    )


def _counted(empty: Cell, numbers: Sequence[Number], note: str) -> Cell:
    values = [number.value for number in numbers if number.value is not None]
    baselines = [number.baseline for number in numbers if number.baseline is not None]
    return replace(
        empty,
        value=finite(_mean(values)),
        baseline=finite(_mean(baselines)),
        n_patients=max(number.n_patients for number in numbers),
        n_clips=max(number.n_clips for number in numbers),
        n_folds=sum(number.n_folds for number in numbers),
        n_seeds=max(len(values), 1),
        seed_sd=finite(float(np.std(values, ddof=1))) if len(values) > 1 else None,
        note=join_notes(*dict.fromkeys(number.note for number in numbers), note),
    )


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def difference_of(contrasts: Sequence[Contrast], run: PaperRun) -> Difference:
    """First minus second with its interval over patients, and over seeds if there are several.

    The seed of the run, which is the first, seeds the draws.
    """
    if len(contrasts) > 1:
        parts = [
            Part.of(*contrast.first).minus(Part.of(*contrast.second), paired=contrast.paired)
            for contrast in contrasts
        ]
        return difference_over_seeds(parts, own_patients=run.seeds_vary == "cohort", seed=run.seed)
    (contrast,) = contrasts
    if not contrast.paired:
        return independent_difference(contrast.first, contrast.second, seed=run.seed)
    (better, clusters), (worse, others) = contrast.first, contrast.second
    return paired_difference(better, worse, clusters, others=others, seed=run.seed)


def _estimated(measures: Sequence[Measure], over_folds: bool, run: PaperRun) -> Estimate:
    """Tables that share a set of predictions share its estimates."""
    if len(measures) > 1:
        return estimate_over_seeds(
            [(measure.statistic, measure.clusters) for measure in measures],
            over_folds=over_folds,
            own_patients=run.seeds_vary == "cohort",
            seed=run.seed,
        )
    (measure,) = measures
    known = _ESTIMATES.setdefault(measure.statistic, {})
    key = (over_folds, run.seed)
    if key not in known:
        known[key] = estimate(
            measure.statistic, measure.clusters, over_folds=over_folds, seed=run.seed
        )
    return known[key]


def _corrected(cell: Cell, run: PaperRun) -> Cell:
    """Adds a note to published numbers that are known to be wrong."""
    for entry in run.published.get("corrections", []):
        if (entry["table"], entry["row"], entry["metric"]) == (cell.table, cell.row, cell.metric):
            note = f"printed {entry['printed']:g}, corrected {entry['corrected']:g}: {entry['why']}"
            return replace(cell, note=join_notes(cell.note, note))
    return cell
