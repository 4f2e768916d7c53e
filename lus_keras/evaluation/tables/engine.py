"""The one loop of every table: estimate, interval, baseline, cell."""

from __future__ import annotations

import weakref
from collections.abc import Callable
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
from lus_keras.evaluation.run_record import PaperRun
from lus_keras.evaluation.tables.cells import Cell, Table, cell_from, finite, join_notes
from lus_keras.evaluation.tables.layout import Column, Contrast, Layout, Measure, Number, Row

_ESTIMATES: weakref.WeakKeyDictionary[Statistic, dict[tuple[bool, int], Estimate]] = (
    weakref.WeakKeyDictionary()
)


def table(declare: Callable[[PaperRun], Layout]) -> Callable[[PaperRun], Table]:
    """Makes a table of what a function declares.

    Args:
        declare: Gives the layout of a run.

    Returns:
        A function from a run to the table, with every cell estimated.
    """

    @wraps(declare)
    def make(run: PaperRun) -> Table:
        return tabulate(declare(run))

    return make


def tabulate(layout: Layout) -> Table:
    """Estimates every cell of a table.

    Args:
        layout: The declaration.

    Returns:
        The table.
    """
    cells = [
        cell
        for row in layout.rows
        for column in layout.columns
        if (cell := _cell(layout, row, column)) is not None
    ]
    columns = layout.columns
    return Table(
        id=layout.id,
        title=layout.title,
        cells=cells,
        row_labels={row.id: row.label for row in layout.rows},
        metric_labels={column.id: column.label for column in columns},
        headline=list(layout.headline) or [column.id for column in columns],
        decimals=layout.decimals,
        published_decimals=layout.published_decimals,
        notes=tuple(layout.notes),
        digits_of={column.id: column.digits for column in columns if column.digits is not None},
    )


def _cell(layout: Layout, row: Row, column: Column) -> Cell | None:
    quantity, run = row.source(column), layout.run
    if quantity is None:
        return None
    address = (run.paper, layout.id, row.id, column.id)
    published = run.published_value(layout.published or layout.id, row.id, column.id)
    if isinstance(quantity, Contrast):
        made = contrast_cell(address, published, quantity, run.seed)
    elif isinstance(quantity, Number):
        made = _number_cell(address, published, quantity)
    else:
        found = _estimated(quantity, column.over_folds, run.seed)
        undefined = quantity.undefined and np.isnan(found.value)
        return _corrected(
            layout,
            cell_from(
                found,
                address=address,
                published=published,
                baseline=_baseline(quantity, column.over_folds),
                scale=column.scale,
                note=quantity.undefined if undefined else row.note,
            ),
        )
    return _corrected(layout, replace(made, note=join_notes(made.note, row.note)))


def _number_cell(
    address: tuple[str, str, str, str], published: float | None, number: Number
) -> Cell:
    return Cell(
        *address,
        published=published,
        value=finite(number.value),
        baseline=finite(number.baseline),
        n_patients=number.n_patients,
        n_clips=number.n_clips,
        n_folds=number.n_folds,
        note=number.note,
    )


def _baseline(measure: Measure, over_folds: bool) -> float | None:
    if measure.baseline is None or isinstance(measure.baseline, float):
        return measure.baseline
    return point(measure.baseline, measure.clusters, over_folds=over_folds)


def contrast_cell(
    address: tuple[str, str, str, str],
    published: float | None,
    contrast: Contrast,
    seed: int,
) -> Cell:
    """Turns a difference into a cell, whose note is the verdict.

    Args:
        address: Paper, table, row and metric.
        published: Difference of the paper's own numbers.
        contrast: What is compared.
        seed: Seed of the draws.

    Returns:
        The cell.
    """
    found = difference_of(contrast, seed)
    sides = (contrast.first[1], contrast.second[1])
    return Cell(
        *address,
        published=published,
        value=finite(found.value),
        ci_low=finite(found.ci_low),
        ci_high=finite(found.ci_high),
        n_patients=min(side.n_patients for side in sides),
        n_clips=min(len(side.patients) for side in sides),
        n_folds=1,
        note=found.verdict if contrast.judged else "",
    )


def difference_of(contrast: Contrast, seed: int) -> Difference:
    """Estimates a difference with its interval over patients.

    Args:
        contrast: What is compared.
        seed: Seed of the draws.

    Returns:
        First minus second.
    """
    if contrast.paired:
        (better, clusters), (worse, others) = contrast.first, contrast.second
        return paired_difference(better, worse, clusters, others=others, seed=seed)
    return independent_difference(contrast.first, contrast.second, seed=seed)


def _estimated(measure: Measure, over_folds: bool, seed: int) -> Estimate:
    """Tables that share a set of predictions share its estimates."""
    known = _ESTIMATES.setdefault(measure.statistic, {})
    key = (over_folds, seed)
    if key not in known:
        known[key] = estimate(measure.statistic, measure.clusters, over_folds=over_folds, seed=seed)
    return known[key]


def _corrected(layout: Layout, cell: Cell) -> Cell:
    """Says where a printed number is known to be wrong, and what it should be."""
    for entry in layout.run.published.get("corrections", []):
        if (entry["table"], entry["row"], entry["metric"]) == (cell.table, cell.row, cell.metric):
            note = f"printed {entry['printed']:g}, corrected {entry['corrected']:g}: {entry['why']}"
            return replace(cell, note=join_notes(cell.note, note))
    return cell
