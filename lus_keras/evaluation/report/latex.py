"""Tables and claims in LaTeX for papers: booktabs, plain characters, one file per table."""

import re
import unicodedata
from collections.abc import Sequence

from pylatexenc.latexencode import (
    RULE_DICT,
    UnicodeToLatexConversionRule,
    UnicodeToLatexEncoder,
)

from lus_keras.evaluation.report.html import template
from lus_keras.evaluation.report.section import Section, claim_rows, interval, number
from lus_keras.evaluation.tables.cells import Cell, Table

# More lines than a page holds become a longtable.
MOST_LINES = 45
# Where the plain form is more readable in a file than the command of the library.
PLAIN = {"−": "$-$", "–": "--", "—": "---", "\u00a0": "~", "\n": " "}


def _unknown(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cf") else "?"


_ENCODER = UnicodeToLatexEncoder(
    conversion_rules=[
        UnicodeToLatexConversionRule(RULE_DICT, {ord(c): text for c, text in PLAIN.items()}),
        "defaults",
    ],
    unknown_char_policy=_unknown,
    unknown_char_warning=False,
    replacement_latex_protection="braces-after-macro",
)


def escape(text: str) -> str:
    """Escapes text for LaTeX; symbols and letters with accents become commands.

    Returns:
        ASCII text that LaTeX prints as written; "?" stands for characters without a command.
    """
    return str(_ENCODER.unicode_to_latex(text))


def table_latex(section: Section, table: Table) -> str:
    r"""The metrics that the paper prints: published, ours with interval, fold SD, baseline.

    Returns:
        A `table` for `\\input`, or a `longtable` of more than 45 lines; needs the package booktabs.
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
    """The paper's claims with the measured differences, in the form of `table_latex`."""
    columns = ("", "Published", "Ours", "95 % CI", "Verdict")
    groups = [(claim.text, claim_rows(claim)) for claim in section.claims]
    notes = (
        "Paired bootstrap over patients (and over seeds where there are several), 2,000 resamples; "
        "with at least three trainings, a claim holds if the interval lies above 0, fails if it "
        "lies below 0, and is undecided otherwise; with fewer, there is no verdict.",
        *dict.fromkeys(claim.note for claim in section.claims if claim.note),
    )
    return _render(section, "claims", "Claims of the paper, tested", columns, groups, notes)


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
    signs = {
        f"{kind}_{end}_string": sign
        for kind, pair in {"block": "<% %>", "variable": "<< >>", "comment": "<# #>"}.items()
        for end, sign in zip(("start", "end"), pair.split(), strict=True)
    }
    lines = sum(1 + len(rows) for _, rows in groups)
    found = template("table.tex.j2", {"tex": escape}, keep_trailing_newline=True, **signs)
    return found.render(
        sampled=section.sampled,
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
