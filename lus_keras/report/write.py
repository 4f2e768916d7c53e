"""Writes a report from the predictions of a run; the same predictions give the same bytes."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import jinja2

from lus_keras.figures import png_bytes
from lus_keras.files import atomic_write
from lus_keras.report.cells import Cell, Drawing, Table
from lus_keras.report.markdown import report_markdown
from lus_keras.report.section import (
    RESEARCH_USE,
    Section,
    build_section,
    interval,
    number,
    plain,
)
from lus_keras.results import PaperRun, read_run

SCHEMA = 1
TEMPLATES = Path(__file__).parent / "templates"


def write_report(run_dir: str | Path) -> list[Path]:
    """Rebuilds every table and figure of a run from its saved predictions.

    Args:
        run_dir: Run directory with run.json and finished folds.

    Returns:
        Files written under `<run_dir>/report`, index.html first.

    Raises:
        RunError: run.json is absent or damaged, or a finished fold cannot be used.
        OSError: The report cannot be written.
    """
    record, papers = read_run(run_dir)
    sections = [build_section(run) for run in papers.values()]
    pictures = {
        f"figures/{section.run.paper}_{drawing.id}.png": _picture(section, drawing)
        for section in sections
        for drawing in section.drawings
    }
    provenance = _provenance(record)
    contents: dict[str, bytes] = {
        "index.html": _html(sections, provenance, pictures).encode(),
        "report.md": report_markdown(sections, provenance).encode(),
        "results.json": _results_json(record, papers, sections).encode(),
    }
    for section in sections:
        for table in section.tables:
            contents[f"tables/{section.run.paper}_{table.id}.csv"] = _csv(table).encode()
    contents |= pictures
    for name, content in contents.items():
        with atomic_write(Path(run_dir) / "report" / name) as temporary_path:
            temporary_path.write_bytes(content)
    return [Path(run_dir) / "report" / name for name in contents]


def _picture(section: Section, drawing: Drawing) -> bytes:
    if section.simulated:
        # A picture travels without its report, so it has to say itself what it shows.
        drawing.figure.suptitle("SIMULATED DATA", x=0.99, ha="right", fontsize=8, color="#8a1c1c")
    return png_bytes(drawing.figure)


def _results_json(
    record: Mapping[str, Any], papers: Mapping[str, PaperRun], sections: Sequence[Section]
) -> str:
    document = {
        "schema": SCHEMA,
        "preset": _shared([run.preset for run in papers.values()]),
        "dataset": _shared([run.dataset for run in papers.values()]),
        "seed": record.get("seed", 0),
        "rows": [cell.as_row() for section in sections for cell in section.cells],
    }
    # JSON has no NaN: one that slipped through has to fail here, not in a reader.
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _shared(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(values))


def _csv(table: Table) -> str:
    stream = io.StringIO()
    names = [field.name for field in fields(Cell)]
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(cell.as_row() for cell in table.cells)
    return stream.getvalue()


def _provenance(record: Mapping[str, Any]) -> dict[str, Any]:
    """Flattens what run.json says of machine and versions to one level."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if name in ("papers", "schema"):
            continue
        if isinstance(value, Mapping):
            flat |= {f"{name}: {key}": part for key, part in value.items()}
        else:
            flat[name] = value
    return flat


def _html(
    sections: Sequence[Section], provenance: Mapping[str, Any], pictures: Mapping[str, bytes]
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, interval=interval, plain=plain)
    return environment.get_template("report.html.j2").render(
        sections=sections,
        provenance=provenance,
        pictures={
            name: f"data:image/png;base64,{base64.b64encode(content).decode()}"
            for name, content in pictures.items()
        },
        research_use=RESEARCH_USE,
    )
