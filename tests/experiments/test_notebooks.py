"""Notebooks are committed with what they put out, run as they are, and define nothing."""

import ast
import base64
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from lus_keras import papers

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_BYTES = 300_000
# A path that starts at a drive or a user's home, or in a folder for temporary files.
ROOTS = "home|root|tmp|Users|work|var|opt|usr"
PLACE = re.compile(rf"(?<![\w.:/])/(?:{ROOTS})/|[A-Z]:\\\\|site-packages")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


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
    assert shown or "From nothing" in notebook.cells[0].source


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
        for heading in ("claims", "## The network", "## The protocol", "## Published | ours"):
            assert heading in text
        assert len(re.findall(r"^\d+\. \*\*", text, re.MULTILINE)) >= 6
        assert "Do not conclude" in text


@pytest.mark.filterwarnings("default")
@pytest.mark.timeout(900)
def test_a_notebook_runs_at_the_smallest_scale(notebook, tmp_path, monkeypatch):
    """From anywhere, leaving nothing behind, with outputs as clean as the committed ones."""
    monkeypatch.setenv("LUS_KERAS_PRESET", "smoke")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.chdir(tmp_path)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    client = NotebookClient(notebook, timeout=800, kernel_name="python3")
    client.execute(cwd=str(tmp_path))
    check_outputs(code_cells(notebook))
    assert list(tmp_path.iterdir()) == []
