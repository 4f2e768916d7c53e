"""Reporting checklists: items that a run can answer are filled in, the others left to the authors.

Items are in `checklists/*.csv`, paraphrased: `item` (its number), `section`, `asks`, `fill` (the
macro of `templates/checklist.j2` that answers it), `says` (the answer, if it is the same for every
run) and `remains` (what the authors have to add). Answers use only run.json and the results.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jinja2

from lus_keras.core.config import SCALINGS
from lus_keras.core.multilabel import COLUMNS as MULTILABEL_COLUMNS
from lus_keras.evaluation.report.escape import escaped, in_cell
from lus_keras.evaluation.report.html import template
from lus_keras.evaluation.report.section import RESEARCH_USE, Section
from lus_keras.evaluation.run_record import PaperRun, RunRecord
from lus_keras.evaluation.tables.cells import Cell, Table

FOLDER = Path(__file__).parent / "checklists"
# Macros that others use.
PARTS = {"networks", "label_column"}
TO_FILL = "to be filled by the authors"


@dataclass(frozen=True)
class Checklist:
    """A published checklist; its items are in a file in `checklists/`."""

    file: str
    title: str
    source: str


CHECKLISTS = (
    Checklist(
        "claim_2024.csv",
        "CLAIM, 2024 update",
        "Tejani et al., Radiology: Artificial Intelligence 2024;6(4):e240300, "
        "https://doi.org/10.1148/ryai.240300",
    ),
    Checklist(
        "tripod_ai.csv",
        "TRIPOD+AI",
        "Collins et al., BMJ 2024;385:e078378, https://doi.org/10.1136/bmj-2023-078378",
    ),
)


@dataclass(frozen=True)
class Item:
    """An item of a checklist with the answer of a run.

    Attributes:
        answer: The run's answer; empty if it has none.
    """

    number: str
    section: str
    asks: str
    answer: str
    remains: str


def read_items(checklist: Checklist) -> list[dict[str, str]]:
    """Items of a checklist in order: `item`, `section`, `asks`, `fill`, `says` and `remains`."""
    with (FOLDER / checklist.file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def fill(checklist: Checklist, section: Section, record: RunRecord) -> list[Item]:
    """Items of a checklist with the answers that a run can give."""
    answers = checklist_fields(section, record)
    items = []
    for row in read_items(checklist):
        answer = answers[row["fill"]]() if row["fill"] else row["says"]
        items.append(
            Item(row["item"], row["section"], row["asks"], answer, row["remains"] if answer else "")
        )
    return items


def checklist_fields(section: Section, record: RunRecord) -> dict[str, Callable[[], str]]:
    """Functions that answer from a run's records, by `fill` of the checklists; empty if unknown."""
    module = template("checklist.j2").make_module(
        {
            "section": section,
            "record": record,
            "scalings": SCALINGS,
            "multilabel": MULTILABEL_COLUMNS,
            "shape": _input_shape(section),
            "measured": list(_measured(section)),
            "networks_by": partial(_networks_by, section.run),
            "failing": _failing(section),
        }
    )
    return {
        name: _on_one_line(macro)
        for name, macro in vars(module).items()
        if isinstance(macro, jinja2.runtime.Macro) and name not in PARTS
    }


def _on_one_line(macro: Callable[[], str]) -> Callable[[], str]:
    return lambda: " ".join(str(macro()).split())


def _networks_by(run: PaperRun, *fields: str) -> list[tuple[tuple[object, ...], str]]:
    """Values of fields of `transfer` → titles of the networks that have them.

    Variants may differ in them. Without titles if all networks of the run agree.
    """
    groups: dict[tuple[object, ...], list[str]] = {}
    for name in run.models:
        transfer = run.settings_of(name).transfer
        values = tuple(getattr(transfer, field) for field in fields)
        groups.setdefault(values, []).append(run.title_of(name))
    return [
        (values, ", ".join(names) if len(groups) > 1 else "") for values, names in groups.items()
    ]


def _input_shape(section: Section) -> list[object]:
    """Frames, rows, columns and channels of a network's input; without frames for single frames."""
    clip = section.run.settings.clip
    time = [] if clip.unit == "frame" else [clip.frames]
    return [*time, *(clip.tile or clip.size or ()), clip.channels or 1]


def _measured(section: Section) -> Iterator[tuple[Table, Cell]]:
    """The last headline number of each table: in a paper's tables, what it proposes comes last."""
    for table in section.tables:
        cells = [
            cell
            for cell in table.cells
            if cell.metric in table.headline
            and None not in (cell.value, cell.ci_low, cell.baseline)
        ]
        for cell in cells[-1:]:
            yield table, cell


def _failing(section: Section) -> list[str]:
    """Titles of the figures that show what networks get wrong."""
    titles = [
        drawing.title
        for drawing in section.drawings
        if "confusion" in drawing.title.lower() or drawing.id == "mistakes"
    ]
    return list(dict.fromkeys(titles))


def checklist_markdown(sections: Sequence[Section], record: RunRecord) -> str:
    """Both checklists for every paper of a run, as Markdown with a final newline."""
    lines = [
        "# Reporting checklists",
        "",
        f"> {RESEARCH_USE}",
        "",
        "Filled in from the records of the run; what it did not record is left to the authors. An "
        "answer states what was done, not whether it is sufficient. Items are paraphrased; the "
        "linked published checklists are authoritative.",
        "",
    ]
    for section in sections:
        lines += [f"## {escaped(section.title)}", ""]
        if section.banner:
            lines += [f"**{section.banner}**", ""]
        if section.simulated:
            lines += ["**SIMULATED DATA.** No patient was examined.", ""]
        for checklist in CHECKLISTS:
            items = fill(checklist, section, record)
            filled = sum(bool(item.answer) for item in items)
            lines += [
                f"### {checklist.title}",
                "",
                f"{checklist.source}. Filled: {filled} of {len(items)}.",
                "",
                "| item | asks for | in this run |",
                "| --- | --- | --- |",
                *map(_line, items),
                "",
            ]
    return "\n".join(lines).rstrip() + "\n"


def _line(item: Item) -> str:
    answer = escaped(item.answer) or f"*{TO_FILL}*"
    if item.remains:
        answer += f" *Authors: {item.remains}.*"
    cells = (item.number, f"**{item.section}.** {item.asks}", answer)
    return "| " + " | ".join(in_cell(cell) for cell in cells) + " |"
