"""Three real videos of three patients: marked in Chromium, imported, Table 2 trained on them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from annotation_page import cells_of_table_2, drag_box, invoke, press, save
from chromium import Page, find_chromium

from lus_keras.data.manifest import read_manifest

pytestmark = pytest.mark.real_data
REGION = (40, 25, 270, 300)
FIRST, LAST = 10, 39
PATTERN = r"patient_(?P<patient>\d+)_(?P<zone>[LR]\d)"


@pytest.fixture(scope="module")
def chosen(load_public):
    """The first video of each of three patients that is long enough to be marked."""
    long = [row for row in load_public("covid-blues").videos if Path(row.video).is_file()]
    by_patient = {}
    for row in long:
        by_patient.setdefault(row.patient_id, row)
    rows = list(by_patient.values())[:3]
    assert len(rows) == 3
    return rows


@pytest.fixture(scope="module")
def marked(chosen, tmp_path_factory):
    """The folder of videos, and what was saved: B-lines in the first two, none in the third."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium here: `apt-get install chromium`, or set LUS_KERAS_CHROMIUM")
    folder = tmp_path_factory.mktemp("real")
    (folder / "videos").mkdir()
    for row in chosen:
        shutil.copy(row.video, folder / "videos")
    invoke(
        *("data", "annotate", folder / "videos", "--out", folder / "page.html"),
        *("--patient", PATTERN),
    )
    with Page(program, 1440, 900) as page:
        page.save_downloads_to(folder)
        page.open(folder / "page.html")
        for number in range(3):
            mark(page, with_b_lines=number < 2)
            press(page, "ArrowDown")
        assert (
            page.evaluate("document.getElementById('progress').textContent") == "3 of 3 annotated"
        )
        videos = save(page, folder / "page.json")
        assert page.messages == []
    return folder, videos


def mark(page, with_b_lines):
    if with_b_lines:
        press(page, "ArrowRight", shift=True)
        press(page, "i")
        press(page, "ArrowRight", times=3, shift=True)
        press(page, "ArrowLeft", "o")
    else:
        press(page, "b")
    drag_box(page, REGION)
    press(page, "2" if with_b_lines else "0")
    page.evaluate("document.querySelector('[name=sliding][value=\"1\"]').click()")


def test_the_page_saves_what_was_marked(marked):
    folder, videos = marked
    assert [each["intervals"] for each in videos] == [[[FIRST, LAST]], [[FIRST, LAST]], []]
    labels = [{"b_lines": "1", "severity": "2", "sliding": "1"}] * 2
    labels += [{"b_lines": "0", "severity": "0", "sliding": "1"}]
    assert [each["labels"] for each in videos] == labels
    for each in videos:
        assert np.abs(np.array(each["roi"]) - REGION).max() <= 1
    names = sorted(path.stem for path in (folder / "videos").iterdir())
    assert [Path(each["video"]).stem for each in videos] == names
    assert [f"patient_{each['patient_id']}_{each['zone']}" for each in videos] == names


def test_table_2_is_trained_on_what_was_marked(marked, tensorflow):
    folder, videos = marked
    manifest = folder / "manifest.csv"
    source = (folder / "page.json", folder / "videos")
    said = invoke("data", "import-annotations", *source, "--out", manifest)
    assert "3 videos of 3 patients." in said and "b_lines: known for 3 (0: 1, 1: 2)" in said
    rows = read_manifest(manifest)
    # 25 frames per second: an interval ends with its last frame.
    times = np.array([row.segments for row in rows[:2]])
    assert times == pytest.approx(np.array([[(FIRST / 25, (LAST + 1) / 25)]] * 2), abs=1e-3)
    assert rows[2].segments == () and rows[2].b_lines == 0
    assert [list(row.roi) for row in rows] == [each["roi"] for each in videos]
    found = cells_of_table_2(manifest, folder / "run")
    assert found and all(cell["n_patients"] == 2 for cell in found)
    assert all(cell["value"] is not None for cell in found)
