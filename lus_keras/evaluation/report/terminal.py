"""The requested tables, printed on the terminal at the end of a run."""

from collections.abc import Collection, Sequence

from rich.markup import escape
from rich.table import Table as RichTable

from lus_keras.core.progress import Console
from lus_keras.evaluation.report.section import Section, interval, number
from lus_keras.evaluation.tables.cells import Cell, Table


def print_tables(
    sections: Sequence[Section], wanted: Collection[tuple[str, str]], console: Console
) -> None:
    """Prints published | ours (95 % interval) of a report's tables.

    Args:
        wanted: `(paper, target)` pairs; targets that are not tables are ignored.
    """
    asked = {(paper, target.replace("-", "_")) for paper, target in wanted}
    for banner in dict.fromkeys(section.banner for section in sections if section.banner):
        console.print(f"[bold red]{banner}[/]")
    for section in sections:
        for table in section.tables:
            if (section.run.paper, table.id) in asked:
                console.print(_rendered(table, section))


def _rendered(table: Table, section: Section) -> RichTable:
    title = f"{table.title}{' (SIMULATED DATA)' if section.simulated else ''}"
    caption = f"published | ours (95 % interval over {section.sampled})"
    rendered = RichTable(title=title, caption=caption, title_justify="left", caption_justify="left")
    rendered.add_column("")
    for metric in table.headline:
        rendered.add_column(escape(table.metric_labels[metric]), justify="right")
    for row, label in table.row_labels.items():
        cells = [table.cell(row, metric) for metric in table.headline]
        rendered.add_row(escape(label), *(cell_text(cell, table) for cell in cells))
    return rendered


def cell_text(cell: Cell | None, table: Table) -> str:
    """A cell as `published | ours (95 % interval)`, or the reason why neither number exists."""
    if cell is None:
        return ""
    if cell.value is None and cell.published is None:
        return cell.note.split(";")[0] if cell.note.startswith("n/a") else "–"
    digits = table.digits(cell.metric)
    ours = f"{number(cell.value, digits)} {interval(cell, digits)}".strip()
    return f"{number(cell.published, table.published_digits(cell.metric))} | {ours}"
