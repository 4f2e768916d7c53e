"""What bfloat16 does to a result: the same trainings in both precisions, and how their F1 differs.

Nothing here is about speed; it is what a speed-up may cost. Two trainings that differ in rounding
alone end in different networks, so one pair says nothing: cohorts of several seeds are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from scipy import stats

from lus_keras.benchmark.end_to_end import run_command
from lus_keras.benchmark.scale import FULL, Settings
from lus_keras.benchmark.timing import FAILED, SKIPPED, SMALLER, Line, Target
from lus_keras.benchmark.worker import Failed
from lus_keras.core.environment import computes_in_bfloat16
from lus_keras.evaluation.metrics import Scores, binary_statistics, point
from lus_keras.evaluation.run_record import read_run

# The papers' main networks, those whose training step is measured too.
NETWORKS = {"bline": "c2d_lstm_a", "sliding": "2_30x30/resnet3d_18"}
PRECISIONS = ("mixed_bfloat16", "float32")
TARGET = Target(holds_zero=True)


def precision(settings: Settings) -> list[Line]:
    """Difference of F1 between Table 1 in bfloat16 and in float32, all else equal.

    Args:
        settings: The scale says at which preset, and of how many seeds; cohorts are simulated.

    Returns:
        One line a network: the mean difference over seeds, with its 95 % interval (Student's t) as
        `low` and `high`.
    """
    return [_measure(paper, network, settings) for paper, network in NETWORKS.items()]


def _measure(paper: str, network: str, settings: Settings) -> Line:
    title = f"F1 in bfloat16 less F1 in float32, {network}, preset {settings.scale.precision}"
    line = Line("precision", title, "", target=TARGET)
    if not computes_in_bfloat16():
        note = "this processor does not compute in bfloat16"
        return replace(line, status=SKIPPED, note=note)
    try:
        found = [
            {name: _f1(paper, network, name, seed, settings) for name in PRECISIONS}
            for seed in range(settings.scale.seeds)
        ]
    except Failed as error:
        return replace(line, status=FAILED, note=str(error))
    except ModuleNotFoundError as error:
        return replace(line, status=SKIPPED, note=f"{error.name} is not installed")
    return effect(line, found, judged=settings.scale is FULL)


def _f1(paper: str, network: str, dtype: str, seed: int, settings: Settings) -> float:
    """F1 of all test clips of a run: cohort, split and first weights follow from the seed."""
    out = settings.folder / f"precision-{paper}-{dtype}-{seed}"
    options = ["--preset", settings.scale.precision, "--set", f"fit.precision={dtype}"]
    options += ["--model", network, "--seed", str(seed), "--out", str(out)]
    run_command(["reproduce", f"{paper}/table1", *options], settings.folder / "cache-precision")
    predictions = read_run(out)[1][paper].models[network].predictions
    if predictions is None:
        raise Failed(f"no fold of {network} has finished")
    scores = Scores.of(predictions)
    return point(binary_statistics(scores)["f1"], scores.clusters)


def effect(line: Line, found: Sequence[Mapping[str, float]], *, judged: bool) -> Line:
    """Fills a line with the mean difference over seeds.

    Args:
        line: Without a value.
        found: F1 by precision, one mapping a seed; two or more for an interval.
        judged: Whether the scale is the one that the target is for.

    Returns:
        The line; met where the interval holds 0.
    """
    reduced, full = (np.array([one[name] for one in found]) for name in PRECISIONS)
    differences = reduced - full
    interval = stats.ttest_1samp(differences, 0.0).confidence_interval(0.95)
    low, high = float(interval.low), float(interval.high)
    means = " and ".join(f"{values.mean():.3f}" for values in (reduced, full))
    return replace(
        line,
        value=float(differences.mean()),
        low=low,
        high=high,
        status=TARGET.judge_interval(low, high) if judged else SMALLER,
        note=f"means {means} over {len(found)} cohorts; a difference varies by "
        f"{differences.std(ddof=1):.3f} (SD)",
        details={"f1": [dict(one) for one in found]},
    )
