"""Comparison of contenders: all are prepared first, then their rounds alternate."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from lus_keras.benchmark.scale import Settings
from lus_keras.benchmark.timing import (
    FAILED,
    SKIPPED,
    Line,
    Sample,
    Spread,
    Target,
    judge,
    rates,
    ratios,
)
from lus_keras.benchmark.worker import Absent, Failed, Worker

Spec = tuple[str, str, dict[str, Any]]


@dataclass
class Result:
    """Result of one contender; its status explains why there are no samples, if so."""

    facts: dict[str, Any] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    peak_bytes: int = 0
    status: str = ""
    note: str = ""


def run_interleaved(
    specs: Mapping[str, Spec], settings: Settings, *, steps: int = 1, rounds: int | None = None
) -> dict[str, Result]:
    """Measures contenders in alternating rounds; an unavailable or failing one is skipped.

    Args:
        specs: Name → (module, task, keyword arguments of the task).

    Returns:
        Results by name.
    """
    results = {name: Result() for name in specs}
    with ExitStack() as stack:
        workers = {}
        for name, (module, task, options) in specs.items():
            worker = Worker(module, task, options, threads=settings.threads)
            workers[name] = stack.enter_context(worker)
        for name in specs:
            _attempt(results[name], workers[name], None)
        for _ in range(rounds or settings.scale.rounds):
            for name, worker in workers.items():
                if not results[name].status:
                    _attempt(results[name], worker, steps)
    return results


def _attempt(result: Result, worker: Worker, steps: int | None) -> None:
    try:
        if steps is None:
            result.facts = worker.ready()
        else:
            result.samples.append(worker.round(steps))
            result.peak_bytes = worker.peak_bytes
    except Absent as error:
        result.status, result.note = SKIPPED, f"{error} is not installed"
    except Failed as error:
        result.status, result.note = FAILED, str(error)


def comparison(
    name: str,
    title: str,
    peer: str,
    ours: Result,
    theirs: Result,
    *,
    rate_unit: str,
    target: Target | None = None,
) -> Line:
    """Line that compares this package with another library; skipped or failed if either is."""
    lacking = next((result for result in (ours, theirs) if result.status), None)
    line = Line(name, title, "×", peer=peer, rate_unit=rate_unit, target=target)
    if lacking:
        return _without(line, lacking)
    found = ratios(ours.samples, theirs.samples)
    parameters = [result.facts.get("parameters") for result in (ours, theirs)]
    note = "" if parameters[0] == parameters[1] else f"parameters differ: {parameters}"
    return replace(
        _measured(line, found),
        ours=rates(ours.samples).median,
        theirs=rates(theirs.samples).median,
        note=note,
        details={
            "facts": ours.facts,
            "peer_facts": theirs.facts,
            "ours_rates": [sample.rate for sample in ours.samples],
            "peer_rates": [sample.rate for sample in theirs.samples],
        },
    )


def alone(
    name: str,
    title: str,
    result: Result,
    *,
    unit: str,
    target: Target | None = None,
    note: str = "",
) -> Line:
    """Line of this package without comparison; skipped or failed if the result is."""
    line = Line(name, title, unit, target=target)
    if result.status:
        return _without(line, result)
    line = _measured(line, rates(result.samples))
    return replace(line, note=note, details={"facts": result.facts})


def _measured(line: Line, found: Spread) -> Line:
    status = judge(found.median, line.target)
    return replace(line, value=found.median, low=found.low, high=found.high, status=status)


def _without(line: Line, result: Result) -> Line:
    return replace(line, status=result.status, note=result.note)
