"""Orientation of displayed frames: the display matrix of MP4 and MOV, and EXIF orientation.

A phone held upright stores frames rotated by a quarter turn, together with a matrix that describes
the rotation. FFmpeg passes the matrix on without applying it; all players and browsers apply it.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData, Type

# The first five of nine numbers: a, b, u, c, d; u is not needed.
_MATRIX = struct.Struct("=2i4x2i")
# Browsers ignore rotations other than quarter turns; rounding errors are far below this tolerance.
_ROUNDING = 0.02


@dataclass(frozen=True)
class Orientation:
    """Transformation from stored to displayed pixels, applied in the order of the attributes.

    Attributes:
        flip_rows: Whether the order of the rows is then reversed.
        flip_columns: Whether the order of the columns is then reversed.
    """

    transposed: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def of(cls, picture: av.VideoFrame) -> "Orientation":
        """Orientation from the display matrix of a decoded frame; upright if there is none."""
        try:
            beside = cast(Iterable[SideData], picture.side_data)
            found = {data.type: bytes(data) for data in beside}
        except ValueError:  # PyAV does not support another kind of side data in the frame
            return cls.of_rotation(picture.rotation)
        matrix = found.get(Type.DISPLAYMATRIX, b"")
        return cls.of_matrix(*_MATRIX.unpack_from(matrix)) if len(matrix) >= _MATRIX.size else cls()

    @classmethod
    def of_rotation(cls, degrees: float) -> "Orientation":
        """Orientation from a counterclockwise angle, rounded to quarter turns."""
        return (cls(), cls(True, True, False), cls(False, True, True), cls(True, False, True))[
            round(degrees / 90) % 4
        ]

    @classmethod
    def of_exif(cls, value: int) -> "Orientation":
        """Orientation from the EXIF tag Orientation, 1 … 8; upright for any other value."""
        return _EXIF.get(value, cls())

    @classmethod
    def of_matrix(cls, a: int, b: int, c: int, d: int) -> "Orientation":
        """Orientation from a display matrix.

        A stored pixel at (column, row) is displayed at (a·column + c·row, b·column + d·row), up to
        translation and scale.

        Args:
            a: Column to column.
            b: Column to row.
            c: Row to column.
            d: Row to row.

        Returns:
            The quarter turn or reflection; upright for any other matrix.
        """
        largest = max(abs(value) for value in (a, b, c, d))
        small = _ROUNDING * largest
        if max(abs(b), abs(c)) <= small and min(abs(a), abs(d)) > small:
            return cls(False, flip_rows=d < 0, flip_columns=a < 0)
        if max(abs(a), abs(d)) <= small and min(abs(b), abs(c)) > small:
            return cls(True, flip_rows=b < 0, flip_columns=c < 0)
        return cls()

    @property
    def upright(self) -> bool:
        """Whether pixels are displayed as stored."""
        return not (self.transposed or self.flip_rows or self.flip_columns)

    def turned(self, pixels: np.ndarray) -> np.ndarray:
        """The displayed image.

        Args:
            pixels: `(h, w)` or `(h, w, c)` as stored.

        Returns:
            `(h, w)` or, transposed, `(w, h)`, followed by the channels, if any; contiguous.
        """
        if self.upright:
            return pixels
        shown = np.swapaxes(pixels, 0, 1) if self.transposed else pixels
        shown = shown[::-1] if self.flip_rows else shown
        shown = shown[:, ::-1] if self.flip_columns else shown
        return np.ascontiguousarray(shown)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Displayed `(width, height)` for a stored width and height."""
        return (height, width) if self.transposed else (width, height)


UPRIGHT = Orientation()
_EXIF = {
    2: Orientation(False, False, True),
    3: Orientation(False, True, True),
    4: Orientation(False, True, False),
    5: Orientation(True, False, False),
    6: Orientation(True, False, True),
    7: Orientation(True, True, True),
    8: Orientation(True, True, False),
}
