"""The contenders: this package, and the libraries it is compared with. One module per framework.

Each module has a table `TASKS`: name → function that prepares and returns a `Contender`. A module
is imported in its own process, see `lus_keras.benchmark.worker`.
"""

import numpy as np

# Input shapes (t, h, w, c) and batch sizes of the papers; outputs are logits.
SHAPES = {"c2d_lstm_a": (30, 64, 64, 1), "resnet3d_18": (60, 30, 30, 3)}
BATCHES = {"c2d_lstm_a": 20, "resnet3d_18": 32}
OUTPUTS = {"c2d_lstm_a": 2, "resnet3d_18": 1}
RATES = {"c2d_lstm_a": 1e-4, "resnet3d_18": 1e-3}
L2 = {"c2d_lstm_a": 1e-5, "resnet3d_18": 1e-4}


def batch_of(network: str, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise `(b, t, h, w, c)` in 0 … 1 with labels `(b,)`, identical for every contender.

    As in training, clips are gray: networks with three channels receive three equal channels.
    """
    rng = np.random.default_rng(0)
    *sizes, channels = SHAPES[network]
    gray = rng.random((batch, *sizes, 1), dtype=np.float32)
    clips = np.repeat(gray, channels, axis=-1)
    return clips, rng.integers(0, 2, batch)
