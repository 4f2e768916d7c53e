"""Which way up a picture is shown: the display matrix of MP4 and MOV, and EXIF orientation.

A telephone held upright stores its pictures lying on their side, together with a matrix that says
how to turn them. FFmpeg hands the matrix on and turns nothing; every player and browser turns.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import av
import numpy as np

_MATRIX_BYTES = 36
# A turn by other than quarters is not shown by browsers; rounding of writers is far below this.
_ROUNDING = 0.02


@dataclass(frozen=True)
class Orientation:
    """How stored pixels become the picture that is shown; the order is that of the attributes.

    Attributes:
        transposed: Whether rows become columns.
        flip_rows: Whether the first row is then shown last.
        flip_columns: Whether the first column is then shown last.
    """

    transposed: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def of(cls, picture: av.VideoFrame) -> Orientation:
        """Reads the matrix that goes with a decoded picture; upright where there is none."""
        for side_data in picture.side_data:
            if side_data.type.name == "DISPLAYMATRIX" and len(bytes(side_data)) >= _MATRIX_BYTES:
                return cls.of_matrix(struct.unpack("=9i", bytes(side_data)[:_MATRIX_BYTES]))
        return cls()

    @classmethod
    def of_matrix(cls, matrix: tuple[int, ...]) -> Orientation:
        """Reads a display matrix.

        Args:
            matrix: Nine integers a, b, u, c, d, v, x, y, w. A stored pixel at (column, row) is
                shown at (a·column + c·row, b·column + d·row), up to a shift and a scale.

        Returns:
            The quarter turn or mirror image it stands for; upright for any other matrix.
        """
        a, b, _, c, d = matrix[:5]
        largest = max(abs(value) for value in (a, b, c, d))
        small = _ROUNDING * largest
        if max(abs(b), abs(c)) <= small and min(abs(a), abs(d)) > small:
            return cls(False, flip_rows=d < 0, flip_columns=a < 0)
        if max(abs(a), abs(d)) <= small and min(abs(b), abs(c)) > small:
            return cls(True, flip_rows=b < 0, flip_columns=c < 0)
        return cls()

    @property
    def upright(self) -> bool:
        """Whether pixels are shown as they are stored."""
        return not (self.transposed or self.flip_rows or self.flip_columns)

    def turned(self, pixels: np.ndarray) -> np.ndarray:
        """The picture that is shown.

        Args:
            pixels: `(h, w)` or `(h, w, c)` as stored.

        Returns:
            `(h, w)` or, transposed, `(w, h)`, with the channels if there are any; contiguous.
        """
        if self.upright:
            return pixels
        shown = np.swapaxes(pixels, 0, 1) if self.transposed else pixels
        shown = shown[::-1] if self.flip_rows else shown
        shown = shown[:, ::-1] if self.flip_columns else shown
        return np.ascontiguousarray(shown)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """`(width, height)` of the picture that is shown, of those that are stored."""
        return (height, width) if self.transposed else (width, height)
