"""Who is measured: this package, and what it is measured against. One module a framework.

Each module has `TASKS`: name → function that gets ready and returns a `Contender`. A module is
imported in its own process, see `lus_keras.benchmark.worker`.
"""

import numpy as np

# (t, h, w, c) and batch as in the papers; outputs as logits.
SHAPES = {"c2d_lstm_a": (30, 64, 64, 1), "resnet3d_18": (60, 30, 30, 3)}
BATCHES = {"c2d_lstm_a": 20, "resnet3d_18": 32}
OUTPUTS = {"c2d_lstm_a": 2, "resnet3d_18": 1}
RATES = {"c2d_lstm_a": 1e-4, "resnet3d_18": 1e-3}
L2 = {"c2d_lstm_a": 1e-5, "resnet3d_18": 1e-4}


def batch_of(network: str, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise `(b, t, h, w, c)` in 0 … 1 with labels `(b,)`, the same for every contender.

    As in training, clips are gray: networks of three channels get three equal ones.
    """
    rng = np.random.default_rng(0)
    *sizes, channels = SHAPES[network]
    grey = rng.random((batch, *sizes, 1), dtype=np.float32)
    clips = np.repeat(grey, channels, axis=-1)
    return clips, rng.integers(0, 2, batch)
