"""Results of a benchmark as a table, a page, JSON and CSV."""

import math
from pathlib import Path
from typing import Any

from lus_keras.benchmark.timing import FAILED, MET, MISSED
from lus_keras.core.files import write_csv, write_file, write_json
from lus_keras.core.safe_text import guarded

COLUMNS = ("measured", "ours", "peer", "peer's", "value", "target", "")
FIELDS = (
    *("name", "title", "peer", "ours", "theirs", "rate_unit", "value", "low", "high", "unit"),
    *("target", "status", "note"),
)


def write_results(record: dict[str, Any], out: Path) -> list[Path]:
    """Writes benchmark.json, .csv and .md; returns their paths."""
    files = [out / f"benchmark.{suffix}" for suffix in ("json", "csv", "md")]
    write_json(files[0], record, ascii=False)
    rows = (guarded(line.get(name) for name in FIELDS) for line in record["lines"])
    write_csv(files[1], FIELDS, rows)
    write_file(files[2], as_page(record))
    return files


def as_cells(line: dict[str, Any]) -> tuple[str, ...]:
    """Cells of the row of a line, in the order of `COLUMNS`; unknown values are dashes."""

    def rate(value: float | None) -> str:
        return "–" if value is None else f"{_short(value)} {line['rate_unit']}".rstrip()

    value = "–"
    if line["value"] is not None:
        value = f"{_short(line['value'])} {line['unit']}".rstrip()
        if line["low"] is not None:
            value += f" ({_short(line['low'])} to {_short(line['high'])})"
    status = f"{line['status']}: {_first_line(line['note'])}" if line["note"] else line["status"]
    return (
        line["title"],
        rate(line["ours"]),
        line["peer"] or "–",
        rate(line["theirs"]),
        value,
        line["target"] or "–",
        status,
    )


def _first_line(text: str) -> str:
    return next(iter(text.strip().splitlines()), "")


def _short(value: float) -> str:
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    # Three digits exceed the agreement between rounds.
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def as_page(record: dict[str, Any]) -> str:
    """A record as a page in Markdown."""
    lines = [
        "# Benchmark",
        "",
        "Each line is the median over rounds with its range. A ratio above 1 means that this "
        "package is faster. Contenders run in separate processes and alternate.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|" + "---|" * len(COLUMNS),
        *(
            f"| {' | '.join(cell.replace('|', '/') for cell in as_cells(line))} |"
            for line in record["lines"]
        ),
    ]
    lines += [
        "",
        f"Measured by `{record['command'] or 'lus-keras benchmark'}` on {record['date']} "
        f"(scale: {record['scale']})"
        + "".join(
            f", and by `{update['command']}` on {update['date']}"
            for update in record.get("updates", [])
        )
        + ":",
        "",
        *(f"- {name}: {value}" for name, value in machine_lines(record).items()),
    ]
    return "\n".join(lines) + "\n"


def machine_lines(record: dict[str, Any]) -> dict[str, str]:
    """Description of the machine, texts by name."""
    machine, best = record["machine"], record["limits"]
    load = machine["load_average"]
    versions = [f"{name} {value}" for name, value in machine["versions"].items() if value]
    absent = [name for name, value in machine["versions"].items() if not value]
    found = {
        "processor": f"{machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gb']} GB, {machine['platform']}",
        "threads": str(record["threads"]),
        "load before the run": ", ".join(f"{value:.1f}" for value in load) if load else "unknown",
        "peak": f"{best['matmul_gflops']:.0f} GFLOP/s in float32 matrix multiplication, "
        f"{best['copy_gb_per_s']:.0f} GB/s in copies (NumPy)",
        "versions": ", ".join(versions),
    }
    return found | ({"not installed": ", ".join(absent)} if absent else {})


def print_results(record: dict[str, Any], console: Any) -> None:
    """Prints the machine and the table."""
    from rich.markup import escape
    from rich.table import Table

    for name, value in machine_lines(record).items():
        console.print(f"{name}: {value}", markup=False)
    table = Table(*COLUMNS, title=f"Benchmark ({record['scale']})", title_justify="left")
    styles = {MET: "green", MISSED: "red", FAILED: "red"}
    for line in record["lines"]:
        table.add_row(*map(escape, as_cells(line)), style=styles.get(line["status"]))
    console.print(table)
