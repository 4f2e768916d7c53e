"""The tables that were asked for, printed on the terminal at the end of a run."""

from collections.abc import Collection
from pathlib import Path

from rich.markup import escape
from rich.table import Table as RichTable

from lus_keras.core.progress import Console
from lus_keras.evaluation.report.section import interval, number, watermarked
from lus_keras.evaluation.run_record import of_paper, read_runs
from lus_keras.evaluation.tables.cells import Cell, Table
from lus_keras.evaluation.tables.declaration import Declared


def print_tables(
    run_dir: Path, wanted: Collection[tuple[str, str]], console: Console, declared: Declared
) -> None:
    """Prints published | ours (95 % interval) of a run's tables.

    Args:
        wanted: `(paper, target)` pairs; targets that are no tables are passed over.
        declared: Finds what a paper makes of its predictions, by its name.

    Raises:
        RunError: The run cannot be read.
    """
    runs = read_runs(run_dir)
    for banner in dict.fromkeys(run.banner for run in runs[0][1].values() if run.banner):
        console.print(f"[bold red]{banner}[/]")
    for paper, run in runs[0][1].items():
        found = declared(paper)
        for target, make in found.tables.items() if found else ():
            if (paper, target.replace("_", "-")) in {(p, t.replace("_", "-")) for p, t in wanted}:
                made = watermarked(make(*of_paper(runs, paper)), run)
                console.print(_rendered(made, simulated=run.simulated))


def _rendered(table: Table, *, simulated: bool) -> RichTable:
    title = f"{table.title}{' (SIMULATED DATA)' if simulated else ''}"
    caption = "published | ours (95 % interval over patients)"
    rendered = RichTable(title=title, caption=caption, title_justify="left", caption_justify="left")
    rendered.add_column("")
    for metric in table.headline:
        rendered.add_column(escape(table.metric_labels[metric]), justify="right")
    for row, label in table.row_labels.items():
        cells = [table.cell(row, metric) for metric in table.headline]
        rendered.add_row(escape(label), *(cell_text(cell, table) for cell in cells))
    return rendered


def cell_text(cell: Cell | None, table: Table) -> str:
    """Prints a cell as `published | ours (95 % interval)`, or why neither number exists."""
    if cell is None:
        return ""
    if cell.value is None and cell.published is None:
        return cell.note.split(";")[0] if cell.note.startswith("n/a") else "–"
    digits = table.digits(cell.metric)
    ours = f"{number(cell.value, digits)} {interval(cell, digits)}".strip()
    return f"{number(cell.published, table.published_digits(cell.metric))} | {ours}"
