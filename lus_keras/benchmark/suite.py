"""Runs the requested lines and records the results."""

import datetime
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lus_keras.benchmark.lines import choose
from lus_keras.benchmark.machine import describe_machine, limits
from lus_keras.benchmark.scale import Scale, Settings
from lus_keras.benchmark.timing import SKIPPED, Line
from lus_keras.core.environment import cores
from lus_keras.core.errors import ConfigError
from lus_keras.core.progress import Reporter

SCHEMA = 1


def run_benchmark(
    names: Sequence[str], scale: Scale, reporter: Reporter, *, command: str = ""
) -> dict[str, Any]:
    """Runs a benchmark.

    Args:
        names: Lines to measure, see `choose`; all lines of the scale if empty.
        command: Command line, for the record.

    Returns:
        Content of benchmark.json: `machine`, `limits`, `command`, `scale`, and `lines`, one mapping
        per line.

    Raises:
        ConfigError: A name matches no line.
    """
    chosen = choose(names)
    # Before anything runs, so that the load is that of other processes.
    machine = describe_machine()
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="lus-keras-benchmark-") as folder:
        settings = Settings(scale, Path(folder))
        for number, (name, measure) in enumerate(chosen.items()):
            reporter.advance("benchmark", number, len(chosen), name)
            if not names and name in scale.exclusions:
                note = f"takes long; run it with --only {name}"
                lines.append(Line(name, name, "", status=SKIPPED, note=note))
                continue
            lines += measure(settings)
        reporter.advance("benchmark", len(chosen), len(chosen))
    return {
        "schema": SCHEMA,
        "date": datetime.date.today().isoformat(),
        "command": command,
        "scale": scale.name,
        "threads": settings.threads,
        "machine": machine,
        "limits": limits(),
        "lines": [_as_record(line) for line in lines],
    }


# Properties that must agree for lines of two runs to appear in one table.
SAME = ("scale", "threads")
SAME_MACHINE = ("processor", "cores", "versions", "variables")


def read_record(path: Path, scale: Scale) -> dict[str, Any]:
    """Reads the record of an earlier run to measure some of its lines again.

    Raises:
        ConfigError: There is no record, or it is of another machine, other versions or another
            scale.
    """
    try:
        record = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be updated ({error}). Omit --update.") from None
    now = describe_machine() | {"scale": scale.name, "threads": cores()}
    then = record.get("machine", {}) | {name: record.get(name) for name in SAME}
    problems = [
        f"{path}: {name} was {then.get(name)!r} and is {now[name]!r}. Omit --update to measure "
        "everything again."
        for name in (*SAME, *SAME_MACHINE)
        if then.get(name) != now[name]
    ]
    if record.get("schema") != SCHEMA or problems:
        raise ConfigError.from_problems(problems or [f"{path}: of another version."])
    return record


def merge(earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """The earlier record with its lines replaced by those of a later one; new lines come last.

    `updates` records which lines were measured when.
    """
    names = list(dict.fromkeys(line["name"] for line in later["lines"]))
    lines: list[dict[str, Any]] = []
    for name in dict.fromkeys([*(line["name"] for line in earlier["lines"]), *names]):
        source = later if name in names else earlier
        lines += [line for line in source["lines"] if line["name"] == name]
    update = {"date": later["date"], "command": later["command"], "names": names}
    return {**earlier, "lines": lines, "updates": [*earlier.get("updates", []), update]}


def _as_record(line: Line) -> dict[str, Any]:
    target = line.target.text(line.unit) if line.target else ""
    return {**vars(replace(line, target=None)), "target": target}
