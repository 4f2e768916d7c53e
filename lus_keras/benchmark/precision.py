"""What bfloat16 does to a result: the same runs in both precisions, and the difference of their F1.

Nothing here is about speed; it is what a speed-up may cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from lus_keras.benchmark.child import Failed
from lus_keras.benchmark.scale import FULL, Settings
from lus_keras.benchmark.timing import FAILED, SKIPPED, SMALLER, Line, Target
from lus_keras.benchmark.whole import run_command
from lus_keras.environment import computes_in_bfloat16
from lus_keras.metrics import Scores, aligned, binary_statistics, paired_difference, point
from lus_keras.results import ModelRun, read_run

# The papers' main networks, those whose training step is measured too.
NETWORKS = {"bline": "c2d_lstm_a", "sliding": "resnet3d_18"}
PRECISIONS = ("mixed_bfloat16", "float32")
TARGET = Target(holds_zero=True)


def precision(settings: Settings) -> list[Line]:
    """Difference of F1 between Table 1 in bfloat16 and in float32, all else equal.

    Args:
        settings: The scale says at which preset; the cohort is the simulated one.

    Returns:
        One line a network and data set: the difference, and its 95 % interval by paired bootstrap
        over patients as `low` and `high`.
    """
    if not computes_in_bfloat16():
        note = "this processor does not compute in bfloat16"
        return [replace(_line(paper), status=SKIPPED, note=note) for paper in NETWORKS]
    lines: list[Line] = []
    for paper in NETWORKS:
        try:
            lines += _compare(paper, settings)
        except Failed as error:
            lines.append(replace(_line(paper), status=FAILED, note=str(error)))
        except ModuleNotFoundError as error:
            note = f"{error.name} is not installed"
            lines.append(replace(_line(paper), status=SKIPPED, note=note))
    return lines


def _line(paper: str, network: str = "") -> Line:
    title = f"F1 in bfloat16 less F1 in float32, {network or NETWORKS[paper]}"
    return Line("precision", title, "", target=TARGET)


def _compare(paper: str, settings: Settings) -> Iterator[Line]:
    runs = [_models(paper, one, settings) for one in PRECISIONS]
    for network in runs[0]:
        reduced, full = (run[network] for run in runs)
        yield effect(_line(paper, network), reduced, full, settings)


def _models(paper: str, dtype: str, settings: Settings) -> dict[str, ModelRun]:
    out = settings.folder / f"precision-{paper}-{dtype}"
    options = ["--preset", settings.scale.precision, "--set", f"fit.precision={dtype}"]
    options += ["--model", NETWORKS[paper], "--out", str(out)]
    run_command(["reproduce", f"{paper}/table1", *options], settings.folder / "cache-precision")
    return dict(read_run(Path(out))[1][paper].models)


def effect(line: Line, reduced: ModelRun, full: ModelRun, settings: Settings) -> Line:
    """Fills a line with the difference of two runs.

    Args:
        line: Without a value.
        reduced: Network trained in bfloat16.
        full: The same in float32.
        settings: Whether the scale is the one that is judged.

    Returns:
        The line; met where the interval holds 0.
    """
    frames = [run.predictions for run in (reduced, full) if run.predictions is not None]
    if len(frames) < 2:
        return replace(line, status=FAILED, note="no fold has finished")
    frames = aligned(frames)
    first, second = (Scores.of(frame) for frame in frames)
    ours, theirs = (binary_statistics(scores)["f1"] for scores in (first, second))
    found = paired_difference(ours, theirs, first.clusters)
    each = " and ".join(f"{point(one, first.clusters):.3f}" for one in (ours, theirs))
    patients, share = first.clusters.n_patients, (first.y_pred != second.y_pred).mean()
    judged = settings.scale is FULL
    return replace(
        line,
        value=found.value,
        low=found.ci_low,
        high=found.ci_high,
        status=TARGET.judge_interval(found.ci_low, found.ci_high) if judged else SMALLER,
        note=f"F1 {each}, {patients} patients; {share:.0%} of clips are decided otherwise",
        details={"clips": len(frames[0]), "preset": settings.scale.precision},
    )
