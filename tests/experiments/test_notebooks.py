"""Notebooks are committed with what they put out, run as they are, and define nothing."""

import ast
import base64
import html
import json
import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

from lus_keras import papers

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_BYTES = 300_000
# Written as lectures: idea, formula, committed results with a discussion, exercises.
LECTURES = {path.stem for path in NOTEBOOKS}
# A path that starts at a drive or a user's home, or in a folder for temporary files.
ROOTS = "home|root|tmp|Users|work|var|opt|usr"
PLACE = re.compile(rf"(?<![\w.:/])/(?:{ROOTS})/|[A-Z]:\\\\|site-packages")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


@pytest.fixture(params=sorted(LECTURES))
def lecture(request):
    return nbformat.read(ROOT / "notebooks" / f"{request.param}.ipynb", as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def texts(cells):
    """All text that cells put out, as plain text and HTML."""
    for output in (output for cell in cells for output in cell.outputs):
        yield output.get("text", "")
        yield from (text for kind, text in output.get("data", {}).items() if "text/" in kind)


def check_outputs(cells):
    """No error, no word on the error stream, no path of the machine."""
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert [text for text in texts(cells) if PLACE.search(text)] == []


def test_every_paper_has_its_notebook_and_there_is_a_quick_start():
    assert {path.stem for path in NOTEBOOKS} == {*papers.names(), "quickstart"}


def test_a_notebook_was_run_from_top_to_bottom_and_is_small(notebook):
    nbformat.validate(notebook)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    check_outputs(cells)
    assert len(nbformat.writes(notebook).encode()) < MAX_BYTES


def test_pictures_are_pictures(notebook):
    """Bytes that a browser shows, not the text of an object."""
    starts = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}
    shown = [
        (kind, data)
        for cell in code_cells(notebook)
        for output in cell.outputs
        for kind, data in output.get("data", {}).items()
        if kind.startswith("image/")
    ]
    for kind, data in shown:
        assert base64.b64decode(data).startswith(starts[kind])
    assert len(shown) >= 3


def test_a_notebook_calls_the_package_and_defines_nothing(notebook):
    forbidden = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for cell in code_cells(notebook):
        assert not [
            node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, forbidden)
        ]


def test_a_notebook_of_a_paper_tells_what_differs_and_what_not_to_conclude(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "Research use only" in text and "Simulated data" in text
    if "From nothing" not in text:
        for heading in (
            "claims",
            "## The network",
            "## The protocol",
            "## Results: published and ours",
        ):
            assert heading in text
        assert len(re.findall(r"^\d+\. \*\*", text, re.MULTILINE)) >= 6
        assert "Do not conclude" in text


def test_a_lecture_has_idea_formula_discussion_and_exercises(lecture):
    text = "\n".join(cell.source for cell in lecture.cells if cell.cell_type == "markdown")
    if "From nothing" not in text:
        assert "**Idea.**" in text and "**Formula.**" in text and "## Discussion" in text
    exercises = text.partition("\n## Exercises\n")[2]
    assert len(re.findall(r"^\d+\. ", exercises, re.MULTILINE)) >= 4


def recorded_calls(notebook):
    """Arguments of every `notebook.recorded(…)` with the table that its cell put out.

    The cells' own names for rows and metrics are plain data, so that they can be run alone.
    """
    names, asked = {"range": range, "dict": dict, "zip": zip}, []
    names["notebook"] = SimpleNamespace(recorded=lambda *args, **more: asked.append((args, more)))
    for cell in code_cells(notebook):
        tree = ast.parse(cell.source)
        *_, last = tree.body
        if ast.unparse(last).startswith("notebook.recorded("):
            body = [node for node in tree.body if isinstance(node, ast.Assign | ast.AugAssign)]
            exec(compile(ast.Module([*body, last], []), "cell", "exec"), names)
            args, options = asked.pop()
            yield args, options.get("digits", 2), cell.outputs[0].data["text/html"]


def test_committed_results_are_shown_to_the_digit(lecture):
    """What a notebook shows of `docs/results` is what stands there."""
    calls = list(recorded_calls(lecture))
    assert calls or "From nothing" in lecture.cells[0].source
    for (name, target, rows, metrics), digits, shown in calls:
        (path,) = (ROOT / "docs" / "results" / name).rglob("results.json")
        entries = json.loads(path.read_text(encoding="utf-8"))["rows"]
        cells = {(e["row"], e["metric"]): e for e in entries if e["table"] == target}
        assert {row for row, _ in cells} >= set(rows)
        assert {metric for _, metric in cells} >= set(metrics)
        found = [html.unescape(text) for text in re.findall(r"<td>(.*?)</td>", shown)]
        expected = [cells.get((row, metric)) for row in rows for metric in metrics]
        assert len(found) == len(expected)
        for text, cell in zip(found, expected, strict=True):
            numbers = re.findall(r"-?\d+(?:\.\d+)?", text)
            left = [] if cell is None else [cell["published"]]
            ours = [] if cell is None else [cell[key] for key in ("value", "ci_low", "ci_high")]
            wanted = [f"{value:g}" for value in left if value is not None]
            wanted += [f"{value:.{digits}f}" for value in ours if value is not None]
            assert numbers == wanted


@pytest.mark.filterwarnings("default")
@pytest.mark.timeout(900)
def test_a_notebook_runs_at_the_smallest_scale(notebook, tmp_path, monkeypatch):
    """From anywhere, leaving only what it says, with outputs as clean as the committed ones."""
    monkeypatch.setenv("LUS_KERAS_PRESET", "smoke")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    client = NotebookClient(notebook, timeout=800, kernel_name="python3")
    client.execute(cwd=str(tmp_path))
    check_outputs(code_cells(notebook))
    left = {path.name for path in tmp_path.iterdir()}
    if "From nothing" not in notebook.cells[0].source:
        assert left == set()
    else:  # the quick start keeps what it made, to be looked at
        files = {path.name for path in (tmp_path / "quickstart" / "smoke").rglob("*")}
        assert left == {"quickstart"}
        assert files > {"manifest.csv", "index.html", "videos.csv", "saved_model.pb"}
