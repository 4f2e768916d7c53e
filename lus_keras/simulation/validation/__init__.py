"""Acceptance checks of the simulator: numbers, marks, and whether they are reached.

basic       1 speed, 2 determinism, 13 nothing but the lung tells the label
sliding     3 one frame, 4 network, 5 dose, 6 split by window
bline       7 truth, 8 truth is visible
findings    9 severity, 12 signs, 14 and 15 told apart by a network
real        10 realism, 11 transfer; skipped without COVID-BLUES
network     the network of 4, 14 and 15; the only part that needs Keras
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lus_keras.core.errors import ConfigError
from lus_keras.simulation.validation import basic, bline, findings, real, sliding
from lus_keras.simulation.validation.check import Check, Finding, Settings, TrainAndScore

CHECKS = (
    Check(1, "speed, one core", "≥ 150 fps 640×480, ≥ 1,500 fps 64×64", basic.check_speed),
    Check(2, "determinism", "exact", basic.check_determinism),
    Check(
        3, "sliding: one frame tells nothing", "AUC .5 ± .05 (LR, RF)", sliding.check_single_frame
    ),
    Check(
        4,
        "sliding: time tells",
        "3D CNN ≥ .75, low end > one frame's high end; one repeated: interval holds .5",
        sliding.check_network,
    ),
    Check(5, "sliding: dose-response", "non-decreasing, range ≥ .10", sliding.check_dose),
    Check(6, "sliding: split trap", "window ≥ .95, patient ≤ .60", sliding.check_split_trap),
    Check(
        7,
        "B-lines: truth",
        "≥ 95 % positive, 60-95 % mixed, median .4-.75, none false",
        bline.check_truth,
    ),
    Check(
        8,
        "B-lines: truth is visible",
        "frame AUC ≥ .80, top frame ≥ chance + .10, pooled ≥ one frame + .04",
        bline.check_visible,
    ),
    Check(
        9,
        "severity: realised as drawn",
        "≥ 90 %, none by > 1, white fraction rises",
        findings.check_severity,
    ),
    Check(10, "realism (COVID-BLUES)", "≤ 6, ≤ 3 dB, ≤ 9", real.check_realism),
    Check(
        11,
        "B-lines: simulated to real (COVID-BLUES)",
        "AUC ≥ .62, low end > .55, difference to within-real holds 0",
        real.check_transfer,
    ),
    Check(
        12,
        "signs look as they must",
        "fluid and A-lines in ≥ 90 %, every r < -.8",
        findings.check_signs,
    ),
    Check(13, "nothing but the lung tells the label", "every p > .01", basic.check_metadata),
    Check(
        14,
        "severity: told apart by a network",
        "low end > .5 for each score",
        findings.check_severity_network,
    ),
    Check(
        15,
        "signs: told apart by a network",
        "low end > .5 for each sign",
        findings.check_signs_network,
    ),
)
NEED_NETWORK = frozenset({4, 14, 15})

__all__ = ["CHECKS", "NEED_NETWORK", "Check", "Finding", "Settings", "TrainAndScore", "run"]


def run(settings: Settings, numbers: Iterable[int] = ()) -> Iterator[tuple[Check, Finding]]:
    """Runs checks one after another.

    Args:
        settings: Size, seed, network.
        numbers: Which; all if empty.

    Yields:
        Each check with its finding.

    Raises:
        ConfigError: There is no check of a number.
    """
    known = {check.number: check for check in CHECKS}
    chosen = sorted(set(numbers)) or sorted(known)
    unknown = [number for number in chosen if number not in known]
    if unknown:
        raise ConfigError(f"--check must be 1 to {max(known)}. Received {unknown}.")
    for number in chosen:
        yield known[number], known[number].run(settings)
