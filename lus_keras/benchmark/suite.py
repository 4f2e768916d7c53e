"""Runs the lines that are asked for and writes what was found."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lus_keras.benchmark.lines import choose
from lus_keras.benchmark.machine import describe_machine, limits
from lus_keras.benchmark.scale import FULL, QUICK, Scale, make_settings
from lus_keras.benchmark.timing import SKIPPED, Line
from lus_keras.progress import Reporter

SCHEMA = 1


def run_benchmark(
    names: Sequence[str], scale: Scale, reporter: Reporter, *, command: str = ""
) -> dict[str, Any]:
    """Measures.

    Args:
        names: Lines to measure, see `choose`; none is all of the scale.
        scale: `FULL`, `QUICK` or `TINY`.
        reporter: Told of the progress.
        command: As it was typed, for the record.

    Returns:
        What benchmark.json holds: `machine`, `limits`, `command`, `scale`, and `lines`, one mapping
        a line.

    Raises:
        ConfigError: A name fits no line.
    """
    chosen = choose(names)
    # Before anything runs: the load is that of others.
    machine = describe_machine()
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="lus-keras-benchmark-") as folder:
        settings = make_settings(scale, Path(folder))
        for number, (name, measure) in enumerate(chosen.items()):
            reporter.advance("benchmark", number, len(chosen), name)
            if not names and name in scale.left_out:
                lines.append(_left_out(name))
                continue
            lines += measure(settings)
        reporter.advance("benchmark", len(chosen), len(chosen))
    return {
        "schema": SCHEMA,
        "date": datetime.date.today().isoformat(),
        "command": command,
        "scale": {id(FULL): "full", id(QUICK): "quick"}.get(id(scale), "tiny"),
        "threads": settings.threads,
        "machine": machine,
        "limits": limits(),
        "lines": [_as_record(line) for line in lines],
    }


def _left_out(name: str) -> Line:
    return Line(name, name, "", status=SKIPPED, note=f"takes long; ask for it with --only {name}")


def _as_record(line: Line) -> dict[str, Any]:
    target = line.target.text(line.unit) if line.target else ""
    return {**vars(replace(line, target=None)), "target": target}
