"""Figures as bytes: placed once for all formats, and the same whenever they are drawn."""

import io

import numpy as np
from matplotlib.image import imread

from lus_keras.core.style import DPI, new_figure, pdf_bytes, png_bytes


def drawn():
    figure = new_figure(4, 3)
    first, second = figure.subplots(2)
    first.set_title("a title that needs room")
    second.imshow(np.arange(12).reshape(3, 4))
    second.set_ylabel("two lines\nof a label")
    return figure


def test_a_png_is_what_matplotlib_saves_with_its_own_layout():
    stream = io.BytesIO()
    drawn().savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    pixels = [imread(io.BytesIO(data)) for data in (png_bytes(drawn()), stream.getvalue())]
    np.testing.assert_array_equal(*pixels)


def test_formats_share_one_layout_and_equal_figures_are_equal_bytes():
    figure = drawn()
    png = png_bytes(figure)
    places = [axes.get_position().bounds for axes in figure.axes]
    pdf = pdf_bytes(figure)
    assert [axes.get_position().bounds for axes in figure.axes] == places
    assert png_bytes(figure) == png and pdf_bytes(drawn()) == pdf
    assert pdf.startswith(b"%PDF")
