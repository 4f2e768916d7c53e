"""Computes tables: estimate, interval, baseline and cell for every row and column."""

import weakref
from collections.abc import Callable, Mapping, Sequence
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
from lus_keras.evaluation.tables.cells import Cell, Table, cell_from, finite, join_notes
from lus_keras.evaluation.tables.layout import (
    Column,
    Contrast,
    Layout,
    Measure,
    Number,
    Quantity,
    own_patients,
)

_ESTIMATES: weakref.WeakKeyDictionary[Statistic, dict[tuple[bool, int], Estimate]] = (
    weakref.WeakKeyDictionary()
)


def table(declare: Callable[[PaperRun], Layout]) -> Callable[..., Table]:
    """Turns a declaration (a function of a run) into a function from runs to a table."""

    @wraps(declare)
    def make(*runs: PaperRun) -> Table:
        return tabulate([declare(run) for run in runs])

    return make


def tabulate(layouts: Sequence[Layout]) -> Table:
    """Estimates every cell of a table.

    Args:
        layouts: The layout of each seed's run, at least one; rows, titles and notes are those of
            the first.

    Returns:
        The table; for several seeds, values are means over them.
    """
    first = layouts[0]
    changes = first.run.record.changes
    rows = [{row.id: row for row in layout.rows} for layout in layouts]
    cells = []
    for row in first.rows:
        for column in first.columns:
            there = [of_run[row.id] for of_run in rows if row.id in of_run]
            given = [(found.source(column), found.note) for found in there]
            known = [(quantity, note) for quantity, note in given if quantity is not None]
            if known:
                cells.append(_cell(first, row.id, column, known, len(layouts)))
    return Table(
        id=first.id,
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
        notes=(
            *first.notes,
            *(() if changes.keys() & rows[0].keys() else _changes_note(changes)),
            *(() if len(layouts) < 2 else (_seeds_note(layouts),)),
        ),
        digits_of={c.id: c.digits for c in first.columns if c.digits is not None},
    )


def _changes_note(changes: Mapping[str, str]) -> list[str]:
    """Note on changed settings, for tables whose rows are not networks."""
    said = "; ".join(map(": ".join, changes.items()))
    return [f"Settings that were changed: {said}."] if said else []


def _seeds_note(layouts: Sequence[Layout]) -> str:
    return (
        f"Means over {len(layouts)} seeds, intervals over patients and seeds; counts in these "
        f"notes refer to seed {layouts[0].run.seed}."
    )


def _cell(
    layout: Layout, row: str, column: Column, given: Sequence[tuple[Quantity, str]], seeds: int
) -> Cell:
    """One cell from the quantities and notes of all seeds."""
    run = layout.run
    address = (run.paper, layout.id, row, column.id)
    empty = Cell(
        *address, published=run.published_value(layout.published or layout.id, *address[2:])
    )
    # Seeds that are not trained yet have no number and are ignored.
    usable = [pair for pair in given if getattr(pair[0], "value", 0) is not None] or list(given)
    note = join_notes(*dict.fromkeys(note for _, note in usable))
    if 0 < len(usable) < seeds:
        note = join_notes(note, f"{len(usable)} of {seeds} seeds")
    quantities = [quantity for quantity, _ in usable]
    measures = [quantity for quantity in quantities if isinstance(quantity, Measure)]
    contrasts = [quantity for quantity in quantities if isinstance(quantity, Contrast)]
    if measures:
        made = _measured(empty, column, measures, run, note)
    elif contrasts:
        made = _contrasted(empty, contrasts, run, note)
    else:
        made = _counted(empty, [q for q in quantities if isinstance(q, Number)], note)
    return _corrected(layout, made)


def _measured(
    empty: Cell, column: Column, measures: Sequence[Measure], run: PaperRun, note: str
) -> Cell:
    found = _estimated(measures, column.over_folds, run)
    undefined = next((measure.undefined for measure in measures if measure.undefined), "")
    baselines = [value for m in measures if (value := _baseline(m, column.over_folds)) is not None]
    return cell_from(
        found,
        address=(empty.paper, empty.table, empty.row, empty.metric),
        published=empty.published,
        baseline=_mean(baselines),
        scale=column.scale,
        note=undefined if undefined and np.isnan(found.value) else note,
    )


def _contrasted(empty: Cell, contrasts: Sequence[Contrast], run: PaperRun, note: str) -> Cell:
    found = difference_of(contrasts, run)
    sides = [side for contrast in contrasts for side in (contrast.first[1], contrast.second[1])]
    return replace(
        empty,
        value=finite(found.value),
        ci_low=finite(found.ci_low),
        ci_high=finite(found.ci_high),
        n_patients=min(side.n_patients for side in sides),
        n_clips=min(len(side.patients) for side in sides),
        n_folds=1,
        n_seeds=found.n_seeds,
        seed_sd=finite(found.seed_sd),
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
    if len(values) < 2:
        return values[0] if values else None
    return float(np.mean(values))


def difference_of(contrasts: Sequence[Contrast], run: PaperRun) -> Difference:
    """First minus second with its interval over patients, and over seeds if there are several.

    The seed of the run, which is the first, seeds the draws.
    """
    if len(contrasts) > 1:
        parts = [
            Part.of(*contrast.first).minus(Part.of(*contrast.second), paired=contrast.paired)
            for contrast in contrasts
        ]
        return difference_over_seeds(parts, own_patients=own_patients(run), seed=run.seed)
    (contrast,) = contrasts
    if not contrast.paired:
        return independent_difference(contrast.first, contrast.second, seed=run.seed)
    (better, clusters), (worse, others) = contrast.first, contrast.second
    return paired_difference(better, worse, clusters, others=others, seed=run.seed)


def _baseline(measure: Measure, over_folds: bool) -> float | None:
    if measure.baseline is None or isinstance(measure.baseline, float):
        return measure.baseline
    return point(measure.baseline, measure.clusters, over_folds=over_folds)


def _estimated(measures: Sequence[Measure], over_folds: bool, run: PaperRun) -> Estimate:
    """Tables that share a set of predictions share its estimates."""
    if len(measures) > 1:
        return estimate_over_seeds(
            [(measure.statistic, measure.clusters) for measure in measures],
            over_folds=over_folds,
            own_patients=own_patients(run),
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


def _corrected(layout: Layout, cell: Cell) -> Cell:
    """Adds a note to published numbers that are known to be wrong."""
    for entry in layout.run.published.get("corrections", []):
        if (entry["table"], entry["row"], entry["metric"]) == (cell.table, cell.row, cell.metric):
            note = f"printed {entry['printed']:g}, corrected {entry['corrected']:g}: {entry['why']}"
            return replace(cell, note=join_notes(cell.note, note))
    return cell
