"""The report as Markdown, as GitHub shows it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lus_keras.evaluation.report.escape import Bold, Code, escaped, in_cell, marked
from lus_keras.evaluation.report.section import (
    RESEARCH_USE,
    Section,
    claim_rows,
    interval,
    number,
    plain,
)
from lus_keras.evaluation.tables.cells import Claim, Table


def report_markdown(sections: Sequence[Section], provenance: Mapping[str, Any]) -> str:
    """The report as Markdown with a final newline; images are links to `figures/`."""
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
        text = "No patient was examined; these numbers show how the pipeline behaves, not how well"
        lines += [f"> **SIMULATED DATA.** {text} the method works in the clinic.", ""]
    facts = [("data", run.dataset), ("preset", run.preset), ("seed", str(run.seed))]
    facts += [("command", Code(run.record.command))] if run.record.command else []
    lines += _grid(("", ""), facts + section.data_facts)
    lines += _bullets(map(escaped, section.data_notes))
    lines += _bullets(f"**{escaped(warning)}**" for warning in section.warnings)
    for table in section.tables:
        lines += _table(table, section.sampled)
    lines += _claims(section.claims, section.sampled)
    for drawing in filter(section.shows, section.drawings):
        path = f"figures/{run.paper}_{drawing.id}.png"
        title = escaped(drawing.title)
        lines += [f"### {title}", "", f"![{title}]({path})", "", escaped(drawing.caption), ""]
    if section.inconsistencies:
        found = map(escaped, section.inconsistencies)
        lines += ["### Inconsistencies in the paper", "", *_bullets(found)]
    return lines + _choices(section)


def _table(table: Table, sampled: str) -> list[str]:
    rows = []
    for row, label in table.row_labels.items():
        for metric, name in table.metric_labels.items():
            cell, digits = table.cell(row, metric), table.digits(metric)
            if cell is not None:
                published = number(cell.published, table.published_digits(metric))
                ours = "n/a" if cell.value is None else number(cell.value, digits)
                ours += f" {interval(cell, digits)}"
                others = number(cell.fold_sd, digits), number(cell.baseline, digits)
                rows.append((label, name, published, ours, *others, cell.note))
    names = ("", "metric", "published", f"ours (95 % CI over {sampled})")
    last = ("SD across folds, not a CI", "baseline", "note")
    lines = [f"### {escaped(table.title)}", "", *_grid((*names, *last), rows)]
    return lines + _bullets(map(escaped, table.notes))


def _claims(claims: Sequence[Claim], sampled: str) -> list[str]:
    if not claims:
        return []
    rows = [
        (claim.text, pair, published, f"{ours} ({ends})" if ends else ours, Bold(said), claim.note)
        for claim in claims
        for pair, published, ours, ends, said in claim_rows(claim)
    ]
    ours = f"ours (95 % CI over {sampled})"
    names = ("claim", "difference", "published", ours, "verdict", "note")
    return ["### Claims", "", *_grid(names, rows)]


def _choices(section: Section) -> list[str]:
    if not section.choices:
        return []
    rows = [(Code(c.field), Code(plain(c.value)), f"[{c.label}]", c.why) for c in section.choices]
    lines = ["### Choices", "", *_grid(("setting", "value", "label", "why"), rows)]
    key = "; ".join(f"[{label}] {text}" for label, text in section.choice_labels.items())
    return [*lines, f"{key}.", ""]


def _grid(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rows = list(rows)
    if not rows:
        return []
    lines = [names, ["---"] * len(names), *rows]
    return [f"| {' | '.join(in_cell(marked(text)) for text in line)} |" for line in lines] + [""]


def _bullets(sentences: Iterable[str]) -> list[str]:
    lines = [f"- {sentence}" for sentence in sentences]
    return [*lines, ""] if lines else []
