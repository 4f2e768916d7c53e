"""Indentations and breaks of the pleural line, which move with the lung."""

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class PleuralDefects:
    """Positions where the pleural line is indented or interrupted.

    Attributes:
        position_mm: `(k,)` position along the lung.
        width_mm: `(k,)` lateral size (SD).
        dent_mm: `(k,)` depth of the indentation toward the lung.
        loss_db: `(k,)` loss of brightness.
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
        """Additional depth of the line in mm at `(n,)` positions along the lung."""
        return self._deepest(self.dent_mm, lung_mm)

    def fading_db(self, lung_mm: np.ndarray) -> np.ndarray:
        """Loss of brightness of the line at `(n,)` positions along the lung, dB ≥ 0."""
        return self._deepest(self.loss_db, lung_mm)
