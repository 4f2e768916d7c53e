"""Tables as LaTeX: what is special is escaped, rows are whole, and nothing exotic remains."""

import re

import pytest
from fake_run import write_run
from fake_severity import write_run as write_severity
from fake_sliding_run import write_run as write_sliding

from lus_keras.evaluation.report import latex
from lus_keras.evaluation.report.latex import claims_latex, escape, table_latex
from lus_keras.evaluation.report.section import build_section
from lus_keras.evaluation.run_record import read_run
from lus_keras.evaluation.tables.cells import Cell, Table
from lus_keras.papers import results as declared


@pytest.fixture(scope="module")
def sections(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    runs = [
        write_run(folder / "bline", folds=2, patients=6),
        write_severity(folder / "severity", nan_variants=()),
        write_sliding(
            folder / "sliding",
            {"2_30x30/resnet3d_18": [("a", 0, 0.2), ("b", 1, 0.7), ("c", 1, 0.4), ("d", 0, 0.9)]},
        ),
    ]
    papers = [paper for run in runs for paper in read_run(run)[1].values()]
    return {paper.paper: build_section(paper, declared(paper.paper)) for paper in papers}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50 % & more_", r"50 \% \& more\_"),
        ("{a}$#", r"\{a\}\$\#"),
        ("a\\b~c^d", r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d"),
        ("−0.5 – 1", "$-$0.5 -- 1"),
        ("IoU ≥ α", r"IoU \ensuremath{\geq} \ensuremath{\alpha}"),
        ("quadratic κ", r"quadratic \ensuremath{\kappa}"),
        ("30 × 30 → 3²", r"30 \texttimes{} 30 \textrightarrow{} 3\texttwosuperior{}"),
        ("Müller", r"M\"uller"),
        ("½ ☃", r"\textonehalf{} ?"),
        ("a\u00a0b\u202fc\nd\x07", "a~b c d"),
    ],
)
def test_text_is_escaped(text, expected):
    assert escape(text) == expected


def rows_of(text):
    """Lines between the rules that hold cells."""
    return [line for line in text.splitlines() if line.endswith(r"\\") and "&" in line]


@pytest.mark.parametrize("paper", ["bline", "severity", "sliding"])
def test_every_table_of_a_paper_is_whole(sections, paper):
    """As many cells in every row as in its head; braces and environments are closed."""
    section = sections[paper]
    for table in section.tables:
        text = table_latex(section, table)
        assert text.isascii()
        assert {len(re.findall(r"(?<!\\)&", row)) for row in rows_of(text)} == {5}
        plain = re.sub(r"\\[{}\\]", "", text)
        assert plain.count("{") == plain.count("}")
        assert re.findall(r"\\begin\{(\w+)\}", text) == re.findall(r"\\end\{(\w+)\}", text)[::-1]
        printed = [c for m in table.headline for r in table.row_labels if (c := table.cell(r, m))]
        # A head more, and in a long table two.
        heads = 2 if "longtable" in text else 1
        assert len(rows_of(text)) == len(printed) + heads
        assert r"\textbf{SIMULATED DATA" in text


def test_numbers_are_those_of_the_table(sections):
    section = sections["bline"]
    cell = section.tables[0].cell("c2d_lstm_a", "f1")
    line = (
        rf"\hspace{{1em}}F1 & 0.81 & {cell.value:.3f} & {cell.ci_low:.3f} to {cell.ci_high:.3f} & "
        rf"{cell.fold_sd:.3f} & {cell.baseline:.3f} \\"
    )
    assert line in table_latex(section, section.tables[0])


def test_what_is_undefined_is_no_number(sections):
    cells = [Cell("bline", "t", "row", "f1", note="undefined here")]
    table = Table("t", "T", cells, {"row": "Row_1"}, {"f1": "F1"}, ["f1"])
    text = table_latex(sections["bline"], table)
    assert r"\hspace{1em}F1 & -- & n/a &  & -- & -- \\" in text
    assert r"\textbf{Row\_1}" in text


def test_a_table_longer_than_a_page_may_break(sections, monkeypatch):
    section = sections["bline"]
    assert r"\begin{longtable}" not in table_latex(section, section.tables[0])
    monkeypatch.setattr(latex, "MOST_LINES", 3)
    text = table_latex(section, section.tables[0])
    assert text.count(r"\begin{longtable}") == text.count(r"\endhead") == 1
    assert r"\begin{table}" not in text


def test_claims_give_difference_interval_and_verdict(sections):
    section = sections["bline"]
    text = claims_latex(section)
    claim = section.claims[0]
    found = claim.comparisons[0].difference
    value = f"{found.value:+.3f}".replace("-", "$-$")
    (row,) = [row for row in rows_of(text) if "+0.23" in row]
    assert f"& {value} &" in row
    assert row.endswith(f"{claim.verdict} \\\\")
