"""The paper's statistic data set: the chosen network on all videos, those learned from included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lus_keras.data.clip_source import ClipSource
from lus_keras.data.pipeline import make_batches
from lus_keras.papers.base import to_probabilities
from lus_keras.papers.severity import NETWORK

if TYPE_CHECKING:
    import keras

    from lus_keras.core.config import PaperConfig

# Its probabilities are those of training, which divides logits by the fold's temperature.
CALIBRATED = True
TARGETS = dict.fromkeys(("results", "figure8", "figure9"), (NETWORK,))


def explain(
    model: keras.Model,
    source: ClipSource,
    rows: np.ndarray,
    config: PaperConfig,
    items: Sequence[Any],
    temperature: float = 1.0,
) -> dict[str, np.ndarray]:
    """Predicts every video of the data set.

    Args:
        rows: `(n,)` rows of the test clips.
        temperature: Logits are divided by it, see `fit.calibrate`.

    Returns:
        By column, all `(m,)` of m videos: `clip_id`, `video_id`, `patient_id`, `y_true`, `tested`
        (bool, whether it is a test video), and `p_0` … `p_3`.
    """
    index = source.index
    every = np.arange(len(index))
    batches = make_batches(source, every, np.zeros(len(every), bool), config.fit.batch_size)
    chances = to_probabilities(model.predict(batches, verbose=0) / temperature)
    return {
        **{name: getattr(index, name) for name in ("clip_id", "video_id", "patient_id")},
        "y_true": index.label,
        "tested": np.isin(every, rows),
        **{f"p_{score}": column for score, column in enumerate(chances.T)},
    }
