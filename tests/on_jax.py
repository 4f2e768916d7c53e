"""Runs tests of a file again in a process whose Keras computes with JAX."""

import os
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest


def passes_on_jax(file: str, chosen: str, count: int | None = None) -> None:
    """Fails the calling test unless the chosen ones pass; skips it without JAX, or in that process.

    Args:
        file: The calling file, `__file__`.
        chosen: Expression of pytest's `-k`.
        count: How many have to pass; at least one if not given.
    """
    pytest.importorskip("jax", reason="JAX is not installed")
    if keras.backend.backend() == "jax":
        pytest.skip("this is that process")
    command = [sys.executable, "-m", "pytest", "-q", "-k", chosen, "-p", "no:cacheprovider"]
    result = subprocess.run(
        [*command, file],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        timeout=500,
    )
    output = result.stdout[-3000:] + result.stderr[-1000:]
    passed = re.search(r"(\d+) passed", result.stdout)
    assert result.returncode == 0 and passed, output
    assert count is None or int(passed[1]) == count, output
