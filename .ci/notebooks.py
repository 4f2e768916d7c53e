"""Runs notebooks anew, in place: `python .ci/notebooks.py notebooks/*.ipynb`.

`jupyter-execute` does not pass options on to the client, which then records the time of each cell.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

for path in map(Path, sys.argv[1:]):
    print(path, flush=True)
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    resources = {"metadata": {"path": path.parent}}
    NotebookClient(
        notebook, record_timing=False, coalesce_streams=True, resources=resources
    ).execute()
    nbformat.write(notebook, path)
