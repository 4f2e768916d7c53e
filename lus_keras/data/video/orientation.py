"""Which way up a picture is shown: the display matrix of MP4 and MOV, and EXIF orientation.

A telephone held upright stores its pictures lying on their side, together with a matrix that says
how to turn them. FFmpeg hands the matrix on and turns nothing; every player and browser turns.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData, Type

# The first five of nine numbers, a, b, u, c, d, of which the third is of no use here.
_MATRIX = struct.Struct("=2i4x2i")
# A turn by other than quarters is not shown by browsers; rounding of writers is far below this.
_ROUNDING = 0.02


@dataclass(frozen=True)
class Orientation:
    """How stored pixels become the picture that is shown; the order is that of the attributes.

    Attributes:
        flip_rows: Whether the first row is then shown last.
        flip_columns: Whether the first column is then shown last.
    """

    transposed: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    @classmethod
    def of(cls, picture: av.VideoFrame) -> "Orientation":
        """Reads the matrix that goes with a decoded picture; upright where there is none."""
        try:
            beside = cast(Iterable[SideData], picture.side_data)
            found = {data.type: bytes(data) for data in beside}
        except ValueError:  # PyAV does not know another kind of data beside it
            return cls.of_rotation(picture.rotation)
        matrix = found.get(Type.DISPLAYMATRIX, b"")
        return cls.of_matrix(*_MATRIX.unpack_from(matrix)) if len(matrix) >= _MATRIX.size else cls()

    @classmethod
    def of_rotation(cls, degrees: float) -> "Orientation":
        """Reads an angle, counted against the clock, which is rounded to quarter turns."""
        return (cls(), cls(True, True, False), cls(False, True, True), cls(True, False, True))[
            round(degrees / 90) % 4
        ]

    @classmethod
    def of_exif(cls, value: int) -> "Orientation":
        """Reads EXIF's tag Orientation, 1 … 8; upright for any other value."""
        return _EXIF.get(value, cls())

    @classmethod
    def of_matrix(cls, a: int, b: int, c: int, d: int) -> "Orientation":
        """Reads a display matrix.

        A stored pixel at (column, row) is shown at (a·column + c·row, b·column + d·row), up to a
        shift and a scale.

        Args:
            a: Column to column.
            b: Column to row.
            c: Row to column.
            d: Row to row.

        Returns:
            The quarter turn or mirror image it stands for; upright for any other matrix.
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
