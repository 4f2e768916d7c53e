"""COVID-BLUES is read as its source publishes it, from a partial copy as well.

The layout is imitated here with made-up labels and empty files; the tests marked `real_data` read
the public videos if `LUS_KERAS_DATA` points at them.
"""

from collections import Counter
from pathlib import Path

import pytest
from resampled import read_resampled

from lus_keras.core.errors import ConfigError, DataError, ManifestError
from lus_keras.data import datasets, video

HEADER = "video_file,Severity Score,A-lines,B-lines,comments"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path):
    """Function that writes rows and video files, and returns the folder of the data set."""

    def write(*rows, files=("patient_7_L1", "patient_10_R3_2")):
        folder = tmp_path / "covid-blues"
        (folder / "lus_videos").mkdir(parents=True, exist_ok=True)
        for name in files:
            (folder / "lus_videos" / f"{name}.mp4").touch()
        (folder / "severity.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        return folder

    return write


ROWS = ("patient_7_L1,2.0,no,yes ,", 'patient_10_R3_2,0.0,yes,no,"a, b"')


def test_labels_ids_and_zones_come_from_the_row(copy):
    folder = copy(*ROWS)
    first, second = datasets.load("covid-blues", root=folder).videos
    assert (first.video_id, first.patient_id, first.zone) == ("patient_7_L1", "7", "L1")
    assert (first.severity, first.b_lines) == (2, 1)
    assert (second.video_id, second.patient_id, second.zone) == ("patient_10_R3_2", "10", "R3")
    assert (second.severity, second.b_lines) == (0, 0)
    assert first.video == str(folder / "lus_videos" / "patient_7_L1.mp4")
    assert {first.segments, first.sliding} == {None} and first.exam_id == ""
    assert first.license == "CC BY-NC-ND 4.0" and "NinaWie/COVID-BLUES" in first.source


def test_a_video_with_either_kind_of_lines_has_a_sign(copy):
    names = [f"patient_{number}_L1" for number in range(1, 7)]
    lines = ["yes,no", "no,yes ", "yes,yes", "no,no", ",yes", "yes,"]
    rows = [f"{name},1.0,{text}," for name, text in zip(names, lines, strict=True)]
    dataset = datasets.load("covid-blues", root=copy(*rows, files=names))
    signs = [video.sign for video in dataset.videos]
    assert signs == ["a_lines", "b_lines", None, None, None, None]
    notes = "\n".join(dataset.notes)
    assert "1 videos with A-lines and no B-lines, 1 with B-lines and no A-lines" in notes
    assert "these two classes do not occur" in notes


def test_notes_count_what_is_not_there(copy):
    folder = copy(*ROWS, "patient_8_L1,,yes,no,", files=("patient_7_L1", "patient_99_L1"))
    dataset = datasets.load("covid-blues", root=folder)
    assert [video.video_id for video in dataset.videos] == ["patient_7_L1"]
    notes = "\n".join(dataset.notes)
    assert "1 of 362 videos and 1 of 63 patients" in notes
    assert "2 rows of severity.csv have no video file" in notes
    assert "1 video files have no row" in notes and "patient_99_L1" in notes
    assert "no frame-level truth" in notes


def test_an_empty_label_is_unknown_and_noted(copy):
    dataset = datasets.load("covid-blues", root=copy("patient_7_L1,,no,yes,", ROWS[1]))
    assert dataset.videos[0].severity is None and dataset.videos[0].b_lines == 1
    assert "1 videos have no 'Severity Score' label." in dataset.notes


def test_all_label_problems_come_at_once(copy):
    folder = copy(
        "patient_7_L1,4.0,no,maybe,",
        "patient_x_L1,1.0,no,no,",
        *ROWS[1:],
        ROWS[1],
        "patient_1_L4,,,,",
    )
    with pytest.raises(DataError) as caught:
        datasets.load("covid-blues", root=folder)
    problems = str(caught.value).splitlines()
    assert len(problems) == 5
    assert "row 2: `Severity Score` must be 0, 1, 2, 3. Received '4.0'." in problems[0]
    assert "row 2: `B-lines` must be" in problems[1] and "'maybe'" in problems[1]
    assert "row 3: `video_file`" in problems[2] and "row 6" in problems[3]
    assert "row 5" in problems[4] and "row 4" in problems[4]


def test_a_table_without_its_columns_is_refused(copy):
    folder = copy(*ROWS)
    (folder / "severity.csv").write_text("video,score\n")
    with pytest.raises(DataError, match="Missing: video_file, Severity Score, B-lines, A-lines"):
        datasets.load("covid-blues", root=folder)


def test_labels_without_any_video_are_refused(copy):
    with pytest.raises(DataError, match="contains no labeled video"):
        datasets.load("covid-blues", root=copy(*ROWS, files=()))


def test_root_then_environment_then_cache_are_looked_at(copy, tmp_path, monkeypatch):
    folder = copy(*ROWS)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("LUS_KERAS_CACHE", str(empty))
    for place in (folder, folder.parent):
        assert datasets.find_root("covid-blues", place) == folder
        monkeypatch.setenv("LUS_KERAS_DATA", str(place))
        assert datasets.find_root("covid-blues") == folder
    monkeypatch.setenv("LUS_KERAS_CACHE", str(folder.parent))
    monkeypatch.setenv("LUS_KERAS_DATA", str(empty))
    assert datasets.find_root("covid-blues") == folder
    with pytest.raises(DataError):
        datasets.find_root("covid-blues", empty)


def test_absence_tells_where_it_looked_and_how_to_get_the_data(tmp_path, monkeypatch):
    monkeypatch.setenv("LUS_KERAS_DATA", str(tmp_path / "somewhere"))
    monkeypatch.setenv("LUS_KERAS_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError) as caught:
        datasets.load("covid-blues")
    message = str(caught.value)
    for part in ("somewhere", "cache", "--root", "LUS_KERAS_DATA", "CC BY-NC-ND 4.0"):
        assert part in message
    assert "https://github.com/NinaWie/COVID-BLUES" in message


def test_an_unknown_name_gets_the_nearest_known_one():
    with pytest.raises(ConfigError, match="Did you mean 'covid-blues'"):
        datasets.load("covid_blues")
    with pytest.raises(ConfigError, match=r"ends in \.csv"):
        datasets.load("../manifest_file")


def test_a_path_to_a_csv_is_a_manifest(tmp_path):
    (tmp_path / "a.avi").touch()
    path = tmp_path / "mine.csv"
    path.write_text("video,patient_id,license\na.avi,p,CC0\n")
    dataset = datasets.load(path)
    assert (dataset.name, dataset.license, dataset.root) == ("mine", "CC0", tmp_path)
    assert [video.video_id for video in dataset.videos] == ["a"] and dataset.notes == ()
    path.write_text("video,patient_id\na.avi,p\n")
    assert datasets.load(str(path)).notes == ("1 of 1 videos state no license.",)
    with pytest.raises(ManifestError):
        datasets.load(tmp_path / "absent.csv")


# The public videos themselves; the numbers are those of the 220 videos of 38 patients.


@pytest.fixture(scope="module")
def real(load_public):
    return load_public("covid-blues")


@pytest.mark.real_data
def test_real_labels_are_those_counted_in_the_table(real):
    """Rows of severity.csv by score: 76, 77, 40, 27; with B-lines: 30, 59, 32, 20."""
    if len(real.videos) != 220:
        pytest.skip(f"another copy: {len(real.videos)} videos instead of 220")
    assert len({video.patient_id for video in real.videos}) == 38
    assert Counter(video.severity for video in real.videos) == {0: 76, 1: 77, 2: 40, 3: 27}
    positive = Counter(video.severity for video in real.videos if video.b_lines)
    assert positive == {0: 30, 1: 59, 2: 32, 3: 20}
    assert {video.zone for video in real.videos} == {"L1", "L2", "L3", "R1", "R2", "R3"}


@pytest.mark.real_data
def test_every_real_video_decodes_whole_at_its_rate(real):
    for item in real.videos:
        info = video.probe(item.video)
        decoded = read_resampled(item.video, fps=info.fps, size=(32, 32))
        assert decoded.shape == (info.declared_frames, 32, 32)
        assert decoded.std() > 1
