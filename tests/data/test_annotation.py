"""The page that videos are annotated in, and what it saves: from manifest to page to manifest."""

import base64
import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.core.errors import DataError
from lus_keras.data.annotation import IDS, Picturing, write_page
from lus_keras.data.importers.page import import_page
from lus_keras.data.manifest import Video, read_manifest, write_manifest

BLOCK = re.compile(r'<script type="application/json" class="(\w+)">(.*?)</script>', re.DOTALL)


def blocks(page):
    """What the page knows of each video, and the frames of each."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    read = {name: [json.loads(text) for kind, text in found if kind == name] for name, _ in found}
    return read["about"], read["frames"]


def saved_by(page, **changes):
    """What the page saves if nothing is marked in it but `changes`, by name of the video."""
    videos = []
    for about in blocks(page)[0]:
        videos.append(
            {name: about[name] for name in ("video", "sha256", "width", "height", "fps", "roi")}
            | {"frames": len(about["times_s"]), "intervals": about["intervals"], **about["ids"]}
            | {"labels": {name: text for name, text in about["labels"].items() if text}}
            | changes.get(about["video"].partition(".")[0], {})
        )
    path = page.with_suffix(".json")
    path.write_text(json.dumps({"format": "lus-keras annotations", "version": 1, "videos": videos}))
    return path


@pytest.fixture
def page(make_videos, tmp_path):
    """Three videos of six frames at 30 fps, 24×32 pixels, nothing known but the patient."""
    write_page(make_videos(3), tmp_path / "page.html")
    return tmp_path / "page.html"


def test_the_page_holds_every_frame_and_asks_for_nothing_else(page):
    about, frames = blocks(page)
    assert [each["video"] for each in about] == ["v00.avi", "v01.avi", "v02.avi"]
    assert about[1]["times_s"] == pytest.approx(np.arange(6) / 30, abs=1e-3)
    for number, pictures in enumerate(frames):
        assert len(pictures) == 6
        for frame, text in enumerate(pictures):
            content = np.frombuffer(base64.b64decode(text), np.uint8)
            gray = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
            assert gray.shape == (24, 32)
            assert np.abs(gray.astype(int) - (10 * number + frame)).max() <= 6
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert set(re.findall(r"https?://[\w./]+", text)) == {"http://www.w3.org/2000/svg"}


def test_large_frames_are_made_smaller_and_marks_stay_in_pixels_of_the_file(make_videos, tmp_path):
    write_page(make_videos(1, roi=(3, 4, 20, 12)), tmp_path / "p.html", Picturing(longest_side=16))
    (about,), _ = blocks(tmp_path / "p.html")
    assert about["shown"] == [16, 12] and (about["width"], about["height"]) == (32, 24)
    assert about["roi"] == [3, 4, 20, 12]


def test_a_name_cannot_end_the_script_it_stands_in(make_videos, tmp_path):
    video = replace(make_videos(1)[0], patient_id="</script><script>alert(1)</script>")
    write_page([video], tmp_path / "p.html")
    assert "<script>alert" not in (tmp_path / "p.html").read_text()
    assert blocks(tmp_path / "p.html")[0][0]["ids"]["patient_id"] == video.patient_id


def test_a_manifest_comes_back_through_the_page_as_it_was(make_videos, tmp_path):
    """Segments at the edges of frames: 2/30 … 5/30 s are frames 2, 3 and 4."""
    one, two, three = make_videos(3)
    rows = [
        replace(one, b_lines=1, segments=((2 / 30, 5 / 30),), roi=(1, 2, 10, 9), zone="z1"),
        replace(two, b_lines=0, segments=(), sliding=1, severity=2, exam_id="e"),
        replace(three, b_lines=1, sign="b_lines", signs=("b_lines", "effusion")),
    ]
    write_manifest(rows, tmp_path / "m.csv")
    write_page(read_manifest(tmp_path / "m.csv"), tmp_path / "page.html")
    assert blocks(tmp_path / "page.html")[0][0]["intervals"] == [[2, 4]]
    done = import_page(saved_by(tmp_path / "page.html"), [], tmp_path / "new.csv")
    back = read_manifest(tmp_path / "new.csv")
    assert done.videos == tuple(back)
    times = np.array(back[0].segments)
    assert times == pytest.approx(np.array(rows[0].segments), abs=1e-3)
    ids = {"video_id": "", "segments": ()}
    assert [replace(row, **ids) for row in back] == [replace(row, **ids) for row in rows]
    assert [row.segments for row in back[1:]] == [(), None]


def test_marked_frames_become_the_time_in_which_they_are_shown(page, tmp_path):
    """Frames 1 to 2 and 5, the last: 1/30 … 3/30 s and 5/30 … 6/30 s. Silence is left out."""
    marks = {"intervals": [[5, 5], [1, 2]], "labels": {"severity": "3"}}
    done = import_page(saved_by(page, v00=marks), [], tmp_path / "new.csv")
    (row,) = read_manifest(tmp_path / "new.csv")
    assert (row.b_lines, row.severity, row.patient_id) == (1, 3, "p0")
    expected = [(1 / 30, 3 / 30), (5 / 30, 6 / 30)]
    assert np.array(row.segments) == pytest.approx(np.array(expected), abs=1e-3)
    assert "not annotated, which does not mean free of B-lines: v01.avi, v02.avi" in done.notes[0]


def test_all_that_does_not_fit_is_listed_at_once(page, tmp_path):
    saved = saved_by(
        page,
        v00={"labels": {"b_lines": "0", "severty": "1"}, "intervals": [[1, 2]]},
        v01={"intervals": [[2, 6]], "patient_id": " "},
        v02={"sha256": "0" * 64},
    )
    with pytest.raises(DataError) as raised:
        import_page(saved, [], tmp_path / "new.csv")
    for said in (
        "/videos/0: `b_lines` is 0, and 1 intervals",
        "/videos/0/labels/severty: is not a label",
        "/videos/1: intervals [(2, 6)] must lie in the 6",
        "/videos/2: ",
        "its sha256 differs",
    ):
        assert said in str(raised.value)
    assert not (tmp_path / "new.csv").exists()


def test_another_json_is_refused_with_the_place(page, tmp_path):
    saved = saved_by(page, v01={"intervals": "all"})
    with pytest.raises(DataError, match="/videos/1/intervals"):
        import_page(saved, [], tmp_path / "new.csv")


def test_the_command_fills_in_patients_and_the_import_asks_for_those_that_are_blank(
    page, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = "data annotate videos --out named.html --patient (?P<patient>v0\\d) --size 64"
    done = CliRunner().invoke(main, words.split())
    assert done.exit_code == 0, done.output
    about, _ = blocks(tmp_path / "named.html")
    assert [each["ids"]["patient_id"] for each in about] == ["v00", "v01", "v02"]
    assert set(about[0]["ids"]) == set(IDS)
    saved = saved_by(tmp_path / "named.html", v00={"patient_id": "", "labels": {"sliding": "1"}})
    words = f"data import-annotations {saved} videos --out m.csv"
    done = CliRunner().invoke(main, words.split())
    assert done.exit_code == 3 and "its patient is unknown" in done.output
    done = CliRunner().invoke(main, [*words.split(), "--patient", r"(?P<patient>v)\d+"])
    assert done.exit_code == 0, done.output
    assert [(row.patient_id, row.sliding) for row in read_manifest(tmp_path / "m.csv")] == [
        ("v", 1)
    ]
    assert "sliding: known for 1 (1: 1)" in done.output
    assert "never 0: no network can learn the difference" in done.output


def test_pictures_without_a_clock_need_a_rate(tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((20, 30), 80 * number, np.uint8))
    write_page([Video(str(folder), "p", "f", fps=10.0)], tmp_path / "p.html")
    saved = saved_by(tmp_path / "p.html", frames={"intervals": [[0, 1]]})
    import_page(saved, [folder], tmp_path / "m.csv")
    (row,) = read_manifest(tmp_path / "m.csv")
    assert row.fps == 10 and np.array(row.segments) == pytest.approx(np.array([(0, 0.2)]))
