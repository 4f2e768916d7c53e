"""Tables and claims as LaTeX, for papers: booktabs, plain characters, one file a table."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import jinja2

from lus_keras.evaluation.report.section import Section, interval, number
from lus_keras.evaluation.tables.cells import Cell, Claim, Table

TEMPLATES = Path(__file__).parent / "templates"
# More lines than a page holds become a longtable.
MOST_LINES = 45
ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "{}$&#_%"},
    "−": "$-$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "→": r"$\rightarrow$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "<": r"$<$",
    ">": r"$>$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "°": r"$^\circ$",
    "²": r"$^2$",
    "³": r"$^3$",
    "µ": r"$\mu$",
    "α": r"$\alpha$",
    "ε": r"$\varepsilon$",
    "κ": r"$\kappa$",
    "μ": r"$\mu$",
    "σ": r"$\sigma$",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
    "\u00a0": "~",
    "\n": " ",
}


def escape(text: str) -> str:
    """Escapes text for LaTeX, and turns signs that older engines lack into commands.

    Args:
        text: Any text.

    Returns:
        Text that LaTeX sets as it reads; letters with accents stay (UTF-8), and other signs that
        have no command here become the nearest plain ones.
    """
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character in ESCAPES:
        return ESCAPES[character]
    if character.isascii() or "LATIN" in unicodedata.name(character, ""):
        return character
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or "?"


def table_latex(section: Section, table: Table) -> str:
    r"""Writes the metrics that the paper prints: published, ours with its interval, baseline.

    Args:
        section: The paper's part of the report.
        table: The table.

    Returns:
        A `table` for `\\input`, or a `longtable` of a long one; needs the package booktabs.
    """
    groups = []
    for row, label in table.row_labels.items():
        cells = [cell for metric in table.headline if (cell := table.cell(row, metric))]
        if cells:
            lines = [[table.metric_labels[c.metric], *_numbers(c, table)] for c in cells]
            groups.append((label, lines))
    columns = ("", "Published", "Ours", "95 % CI", "SD of folds", "Baseline")
    return _render(section, table.id, table.title, columns, groups, table.notes)


def claims_latex(section: Section) -> str:
    """Writes the paper's claims with the differences found.

    Args:
        section: The paper's part of the report.

    Returns:
        As `table_latex`.
    """
    columns = ("", "Published", "Ours", "95 % CI", "Verdict")
    groups = [(claim.text, _claim_lines(claim)) for claim in section.claims]
    notes = (
        "Paired bootstrap over patients (and over seeds where there are several), 2,000 resamples; "
        "from three trainings on a claim holds if the interval lies above 0, fails if below, and "
        "is undecided otherwise; fewer trainings give no verdict.",
        *dict.fromkeys(claim.note for claim in section.claims if claim.note),
    )
    return _render(section, "claims", "Claims of the paper, tested", columns, groups, notes)


def _claim_lines(claim: Claim) -> list[list[str]]:
    pair = f"{claim.better} − {claim.worse}"
    if not claim.comparisons:
        return [[pair, "–", "n/a", "", "not tested"]]
    return [
        [
            f"{pair}, {part.label}",
            number(part.published, 2, sign=True),
            number(part.difference.value, 3, sign=True),
            f"{number(part.difference.ci_low, 3, sign=True)} to "
            f"{number(part.difference.ci_high, 3, sign=True)}",
            part.difference.verdict,
        ]
        for part in claim.comparisons
    ]


def _numbers(cell: Cell, table: Table) -> list[str]:
    digits = table.digits(cell.metric)
    known = cell.ci_low is not None and cell.ci_high is not None
    return [
        number(cell.published, table.published_digits(cell.metric)),
        "n/a" if cell.value is None else number(cell.value, digits),
        interval(cell, digits).strip("()") if known else "",
        number(cell.fold_sd, digits),
        number(cell.baseline, digits),
    ]


def _render(
    section: Section,
    id_: str,
    title: str,
    columns: Sequence[str],
    groups: Sequence[tuple[str, Sequence[Sequence[str]]]],
    notes: Sequence[str],
) -> str:
    # LaTeX is full of braces: Jinja's own signs would need escaping in every line.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["tex"] = escape
    lines = sum(1 + len(rows) for _, rows in groups)
    return environment.get_template("table.tex.j2").render(
        simulated=section.simulated,
        banner=section.banner,
        run=section.run,
        title=title,
        label=re.sub(r"[^a-z0-9:-]", "-", f"tab:{section.run.paper}-{id_}"),
        columns=columns,
        groups=groups,
        notes=notes,
        long=lines > MOST_LINES,
    )
