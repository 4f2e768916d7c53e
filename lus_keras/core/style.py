"""What all figures share: colors, lines, and how a picture becomes bytes."""

import io
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

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


def key_beneath(figure: Figure, axes: Any) -> None:
    """Puts the legend of some axes under the figure, where it hides no data.

    The figure grows by its height, so the axes keep their size, and to its width if its two columns
    are wider than the figure.
    """
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    options: dict[str, Any] = {"ncols": 2, "frameon": False, "fontsize": 8}
    key = figure.legend(handles, labels, loc="outside lower center", **options)
    extent = key.get_window_extent(FigureCanvasAgg(figure).get_renderer())
    figure.set_figwidth(max(figure.get_figwidth(), extent.width / figure.dpi + 0.2))
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        # Axes of equal scales reach a little below the place that is kept for them.
        engine.set(h_pad=0.1)
    figure.set_figheight(figure.get_figheight() + extent.height / figure.dpi + 0.2)


def plain_ticks(axis: Any, low: float, high: float) -> None:
    """Writes plain numbers along a logarithmic axis, few enough not to touch.

    Args:
        axis: Axis of matplotlib.
        low: Smallest value drawn.
        high: Largest value drawn.
    """
    steps = (1, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5) if high < 1000 * low else (1,)
    axis.set_major_locator(MaxNLocator(5) if high < 3 * low else LogLocator(subs=steps, numticks=6))
    axis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axis.set_minor_formatter(NullFormatter())
