"""Regions of interest: drawn in a window that is played here, or given on the command line."""

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.data.manifest import read_manifest, write_manifest
from lus_keras.data.video import write_video


@pytest.fixture
def manifest(make_videos, tmp_path):
    """Three videos of 24×32 pixels without a region."""
    path = tmp_path / "m.csv"
    write_manifest(make_videos(3, sliding=1), path)
    return path


@pytest.fixture
def window(monkeypatch):
    """A screen whose user draws the boxes of a list; an exception in it is raised."""
    answers, shown = [], []

    def select(title, picture, *flags):
        shown.append((title, picture))
        answer = answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    monkeypatch.setenv("DISPLAY", ":0")
    for name in ("namedWindow", "destroyWindow", "destroyAllWindows"):
        monkeypatch.setattr(cv2, name, lambda *_: None)
    monkeypatch.setattr(cv2, "selectROI", select)
    return answers, shown


def mark(manifest, *options):
    out = manifest.with_name("new.csv")
    done = CliRunner().invoke(main, ["data", "mark", str(manifest), "--out", str(out), *options])
    return done, out


def rois(path):
    return [row.roi for row in read_manifest(path)]


def test_boxes_of_the_window_are_written_and_one_can_be_passed_over(manifest, window):
    answers, shown = window
    answers += [(1, 2, 10, 12), (0, 0, 0, 0), (-3, 4, 10, 50)]
    done, out = mark(manifest)
    assert done.exit_code == 0, done.output
    # What was drawn beyond the picture is cut off: 24 rows, 32 columns.
    assert rois(out) == [(1, 2, 10, 12), None, (0, 4, 7, 20)]
    assert "2 of 3 videos" in done.output
    assert "Without: v01" in done.output
    assert shown[0][0] == "v00 (1 of 3)"
    assert rois(manifest) == [None] * 3


def test_the_window_shows_the_maximum_over_two_seconds(tmp_path, window):
    """Frame 1 has a bright spot; frame 61 is too late at 30 fps."""
    frames = np.zeros((70, 24, 32), np.uint8)
    frames[1, 3, 4], frames[61, 7, 8] = 200, 100
    write_video(tmp_path / "v.avi", frames, 30.0, "rawvideo")
    (tmp_path / "m.csv").write_text("video,patient_id\nv.avi,p\n")
    window[0].append((1, 1, 2, 2))
    mark(tmp_path / "m.csv")
    ((_, picture),) = window[1]
    assert np.argwhere(picture).tolist() == [[3, 4]]
    assert picture[3, 4] == 200


def test_what_was_marked_outlives_an_interruption_and_is_not_asked_again(manifest, window):
    answers, shown = window
    answers += [(1, 2, 10, 12), KeyboardInterrupt()]
    done, out = mark(manifest)
    assert done.exit_code == 130
    assert rois(out) == [(1, 2, 10, 12), None, None]
    shown.clear()
    answers += [(2, 2, 5, 5), (3, 3, 5, 5)]
    done, out = mark(manifest)
    assert done.exit_code == 0, done.output
    assert [title.split()[0] for title, _ in shown] == ["v01", "v02"]
    assert rois(out) == [(1, 2, 10, 12), (2, 2, 5, 5), (3, 3, 5, 5)]


def test_given_boxes_open_no_window(manifest, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    done, out = mark(manifest, "--roi", "v00=0,0,32,24", "--roi", "v02=1,2,3,4")
    assert done.exit_code == 0, done.output
    assert rois(out) == [(0, 0, 32, 24), None, (1, 2, 3, 4)]
    done, out = mark(manifest, "--roi", "v00=5,5,5,5")
    assert rois(out) == [(5, 5, 5, 5), None, (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ("v9=1,2,3,4", 2, "no video 'v9'"),
        ("v00=1,2,3", 2, "must be x,y,w,h"),
        ("1,2,3,4", 2, "write VIDEO_ID=x,y,w,h"),
        ("v00=20,0,13,5", 3, "leaves the picture of 32×24"),
    ],
)
def test_a_wrong_box_is_refused_and_nothing_is_written(manifest, given, code, said):
    done, out = mark(manifest, "--roi", given)
    assert done.exit_code == code
    assert said in done.output
    assert not out.exists()


def test_without_a_screen_one_message_says_what_to_do(manifest, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    done, out = mark(manifest)
    assert done.exit_code == 3
    for said in ("no screen", "--roi", "column `roi`", "import-via", "opencv-python"):
        assert said in done.output
    assert not out.exists()


def test_opencv_without_windows_is_told_as_such(manifest, monkeypatch):
    def refuse(*_):
        raise cv2.error("The function is not implemented.")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "namedWindow", refuse)
    done, _ = mark(manifest)
    assert done.exit_code == 3
    assert "built without windows" in done.output


def test_nothing_is_asked_where_all_is_marked(make_videos, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    write_manifest(make_videos(2, roi=(1, 1, 9, 9)), tmp_path / "m.csv")
    done, out = mark(tmp_path / "m.csv")
    assert done.exit_code == 0, done.output
    assert rois(out) == [(1, 1, 9, 9)] * 2
