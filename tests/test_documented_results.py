"""Numbers in README and docs/ are those of the committed results.

A comment in front of a table says which: the file, and where each column and row stands in it.

    <!-- numbers: results/x/results.json | table1:f1:published, table1:f1 | c2d_a, c3d_a -->

A table of several runs names them all, and its columns say of which they are: `2>table1:f1` is of
the second file. The column `none` has no numbers.
"""

import json
import re

import pytest
from documented import PAGES, ROOT

from lus_keras import papers

MARK = re.compile(r"<!-- numbers: ([^|]+) \| ([^|]+) \| ([^|]+) -->\n\n((?:\|.*\n)+)")
CELL = re.compile(r"^(-?[\d.]+)(?: \((-?[\d.]+) to (-?[\d.]+)\))?$")
NONE = "–"


def marked_tables():
    for page in PAGES:
        for match in MARK.finditer(page.read_text(encoding="utf-8")):
            files, columns, rows = ([n.strip() for n in match[i].split(",")] for i in (1, 2, 3))
            yield pytest.param(files, columns, rows, match[4], id=f"{page.stem}-{columns[0]}")


TABLES = list(marked_tables())


def unsigned(text):
    """A cell with the minus of computers and no plus."""
    return text.strip().replace("−", "-").removeprefix("+")


def written(number, like):
    """The number with as many decimals as another one is written with."""
    return f"{number:.{len(like.partition('.')[2])}f}"


def cells_of(file):
    path = ROOT / "docs" / file
    entries = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return {(e["table"], e["row"], e["metric"]): e for e in entries}


def expected(runs, column, row, text):
    """How a cell must read, as exact as the page has it; None if it is not in the results."""
    if column == "none":
        return None
    number, _, column = column.rpartition(">")
    table, metric, *published = column.split(":")
    found = runs[int(number or 1) - 1].get((table, row, metric))
    if found is None:
        return None
    if published == ["verdict"]:
        verdict = (found["note"] or "").partition(";")[0]
        return f"**{verdict}**" if verdict else None
    names = ("published",) if published else ("value", "ci_low", "ci_high")
    values = [found[name] for name in names]
    if values[0] is None:
        return NONE
    parts = CELL.match(text)
    assert parts, f"{row}, {column}: '{text}' is no number"
    if parts[2] is None:
        return written(values[0], parts[1])
    if values[1] is None:  # the same in every resample: no interval
        return written(values[0], parts[1])
    value, low, high = (written(value, parts[1]) for value in values)
    return f"{value} ({low} to {high})"


@pytest.mark.parametrize(("files", "columns", "rows", "table"), TABLES)
def test_a_table_is_that_of_its_results(files, columns, rows, table):
    runs = [cells_of(file) for file in files]
    lines = [line.strip("| ").split("|") for line in table.splitlines()[2:]]
    assert len(lines) == len(rows)
    for row, (_, *texts) in zip(rows, lines, strict=True):
        assert len(texts) == len(columns)
        for column, text in zip(columns, map(unsigned, texts), strict=True):
            assert text == (expected(runs, column, row, text) or NONE), (row, column)


def test_every_paper_is_documented():
    files = {file for table in TABLES for file in table.values[0]}
    assert {name.split("/")[1].partition("-")[0] for name in files} >= set(papers.names())
