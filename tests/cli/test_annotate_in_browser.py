"""The page in Chromium: a person marks three videos, saves, imports, and trains Table 2."""

import json

import numpy as np
import pytest
from annotation_page import cells_of_table_2, drag_box, invoke, press, save
from chromium import Page, find_chromium

from lus_keras.data.manifest import read_manifest
from lus_keras.data.video import write_video

NAMES = ("p0_z1", "p0_z2", "p1_z1", "p1_z2")
SIZE = (48, 64)
FPS, FRAMES = 30, 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Videos of two patients, every second one with a bright bar in frames 12 to 41; the page."""
    folder = tmp_path_factory.mktemp("annotated")
    rng = np.random.default_rng(0)
    (folder / "videos").mkdir()
    for number, name in enumerate(NAMES):
        frames = rng.integers(0, 160, (FRAMES, *SIZE)).astype(np.uint8)
        if number % 2:
            frames[12:42, 10:, 28:34] = 230
        write_video(folder / "videos" / f"{name}.avi", frames, FPS, "mjpeg")
    pattern = r"(?P<patient>p\d)_(?P<zone>z\d)"
    page = folder / "page.html"
    invoke("data", "annotate", folder / "videos", "--out", page, "--patient", pattern)
    return folder


@pytest.fixture(scope="module")
def opened(folder):
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here: `apt-get install chromium`, or set LUS_KERAS_CHROMIUM")
    with Page(program, 1280, 800) as page:
        page.save_downloads_to(folder)
        page.open(folder / "page.html")
        yield page


def message(page):
    return page.evaluate("document.getElementById('message').textContent")


def state(page):
    return page.evaluate("({frame, shown, marks: marks[shown]})")


@pytest.fixture(scope="module")
def annotated(folder, opened):
    """What was saved after each video was marked by keyboard and mouse."""
    page = opened
    page.open(folder / "page.html")
    assert "restored" not in message(page), "the page was opened anew, and nothing was done"
    for number in range(len(NAMES)):
        if number % 2:
            press(page, "ArrowRight", times=1, shift=True)
            press(page, "ArrowRight", times=2)
            press(page, "i")
            press(page, "ArrowRight", times=3, shift=True)
            press(page, "ArrowLeft", "o")
            drag_box(page, (8, 6, 40, 36))
        else:
            press(page, "b")
        press(page, "2" if number % 2 else "0")
        if number < len(NAMES) - 1:
            press(page, "ArrowDown")
    save(page, folder / "page.json")
    return folder / "page.json"


def test_keys_and_mouse_mark_what_they_say(annotated):
    videos = json.loads(annotated.read_text())["videos"]
    assert [each["video"] for each in videos] == [f"{name}.avi" for name in NAMES]
    assert [each["intervals"] for each in videos] == [[], [[12, 41]]] * 2
    labels = [{"b_lines": "0", "severity": "0"}, {"b_lines": "1", "severity": "2"}] * 2
    assert [each["labels"] for each in videos] == labels
    assert [each["patient_id"] for each in videos] == ["p0", "p0", "p1", "p1"]
    for each in videos[1::2]:
        assert np.abs(np.array(each["roi"]) - (8, 6, 40, 36)).max() <= 1


def test_the_page_asks_for_nothing_and_complains_of_nothing(opened, folder, annotated):
    assert opened.messages == []
    others = {url for url in opened.requests if not url.startswith(("data:", "blob:"))}
    assert others == {(folder / "page.html").resolve().as_uri()}


def test_what_was_drawn_is_the_frame_of_the_file(opened, annotated):
    """The bar is bright in frame 12 and not in 11, where the page says so."""
    means = []
    for frame in (11, 12):
        opened.evaluate(f"go({frame}), load({frame}).decode().then(() => draw())")
        means.append(
            opened.evaluate(
                "(() => { const d = document.getElementById('picture').getContext('2d')"
                ".getImageData(29, 20, 4, 20).data; let sum = 0;"
                "for (let i = 0; i < d.length; i += 4) sum += d[i]; return sum / d.length * 4; })()"
            )
        )
    assert means[0] < 120 and means[1] > 200


def test_changes_can_be_undone_and_outlive_the_page(opened, folder, annotated):
    before = state(opened)
    press(opened, "c")
    assert state(opened)["marks"]["roi"] is None
    press(opened, "z")
    assert state(opened)["marks"] == before["marks"]
    opened.open(folder / "page.html")
    assert "restored" in message(opened)
    saved = json.loads(annotated.read_text())["videos"]
    assert opened.evaluate("marks.map((m) => m.intervals)") == [each["intervals"] for each in saved]
    assert opened.evaluate("document.getElementById('progress').textContent") == "4 of 4 annotated"


def test_contradictions_are_shown_as_they_are_made(opened, annotated):
    opened.evaluate("show(1)")
    problems = "document.getElementById('problems').textContent"
    assert opened.evaluate(problems) == ""
    opened.evaluate("choose('b_lines', '0')")
    assert "intervals are marked" in opened.evaluate(problems)
    press(opened, "z")
    assert opened.evaluate(problems) == ""


def test_nothing_is_wider_than_a_phone(opened, annotated):
    opened.resize(390, 844)
    try:
        assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    finally:
        opened.resize(1280, 800)


def test_the_clock_is_not_cut_off(opened, annotated):
    """Long videos have long frame numbers."""
    opened.resize(1280, 800)
    opened.evaluate("document.getElementById('clock').textContent = '33.33 s · frame 1000 of 1200'")
    width = "(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)"
    assert opened.evaluate(f"{width}(document.getElementById('clock'))") <= 0


def test_table_2_is_trained_on_what_was_marked(annotated, folder, tensorflow):
    manifest = folder / "manifest.csv"
    said = invoke("data", "import-annotations", annotated, folder / "videos", "--out", manifest)
    assert "4 videos of 2 patients." in said and "b_lines: known for 4 (0: 2, 1: 2)" in said
    rows = read_manifest(manifest)
    times = np.array([row.segments for row in rows[1::2]])
    assert times == pytest.approx(np.array([[(12 / FPS, 42 / FPS)]] * 2), abs=1e-3)
    found = cells_of_table_2(manifest, folder / "run")
    assert found and all(cell["n_patients"] == 2 for cell in found)
    assert all(cell["value"] is not None for cell in found)
