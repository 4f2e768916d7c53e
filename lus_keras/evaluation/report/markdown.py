"""The report as Markdown, as GitHub shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lus_keras.evaluation.report.escape import Bold, Code, escaped, in_cell, marked
from lus_keras.evaluation.report.section import RESEARCH_USE, Section, interval, number, plain
from lus_keras.evaluation.tables.cells import Claim, Table


def report_markdown(sections: Sequence[Section], provenance: Mapping[str, Any]) -> str:
    """Writes the report.

    Args:
        sections: One a paper.
        provenance: Name → value of what the run was made with.

    Returns:
        Markdown that ends in a newline; pictures are links to `figures/`.
    """
    lines = ["# Report", "", f"> {RESEARCH_USE}", ""]
    for section in sections:
        lines += _section(section)
    lines += ["## Provenance", "", *_grid(("", ""), [(n, plain(v)) for n, v in provenance.items()])]
    for section in sections:
        if section.hashes:
            lines += _grid(("file", "sha256"), [(n, Code(h)) for n, h in section.hashes])
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Section) -> list[str]:
    run = section.run
    lines = [f"## {escaped(section.title)}", ""]
    lines += [escaped(section.citation), ""] if section.citation else []
    lines += [f"> **{section.banner}**", ""] if section.banner else []
    if section.simulated:
        lines += ["> **SIMULATED DATA.** No patient was examined; these numbers say how the", ""]
        lines[-2] += " pipeline behaves, not how well the method works in a clinic."
    facts = [("data", run.dataset), ("preset", run.preset), ("seed", str(run.seed))]
    facts += [("command", Code(run.record.command))] if run.record.command else []
    lines += _grid(("", ""), facts + section.data_facts)
    lines += _bullets(map(escaped, section.data_notes))
    lines += _bullets(f"**{escaped(warning)}**" for warning in section.warnings)
    for table in section.tables:
        lines += _table(table)
    lines += _claims(section.claims)
    for drawing in filter(section.shows, section.drawings):
        path = f"figures/{run.paper}_{drawing.id}.png"
        title = escaped(drawing.title)
        lines += [f"### {title}", "", f"![{title}]({path})", "", escaped(drawing.caption), ""]
    if section.inconsistencies:
        lines += [
            "### Inconsistencies in the paper",
            "",
            *_bullets(map(escaped, section.inconsistencies)),
        ]
    return lines + _choices(section)


def _table(table: Table) -> list[str]:
    rows = []
    for row, label in table.row_labels.items():
        for metric, name in table.metric_labels.items():
            cell, digits = table.cell(row, metric), table.digits(metric)
            if cell is not None:
                rows.append(
                    (
                        label,
                        name,
                        number(cell.published, table.published_digits(metric)),
                        f"{_value(cell.value, digits)} {interval(cell, digits)}",
                        number(cell.fold_sd, digits),
                        number(cell.baseline, digits),
                        cell.note,
                    )
                )
    names = ("", "metric", "published", "ours (95 % CI over patients)", "SD across folds, not a CI")
    lines = [f"### {escaped(table.title)}", "", *_grid((*names, "baseline", "note"), rows)]
    return lines + _bullets(map(escaped, table.notes))


def _claims(claims: Sequence[Claim]) -> list[str]:
    if not claims:
        return []
    rows = []
    for claim in claims:
        for part in claim.comparisons:
            found = part.difference
            low, high = (number(end, 3, sign=True) for end in (found.ci_low, found.ci_high))
            rows.append(
                (
                    claim.text,
                    f"{claim.better} − {claim.worse}, {part.label}",
                    number(part.published, 2, sign=True),
                    f"{number(found.value, 3, sign=True)} ({low} to {high})",
                    Bold(found.verdict),
                    claim.note,
                )
            )
        if not claim.comparisons:
            pair = f"{claim.better} − {claim.worse}"
            rows.append((claim.text, pair, "–", "n/a", Bold("not tested"), claim.note))
    names = ("claim", "difference", "published", "ours (95 % CI over patients)", "verdict", "note")
    return ["### Claims", "", *_grid(names, rows)]


def _choices(section: Section) -> list[str]:
    if not section.choices:
        return []
    rows = [(Code(c.field), Code(plain(c.value)), f"[{c.label}]", c.why) for c in section.choices]
    lines = ["### Choices", "", *_grid(("setting", "value", "label", "why"), rows)]
    key = "; ".join(f"[{label}] {text}" for label, text in section.choice_labels.items())
    return [*lines, f"{key}.", ""]


def _value(value: float | None, decimals: int) -> str:
    return "n/a" if value is None else number(value, decimals)


def _grid(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rows = list(rows)
    if not rows:
        return []
    lines = [names, ["---"] * len(names), *rows]
    return [f"| {' | '.join(in_cell(marked(text)) for text in line)} |" for line in lines] + [""]


def _bullets(sentences: Iterable[str]) -> list[str]:
    lines = [f"- {sentence}" for sentence in sentences]
    return [*lines, ""] if lines else []
