"""Reporting checklists: items that a run can answer are answered, the others left to the authors.

Items are in `checklists/*.csv`, in words of our own: `item` (its number), `section`, `asks`, `fill`
(which of `answers` answers it), `says` (the answer, where it is the same for every run) and
`remains` (what is left to the authors even so). Answers come from run.json and the results alone.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lus_keras.evaluation.report.checklist_fields import ANSWERS
from lus_keras.evaluation.report.section import RESEARCH_USE, Section

FOLDER = Path(__file__).parent / "checklists"
TO_FILL = "to be filled by the authors"


@dataclass(frozen=True)
class Checklist:
    """A published checklist.

    Attributes:
        file: Its items, in `checklists/`.
        title: Name and year.
        source: Where it is published.
    """

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
    """An item of a checklist and what a run says to it.

    Attributes:
        number: Its number, such as `12c`.
        section: Part of the text that it belongs to.
        asks: What it asks for.
        answer: What the run says; empty where it says nothing.
        remains: What is left to the authors.
    """

    number: str
    section: str
    asks: str
    answer: str
    remains: str


def read_items(checklist: Checklist) -> list[dict[str, str]]:
    """Reads the items of a checklist.

    Args:
        checklist: Which.

    Returns:
        `item`, `section`, `asks`, `fill`, `says` and `remains` of each, in order.
    """
    with (FOLDER / checklist.file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def fill(checklist: Checklist, section: Section, record: Mapping[str, Any]) -> list[Item]:
    """Answers what a run can answer.

    Args:
        checklist: Which.
        section: The paper's part of the report.
        record: run.json.

    Returns:
        Every item, in order.
    """
    items = []
    for row in read_items(checklist):
        answer = ANSWERS[row["fill"]](section, record) if row["fill"] else row["says"]
        items.append(
            Item(row["item"], row["section"], row["asks"], answer, row["remains"] if answer else "")
        )
    return items


def checklist_markdown(sections: Sequence[Section], record: Mapping[str, Any]) -> str:
    """Writes both checklists for every paper of a run.

    Args:
        sections: One a paper.
        record: run.json.

    Returns:
        Markdown that ends in a newline.
    """
    lines = [
        "# Reporting checklists",
        "",
        f"> {RESEARCH_USE}",
        "",
        "Filled from what the run recorded. What it cannot know is left to the authors; an answer "
        "here says what was done, not that it was enough. Items are in words of our own: the "
        "published checklists, which are linked, are what counts.",
        "",
    ]
    for section in sections:
        lines += [f"## {section.title}", ""]
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
    answer = item.answer or f"*{TO_FILL}*"
    if item.remains:
        answer += f" *Authors: {item.remains}.*"
    cells = (item.number, f"**{item.section}.** {item.asks}", answer)
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
