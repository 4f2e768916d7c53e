"""Acceptance checks of the simulator: measurements, targets, and whether they are met.

basic       1 speed, 2 determinism, 13 only the lung predicts the label
sliding     3 one frame, 4 network, 5 dose, 6 split by window
bline       7 truth, 8 truth is visible
findings    9 severity, 12 signs, 14 and 15 distinguished by a network
real        10 realism, 11 transfer; skipped without COVID-BLUES
network     the network of 4, 14 and 15; the only part that needs Keras
"""

from collections.abc import Iterable, Iterator

from lus_keras.core.errors import ConfigError
from lus_keras.simulation.validation import basic, bline, findings, real, sliding
from lus_keras.simulation.validation.check import (
    REGISTERED,
    Check,
    Finding,
    Settings,
    TrainAndScore,
)

CHECKS = tuple(REGISTERED[number] for number in sorted(REGISTERED))
NEED_NETWORK = frozenset({4, 14, 15})

__all__ = ["CHECKS", "NEED_NETWORK", "Check", "Finding", "Settings", "TrainAndScore", "run"]


def run(settings: Settings, numbers: Iterable[int] = ()) -> Iterator[tuple[Check, Finding]]:
    """Runs checks one after another.

    Args:
        settings: Size and seed of the checks.
        numbers: Numbers of the checks; all if empty.

    Raises:
        ConfigError: There is no check with a given number.
    """
    known = {check.number: check for check in CHECKS}
    chosen = sorted(set(numbers)) or sorted(known)
    unknown = [number for number in chosen if number not in known]
    if unknown:
        raise ConfigError(f"--check must be 1 to {max(known)}. Received {unknown}.")
    for number in chosen:
        yield known[number], known[number].run(settings)
