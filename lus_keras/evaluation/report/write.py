"""Writes a report from the predictions of a run; the same predictions give the same bytes."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from lus_keras.core.files import remove_abandoned, write_file
from lus_keras.core.safe_text import guarded
from lus_keras.core.style import pdf_bytes, png_bytes
from lus_keras.evaluation.report.checklist import checklist_markdown
from lus_keras.evaluation.report.html import report_html
from lus_keras.evaluation.report.latex import claims_latex, table_latex
from lus_keras.evaluation.report.markdown import report_markdown
from lus_keras.evaluation.report.section import Section, build_section
from lus_keras.evaluation.run_record import PaperRun, RunRecord, of_paper, read_runs
from lus_keras.evaluation.tables.cells import Cell, Drawing, Table
from lus_keras.evaluation.tables.declaration import Declared

SCHEMA = 1


def write_report(
    run_dir: str | Path, declared: Declared, *, embed_frames: bool = False
) -> list[Path]:
    """Rebuilds every table and figure of a run from its saved predictions.

    Args:
        run_dir: Run directory with run.json and finished folds, or folder of runs of several seeds.
        declared: Function from the name of a paper to its tables, claims and figures, such as
            `lus_keras.papers.results`.
        embed_frames: Also include frames of videos that are not simulated in index.html and
            report.md; their license has to permit it.

    Returns:
        Files written under `<run_dir>/report`, index.html first.

    Raises:
        RunError: run.json is missing or damaged, or a finished fold is damaged or was changed.
    """
    return write_sections(run_dir, build_sections(run_dir, declared, embed_frames=embed_frames))


def build_sections(
    run_dir: str | Path, declared: Declared, *, embed_frames: bool = False
) -> list[Section]:
    """Computes the sections of a report, one per paper; arguments and errors as `write_report`."""
    runs = read_runs(run_dir)
    return [
        build_section(
            run, declared(name), others=of_paper(runs, name)[1:], embed_frames=embed_frames
        )
        for name, run in runs[0][1].items()
    ]


def write_sections(run_dir: str | Path, sections: Sequence[Section]) -> list[Path]:
    """Writes sections from `build_sections` as the report of a run; see `write_report`."""
    for folder in ("report", "report/tables", "report/figures"):
        remove_abandoned(Path(run_dir) / folder)
    record, papers = read_runs(run_dir)[0]
    pictures = {
        f"figures/{section.run.paper}_{drawing.id}.png": _picture(section, drawing)
        for section in sections
        for drawing in section.drawings
    }
    provenance = _provenance(record)
    html = report_html(sections, provenance, pictures, record.versions)
    contents: dict[str, bytes] = {
        "index.html": html.encode(),
        "report.md": report_markdown(sections, provenance).encode(),
        "checklist.md": checklist_markdown(sections, record).encode(),
        "results.json": _results_json(record, papers, sections).encode(),
    }
    for section in sections:
        paper = section.run.paper
        for table in section.tables:
            contents[f"tables/{paper}_{table.id}.csv"] = _csv(table).encode()
            contents[f"tables/{paper}_{table.id}.tex"] = table_latex(section, table).encode()
        if section.claims:
            contents[f"tables/{paper}_claims.tex"] = claims_latex(section).encode()
    contents |= pictures
    for section in sections:
        for drawing in section.drawings:
            contents[f"figures/{section.run.paper}_{drawing.id}.pdf"] = pdf_bytes(drawing.figure)
    for name, content in contents.items():
        write_file(Path(run_dir) / "report" / name, content)
    return [Path(run_dir) / "report" / name for name in contents]


def _picture(section: Section, drawing: Drawing) -> bytes:
    if section.simulated:
        # Figures are shared without their report, so each states that it is simulated.
        drawing.figure.suptitle("SIMULATED DATA", x=0.99, ha="right", fontsize=8, color="#8a1c1c")
    return png_bytes(drawing.figure)


def _results_json(
    record: RunRecord, papers: Mapping[str, PaperRun], sections: Sequence[Section]
) -> str:
    document = {
        "schema": SCHEMA,
        "preset": _shared([run.preset for run in papers.values()]),
        "dataset": _shared([run.dataset for run in papers.values()]),
        "seed": record.seed,
        **_seeds(papers),
        "rows": [cell.as_row() for section in sections for cell in section.cells],
    }
    # JSON has no NaN: one that slipped through has to fail here, not in a reader.
    return json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _seeds(papers: Mapping[str, PaperRun]) -> dict[str, Any]:
    """Seeds that values are means over; empty for a single run."""
    first = next(iter(papers.values()), None)
    if first is None or not first.seeds:
        return {}
    return {"seeds": list(first.seeds), "seeds_vary": first.seeds_vary}


def _shared(values: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(values))


def _csv(table: Table) -> str:
    stream = io.StringIO()
    names = [field.name for field in fields(Cell)]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(names)
    rows = (cell.as_row() for cell in table.cells)
    writer.writerows(guarded(row[name] for name in names) for row in rows)
    return stream.getvalue()


def _provenance(record: RunRecord) -> dict[str, Any]:
    """Seed, machine and versions recorded in run.json, without empty entries."""
    device = record.device.model_dump()
    found = {
        "seed": record.seed,
        **{f"versions: {name}": version for name, version in record.versions.items()},
        **{f"device: {name}": value for name, value in device.items()},
        "git_commit": record.git_commit,
    }
    return {name: value for name, value in found.items() if value not in (None, "")}
