"""The documentation as a browser shows it, on a desk and on a phone."""

import subprocess
import sys

import pytest
from chromium import Page, find_chromium
from documented import ROOT

WIDTHS = (390, 1280)
# Elements beyond the right edge that no box of their own scrolls, and pictures without pixels.
FAULTS = """(() => {
  const edge = document.documentElement.clientWidth;
  const held = e => e && e !== document.body &&
    (getComputedStyle(e).overflowX !== 'visible' || held(e.parentElement));
  const beyond = [...document.querySelectorAll('.md-content *')].filter(e =>
    e.getBoundingClientRect().right > edge + 1 && !held(e.parentElement));
  const empty = [...document.images].filter(i => i.complete && !i.naturalWidth);
  return [...beyond, ...empty].map(e => e.outerHTML.slice(0, 120));
})()"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    command += ["--config-file", str(ROOT / ".ci" / "mkdocs.yml"), "--site-dir", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def page():
    program = find_chromium()
    if program is None:
        pytest.skip("needs Chromium")
    with Page(program) as opened:
        yield opened


@pytest.mark.parametrize("width", WIDTHS)
def test_no_page_is_wider_than_its_window(page, site, width):
    page.resize(width, 800)
    faults = {}
    # The page of missing addresses has absolute links.
    for path in sorted(set(site.glob("*.html")) - {site / "404.html"}):
        page.open(path)
        wide = page.evaluate("document.documentElement.scrollWidth")
        found = page.evaluate(FAULTS) + [f"{wide} px"] * (wide > width)
        faults |= {path.name: found} if found else {}
    assert faults == {}


def test_figures_keep_their_letters_legible_on_a_phone(page, site):
    """A wide figure scrolls in its own box, at least 250 pixels high."""
    page.resize(390, 800)
    page.open(site / "results.html")
    figures = page.evaluate(
        "[...document.querySelectorAll('p > img')].map(i => [i.naturalWidth / i.naturalHeight,"
        " i.clientHeight, i.parentElement.clientWidth])"
    )
    assert figures
    for shape, height, width in figures:
        assert width <= 390
        assert shape < 1.4 or height >= 250
