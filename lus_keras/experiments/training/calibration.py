"""Temperature and operating point of a network, from patients used neither to train nor to test.

Temperature: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from lus_keras.core.files import write_json
from lus_keras.evaluation.metrics import log_loss_of

FILE = "calibration.json"
# Largest temperature searched; beyond it, probabilities are almost uninformative or certain.
LARGEST = 20.0


def calibrate(
    logits: np.ndarray, labels: np.ndarray, decode: Callable[[np.ndarray], np.ndarray]
) -> dict[str, Any]:
    """Fits a temperature and, for two classes, the threshold with the highest Youden index.

    Args:
        logits: `(n, k)` of validation clips.
        labels: `(n,)` classes, or `(n, k)` of 0 or 1 for independent labels.
        decode: Function from logits to probabilities `(n, classes)`.

    Returns:
        `temperature`; `log_loss` before and after; `threshold` for the probability of the last
        class, and its `sensitivity` and `specificity`. The last three are None unless there are
        two classes that both occur.
    """

    def loss(log_temperature: float) -> float:
        return log_loss_of(labels, decode(logits / math.exp(log_temperature)))

    limit = math.log(LARGEST)
    found = minimize_scalar(loss, bounds=(-limit, limit), method="bounded")
    temperature = math.exp(found.x) if found.fun < loss(0.0) else 1.0
    probabilities = decode(logits / temperature)
    return {
        "temperature": temperature,
        "log_loss": [loss(0.0), loss(math.log(temperature))],
        **_operating_point(labels, probabilities),
    }


def _operating_point(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float | None]:
    none = dict.fromkeys(("threshold", "sensitivity", "specificity"))
    two = labels.ndim == 1 and probabilities.shape[1] == 2
    if not two or len(np.unique(labels)) < 2:
        return none
    scores = probabilities[:, -1]
    levels = np.unique(scores)
    # Midpoints between scores; at the lowest threshold everything is positive.
    thresholds = np.concatenate([levels[:1], (levels[1:] + levels[:-1]) / 2])
    positive = scores[None] >= thresholds[:, None]
    sensitivity = positive[:, labels == 1].mean(axis=1)
    specificity = 1 - positive[:, labels == 0].mean(axis=1)
    best = int(np.argmax(sensitivity + specificity))
    values = (thresholds[best], sensitivity[best], specificity[best])
    return dict(zip(none, map(float, values), strict=True))


def write_calibration(folder: Path, said: dict[str, Any]) -> None:
    """Writes calibration.json into the folder of a fold."""
    write_json(folder / FILE, said)
