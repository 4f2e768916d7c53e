"""A pleural line that is indented or broken, tied to the lung."""

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class PleuralDefects:
    """Places where the pleural line is pushed in or interrupted.

    Attributes:
        position_mm: `(k,)` place along the lung.
        width_mm: `(k,)` lateral size (SD).
        dent_mm: `(k,)` how far the line is pushed toward the lung.
        loss_db: `(k,)` how much darker it is there.
    """

    position_mm: np.ndarray
    width_mm: np.ndarray
    dent_mm: np.ndarray
    loss_db: np.ndarray

    def joined(self, other: "PleuralDefects") -> "PleuralDefects":
        """Returns these defects and `other`'s."""
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return PleuralDefects(*(np.concatenate(pair) for pair in pairs))

    def _deepest(self, amount: np.ndarray, lung_mm: np.ndarray) -> np.ndarray:
        offset = (lung_mm[None] - self.position_mm[:, None]) / self.width_mm[:, None]
        return (amount[:, None] * np.exp(-0.5 * offset**2)).max(0, initial=0)

    def shift_mm(self, lung_mm: np.ndarray) -> np.ndarray:
        """Depth of the line beyond its usual one at `(n,)` places along the lung, mm."""
        return self._deepest(self.dent_mm, lung_mm)

    def fading_db(self, lung_mm: np.ndarray) -> np.ndarray:
        """Loss of the line at `(n,)` places along the lung, dB ≥ 0."""
        return self._deepest(self.loss_db, lung_mm)
