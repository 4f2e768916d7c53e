"""What all figures share: colors, lines, and how a picture becomes bytes."""

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, GREEN, ORANGE, GRAY = "#1f5fbf", "#2a9d4a", "#d9730d", "#777777"
# Okabe and Ito's palette: told apart by color-blind readers too.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":")
VERDICT_COLORS = {"holds": GREEN, "fails": "#c0392b", "undecided": GRAY}
DPI = 150


def png_bytes(figure: Figure) -> bytes:
    """Renders a PNG without time stamp or version, so equal figures are equal bytes.

    Compressed quickly: half the time for an eighth more bytes where there are photographs.
    """
    stream = io.BytesIO()
    _lay_out(figure)
    options: dict[str, Any] = {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}}
    figure.savefig(stream, format="png", dpi=DPI, **options)
    return stream.getvalue()


def pdf_bytes(figure: Figure) -> bytes:
    """Renders a figure for print, with lines and letters as such; equal figures, equal bytes."""
    stream = io.BytesIO()
    _lay_out(figure)
    figure.savefig(stream, format="pdf", dpi=DPI, metadata={"CreationDate": None, "Producer": None})
    return stream.getvalue()


def _lay_out(figure: Figure) -> None:
    """Places what is in a figure, once: `savefig` does it for every format, and draws twice."""
    FigureCanvasAgg(figure)
    engine = figure.get_layout_engine()
    if engine is not None:
        figure.dpi = DPI
        engine.execute(figure)
        figure.set_layout_engine(None)


def new_figure(width: float, height: float) -> Figure:
    """Makes an empty figure, inches wide and high; what is put into it does not overlap."""
    return Figure(figsize=(width, height), layout="constrained")


def line_style(number: int) -> dict[str, Any]:
    """Keywords of matplotlib's `plot` for the n-th network, from 0; styles repeat after 28."""
    return {"color": PALETTE[number % len(PALETTE)], "ls": LINES[number % len(LINES)], "lw": 1.8}
