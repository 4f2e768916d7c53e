"""The report as a page: its clips, what it leaves out of real data, and how a browser takes it."""

import base64
import hashlib
import re

import cv2
import numpy as np
import pytest
from chromium import Page, find_chromium
from fake_run import fold_dir, record, revouch, write_run
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.evaluation.report.clips import MOST_CLIPS, viewed_clips
from lus_keras.evaluation.report.html import annotated_spans, bibtex_paper, curve_points, prose
from lus_keras.evaluation.report.section import build_section
from lus_keras.evaluation.report.sprites import MOST_BYTES, make_sprite, mask_source
from lus_keras.evaluation.run_record import read_run, write_record
from lus_keras.experiments.report import write_report
from lus_keras.papers import results as declared

LABELS = {"c2d_lstm": "C2D+LSTM", "c2d_lstm_a": "C2D+LSTM+A"}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run of a network without attention and one with it; tests only read it."""
    path = tmp_path_factory.mktemp("page") / "run"
    write_run(path, models=tuple(LABELS), folds=2, patients=6)
    write_report(path)
    return path


@pytest.fixture(scope="module")
def run(run_dir):
    return read_run(run_dir)[1]["bline"]


@pytest.fixture(scope="module")
def html(run_dir):
    return (run_dir / "report" / "index.html").read_text()


def read_sprite(sprite):
    """Frames of a sprite, in order."""
    picture = cv2.imdecode(np.frombuffer(sprite.jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (sprite.rows * sprite.height, sprite.columns * sprite.width)
    for place in range(len(sprite.shown)):
        y, x = divmod(place, sprite.columns)
        yield picture[
            y * sprite.height : (y + 1) * sprite.height, x * sprite.width : (x + 1) * sprite.width
        ]


def test_a_sprite_holds_every_frame_at_its_place():
    """Frame f is 20 f gray; 7 frames stand in 3 columns and 3 rows."""
    frames = np.broadcast_to(np.arange(0, 140, 20)[:, None, None], (7, 24, 32)).astype(np.uint8)
    sprite = make_sprite(frames)
    assert (sprite.columns, sprite.rows, sprite.shown.tolist()) == (3, 3, list(range(7)))
    for number, frame in enumerate(read_sprite(sprite)):
        # Middle of the frame: JPEG blocks of 16 reach over edges.
        assert abs(frame[8:16, 8:24].mean() - 20 * number) < 2


@settings(deadline=None, max_examples=8, derandomize=True)
@given(st.integers(1, 40), st.integers(8, 300), st.integers(8, 300))
def test_a_sprite_stays_within_its_bytes_and_keeps_the_order(count, height, width):
    """Noise compresses worst; a single frame of 160 pixels is under the limit, too."""
    frames = np.random.default_rng(0).integers(0, 256, (count, height, width), np.uint8)
    sprite = make_sprite(frames)
    assert len(sprite.jpeg) <= MOST_BYTES
    assert max(sprite.height, sprite.width) <= 160
    steps = np.diff(sprite.shown)
    assert sprite.shown[0] == 0
    assert len(set(steps.tolist())) <= 1
    assert sprite.shown[-1] > count - 1 - (steps[0] if len(steps) else count)


def test_clips_say_what_the_run_says_of_them(run):
    clips = viewed_clips(run, LABELS)
    assert len(clips) == MOST_CLIPS
    assert len({clip.id for clip in clips}) == MOST_CLIPS
    model = run.model("c2d_lstm_a")
    for clip in clips:
        row = model.predictions.set_index("clip_id").loc[clip.clip_id]
        answer = "B-line" if row["p_1"] > 0.5 else "non-B-line"
        assert clip.truth == ("B-line" if row["y_true"] else "non-B-line")
        assert clip.answers == (("C2D+LSTM+A", answer, max(row["p_0"], row["p_1"])),)
        assert clip.patient_id == row["patient_id"]
        place = model.attention.clip_ids.tolist().index(clip.clip_id)
        weights = model.attention.weights[place]
        stretched = (weights - weights.min()) / np.ptp(weights)
        np.testing.assert_allclose(clip.curves[0].values, stretched, atol=1e-4)
        assert clip.annotated == tuple(model.attention.truth[place].tolist())
        assert clip.first == weights.argmax()
        assert clip.frames == tuple(range(1, 31))
        assert clip.seconds[1] == pytest.approx(1 / 30, abs=1e-3)
    # Of two folds by turns.
    assert [run.model("c2d_lstm_a").predictions.set_index("clip_id").loc[c.clip_id, "fold"]
            for c in clips[:4]] == [0, 1, 0, 1]  # fmt: skip


def test_annotated_frames_are_marked_half_a_frame_wider(run):
    """Of 5 frames, 25 apart, frames 2 and 3 (at 25 and 50) and the last (at 100) are marked."""
    clip = viewed_clips(run, LABELS, 1)[0]
    marked = type(clip)(**{**vars(clip), "frames": (1, 2, 3, 4, 5), "annotated": (0, 1, 1, 0, 1)})
    assert annotated_spans(marked) == [(12.5, 50.0), (87.5, 12.5)]
    assert annotated_spans(type(clip)(**{**vars(marked), "annotated": ()})) == []
    assert curve_points(marked, (0, 1, 0.5, 0, 0)).startswith("0.00,37.00 25.00,3.00 50.00,20.00")


def test_the_page_holds_the_clips_and_stays_small(html):
    jpegs = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", html)
    assert len(jpegs) == MOST_CLIPS
    assert all(base64.b64decode(text)[:2] == b"\xff\xd8" for text in jpegs)
    assert sum(map(len, jpegs)) < 2e6 / 4


def test_the_only_script_that_may_run_is_the_one_inside(html):
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    allowed = re.search(r"script-src 'sha256-([^']+)'", html)[1]
    assert base64.b64decode(allowed) == hashlib.sha256(script.encode()).digest()
    assert "default-src 'none'" in html


@pytest.fixture
def real(tmp_path):
    """The same kind of run, on data that were not simulated."""
    path = write_run(tmp_path / "run", models=tuple(LABELS), folds=2, patients=6)
    write_record(path, record(tuple(LABELS), 2, dataset="covid-blues", simulated=False))
    (path / "bline" / "simulated").rename(path / "bline" / "covid-blues")
    return path


def test_frames_of_real_data_are_left_out_unless_asked_for(real):
    write_report(real)
    page = (real / "report" / "index.html").read_text()
    markdown = (real / "report" / "report.md").read_text()
    figure1 = base64.b64encode((real / "report/figures/bline_figure1.png").read_bytes()).decode()
    assert "image/jpeg" not in page
    assert figure1 not in page
    assert "Frames of covid-blues are omitted" in page
    assert "figure1.png" not in markdown
    assert "bline_roc.png" in markdown
    write_report(real, embed_frames=True)
    page = (real / "report" / "index.html").read_text()
    assert page.count("image/jpeg") == MOST_CLIPS
    assert figure1 in page
    assert "Frames of covid-blues" not in page
    assert "figure1.png" in (real / "report" / "report.md").read_text()


@pytest.mark.usefixtures("no_pictures")
def test_a_manifest_that_is_called_simulated_is_not(tmp_path):
    """Its frames may be of patients, whatever its name."""
    path = write_run(tmp_path / "run", models=tuple(LABELS), folds=2, patients=6)
    write_record(path, record(tuple(LABELS), 2, simulated=False))
    write_report(path)
    page = (path / "report" / "index.html").read_text()
    assert "image/jpeg" not in page
    assert "SIMULATED DATA" not in page


def test_clips_without_known_truth_have_no_marks(tmp_path):
    path = write_run(tmp_path, models=("c2d_lstm_a",), folds=2, patients=4, frame_truth=False)
    clips = viewed_clips(read_run(path)[1]["bline"], LABELS)
    assert clips
    assert all(clip.annotated == () and clip.curves for clip in clips)


def test_padding_is_not_shown_and_skipped_frames_keep_their_numbers(tmp_path):
    """Every third frame of 20, of which 8 exist: frames 1, 4 and 7 of 8."""
    path = write_run(tmp_path, models=("c2d_lstm",), folds=2, patients=4)
    name = read_run(path)[1]["bline"].model("c2d_lstm").predictions["clip_id"][0]
    frames = np.zeros((1, 7, 8, 8), np.uint8)
    lengths = {"length": np.array([8]), "step": np.int64(3)}
    stored = {"clip_id": np.array([name]), "frames": frames, **lengths}
    np.savez(fold_dir(path, "c2d_lstm", 0) / "examples.npz", **stored)
    revouch(fold_dir(path, "c2d_lstm", 0))
    (clip,) = viewed_clips(read_run(path)[1]["bline"], LABELS)
    assert (clip.frames, clip.total) == ((1, 4, 7), 8)
    assert clip.seconds == (0.0, 0.1, 0.2)
    assert (clip.curves, clip.first) == ((), 1)


def with_masks(path):
    """A run whose clips of `c2d_lstm` are of 10 frames; mask k of 12×12 is 20 k everywhere."""
    write_run(path, models=("c2d_lstm",), folds=2, patients=4)
    name = read_run(path)[1]["bline"].model("c2d_lstm").predictions["clip_id"][0]
    levels = np.arange(0, 200, 20, dtype=np.uint8)
    np.savez(
        fold_dir(path, "c2d_lstm", 0) / "examples.npz",
        clip_id=np.array([name]),
        frames=np.zeros((1, 10, 48, 48), np.uint8),
        masks=np.broadcast_to(levels[:, None, None], (1, 10, 12, 12)),
        length=np.array([9]),
    )
    revouch(fold_dir(path, "c2d_lstm", 0))
    return path


def test_masks_lie_in_the_viewer_where_their_frames_do(tmp_path):
    """Nine of ten frames exist, in three columns; the brighter a mask, the brighter its heat."""
    (clip,) = viewed_clips(read_run(with_masks(tmp_path))[1]["bline"], LABELS)
    label, source = clip.mask
    assert label == LABELS["c2d_lstm"]
    assert len(source) < 6000
    content = base64.b64decode(source.partition("base64,")[2])
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (3 * 32, 3 * 32) and clip.sprite.columns == 3
    means = picture.reshape(3, 32, 3, 32).mean(axis=(1, 3)).ravel()
    assert (np.diff(means) > 3).all()


def test_sixty_masks_take_little_room():
    rng = np.random.default_rng(0)
    sprite = make_sprite(np.zeros((60, 96, 96), np.uint8))
    noise = rng.integers(0, 256, (60, 11, 11), dtype=np.uint8)
    assert len(mask_source(noise, sprite)) < MOST_BYTES


@given(st.text('`<>&"ab '))
def test_prose_shows_the_text_with_backticks_as_code_and_no_other_markup(text):
    shown = prose(text)
    assert set(re.findall(r"<[^>]*>", shown)) <= {"<code>", "</code>"}
    assert shown.striptags() == " ".join(re.sub(r"`([^`]+)`", r"\1", text).split())


def test_settings_within_a_sentence_are_code():
    assert prose('as `fit.lr` < 1, "not" `a`') == (
        "as <code>fit.lr</code> &lt; 1, &#34;not&#34; <code>a</code>"
    )


def test_the_paper_is_cited_as_its_configuration_says(run):
    entry = bibtex_paper(build_section(run, declared(run.paper)))
    assert entry.startswith("@misc{bline,")
    assert "author = {Kerdegari and others}," in entry
    assert "year = {2021}," in entry
    assert "doi = {10.48550/arXiv.2102.01059}," in entry


@pytest.fixture(scope="module")
def page(run_dir):
    """The report in a browser, at desktop width."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here: `apt-get install chromium`, or set LUS_KERAS_CHROMIUM")
    with Page(program) as opened:
        opened.open(run_dir / "report" / "index.html")
        yield opened


def shown(page, number=1):
    """Frame that the viewer says it shows, and the place of its picture in the sprite."""
    figure = f"document.getElementById('clip-bline-{number}')"
    said = page.evaluate(f"{figure}.querySelector('output').textContent")
    style = page.evaluate(f"{figure}.querySelector('.film img').style.cssText")
    left, top = (int(re.search(rf"{side}: (-?\d+)%", style)[1]) for side in ("left", "top"))
    return int(re.match(r"frame (\d+) of 30", said)[1]), -left // 100 + 6 * (-top // 100)


def test_a_browser_opens_it_alone_and_without_complaint(page, run_dir):
    assert page.messages == []
    others = [url for url in page.requests if not url.startswith("data:")]
    assert others == [(run_dir / "report" / "index.html").resolve().as_uri()]
    widths = page.evaluate("[...document.images].map((each) => each.naturalWidth)")
    assert len(widths) > MOST_CLIPS
    assert min(widths) > 0


def test_the_viewer_follows_the_address(page, run_dir):
    page.open(run_dir / "report" / "index.html", "#clip-bline-2@12")
    assert shown(page, 2) == (12, 11)


def test_the_viewer_scrubs_by_keyboard_and_mouse(page):
    page.evaluate("document.querySelector('#clip-bline-1 input').focus()")
    page.press("Home")
    assert shown(page) == (1, 0)
    page.press("ArrowRight")
    page.press("ArrowRight")
    assert shown(page) == (3, 2)
    page.press("End")
    page.press("ArrowLeft")
    assert shown(page) == (29, 28)
    page.evaluate("document.querySelector('#clip-bline-1 svg').scrollIntoView({block: 'center'})")
    left, width, y = page.evaluate(
        "(() => { const b = document.querySelector('#clip-bline-1 svg').getBoundingClientRect();"
        "return [b.left, b.width, b.top + b.height / 2]; })()"
    )
    page.drag([(left + 5, y), (left + width / 2, y), (left + width * 10 / 29, y)])
    assert shown(page) == (11, 10)
    # Keys go on where the mouse stopped.
    page.press("ArrowRight")
    assert shown(page) == (12, 11)


def test_annotated_frames_are_framed_in_green(page, run):
    clip = viewed_clips(run, LABELS)[0]
    film = "document.querySelector('#clip-bline-1 .film').classList.contains('annotated')"
    for place in (clip.annotated.index(0), clip.annotated.index(1)):
        page.evaluate(f"location.hash = '#clip-bline-1@{place + 1}'")
        page.evaluate("new Promise((done) => setTimeout(done, 50))")
        assert shown(page)[0] == place + 1
        assert page.evaluate(film) == (clip.annotated[place] == 1)


def test_nothing_is_wider_than_a_phone(page):
    page.resize(390, 800)
    try:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    finally:
        page.resize(1200, 900)


def test_it_prints_with_what_is_folded_away(page, tmp_path):
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("[...document.querySelectorAll('details')].every((each) => each.open)")
    page.pdf(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_masks_are_shown_when_they_are_asked_for(page, tmp_path):
    """The last test of the page: it opens another report."""
    write_report(with_masks(tmp_path))
    page.open(tmp_path / "report" / "index.html", "#clip-bline-1@5")
    drawn = "getComputedStyle(document.querySelector('.film .mask')).display"
    places = "[...document.querySelectorAll('.film img')].map((e) => [e.style.left, e.style.top])"
    assert page.evaluate(drawn) == "none"
    assert page.evaluate(places) == [["-100%", "-100%"]] * 2
    page.evaluate("document.querySelector('.masks input').click()")
    assert page.evaluate(drawn) == "block"
    assert page.messages == []
