"""A manifest is read as text, checked whole, and written so that it is read back the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lus_keras.core.errors import ConfigError, ManifestError
from lus_keras.data.manifest import SIGNS, Video, read_manifest, write_manifest

QUICK = settings(
    deadline=None,
    max_examples=100,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def manifest(tmp_path):
    """Function that writes a manifest and the files named in its first column."""

    def write(*lines, files=("a.avi", "b.avi")):
        for name in files:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        path = tmp_path / "m.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


def problems_of(path, **options):
    with pytest.raises(ManifestError) as caught:
        read_manifest(path, **options)
    assert caught.value.exit_code == 3
    return str(caught.value).splitlines()


def test_the_row_of_the_documentation(manifest, tmp_path):
    path = manifest(
        "video,patient_id,video_id,exam_id,zone,b_lines,segments,roi,fps,severity,sign,sliding",
        'p01/e1_z3.avi,p01,p01_e1_z3,e1,3,1,0.40-1.85;2.0-2.4,"1,2,30,40",29.97,2.0,effusion,0',
        files=["p01/e1_z3.avi"],
    )
    expected = Video(
        video=str(tmp_path / "p01" / "e1_z3.avi"),
        patient_id="p01",
        video_id="p01_e1_z3",
        exam_id="e1",
        zone="3",
        b_lines=1,
        sliding=0,
        severity=2,
        sign="effusion",
        segments=((0.4, 1.85), (2.0, 2.4)),
        roi=(1, 2, 30, 40),
        fps=29.97,
    )
    assert read_manifest(path) == [expected]


def test_ids_stay_text(manifest):
    path = manifest("video,patient_id,exam_id", "a.avi, 010 ,NA", "b.avi,1e3,null")
    assert [(v.patient_id, v.exam_id) for v in read_manifest(path)] == [
        ("010", "NA"),
        ("1e3", "null"),
    ]


def test_video_id_defaults_to_the_path_without_suffix(manifest):
    files = ["p1/z.1.avi", "p2/z.1.avi"]
    path = manifest("video,patient_id", *(f"{name},p" for name in files), files=files)
    assert [video.video_id for video in read_manifest(path)] == ["p1/z.1", "p2/z.1"]


def test_default_ids_that_collide_are_refused(manifest):
    path = manifest("video,patient_id", "a.avi,p", "a.mp4,p", files=["a.avi", "a.mp4"])
    (problem,) = problems_of(path)
    assert "row 3" in problem and "'a'" in problem and "row 2" in problem


@pytest.mark.parametrize(("text", "value"), [("", None), ("none", ()), ("0-1", ((0.0, 1.0),))])
def test_not_annotated_is_not_no_b_lines(manifest, text, value):
    path = manifest("video,patient_id,segments", f"a.avi,p,{text}")
    assert read_manifest(path)[0].segments == value


@pytest.mark.parametrize("text", ["2-1", "1-1", "-1-2", "1", "1-2;", "a-b", "1-2,3-4", "1e1-20"])
def test_segments_that_are_not_intervals_are_refused(manifest, text):
    path = manifest("video,patient_id,segments", f'a.avi,p,"{text}"')
    (problem,) = problems_of(path)
    assert problem.startswith(f"{path}, row 2: `segments` must be intervals in seconds")


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("severity", "2.0", 2),
        ("severity", " 3 ", 3),
        ("b_lines", "yes ", 1),
        ("sliding", "No", 0),
        ("sign", "a_lines", "a_lines"),
    ],
)
def test_labels_are_stripped_and_read(manifest, column, text, value):
    path = manifest(f"video,patient_id,{column}", f"a.avi,p,{text}")
    assert getattr(read_manifest(path, labels=[column])[0], column) == value


@pytest.mark.parametrize(
    ("column", "text", "allowed"),
    [
        ("severity", "4", "0, 1, 2, 3"),
        ("severity", "2.5", "0, 1, 2, 3"),
        ("severity", "yes", "0, 1, 2, 3"),
        ("severity", "-1", "0, 1, 2, 3"),
        ("severity", "nan", "0, 1, 2, 3"),
        ("b_lines", "2", "0, 1, no or yes"),
        ("sliding", "maybe", "0, 1, no or yes"),
        ("sign", "B-lines", ", ".join(SIGNS)),
        ("roi", "0,0,0,5", "w, h > 0"),
        ("roi", "1,2,3", "x,y,w,h"),
        ("roi", "-1,2,3,4", "x, y ≥ 0"),
        ("fps", "0", "positive"),
        ("fps", "-25", "positive"),
        ("fps", "nan", "positive"),
        ("fps", "fast", "positive"),
        ("sha256", "abc", "64 hexadecimal"),
    ],
)
def test_a_bad_field_is_named_with_what_is_allowed(manifest, column, text, allowed):
    path = manifest(f"video,patient_id,{column}", "a.avi,p,", f'b.avi,p,"{text}"')
    (problem,) = problems_of(path)
    assert problem.startswith(f"{path}, row 3: `{column}` must be")
    assert allowed in problem and f"Received {text!r}" in problem


def test_all_problems_of_a_file_come_at_once(manifest):
    path = manifest("video,patient_id,severity", "a.avi,,1", "b.avi,p,7", "c.avi,p,1")
    blank, label, missing = problems_of(path)
    assert "row 2: `patient_id` must be filled" in blank
    assert "row 3: `severity`" in label
    assert "row 4" in missing and "'c.avi'" in missing


def test_more_than_ten_problems_are_counted(manifest):
    path = manifest("video,patient_id", *["a.avi,"] * 15, files=["a.avi"])
    problems = problems_of(path)
    assert len(problems) == 11
    # 15 blank patients and 14 repeated ids.
    assert problems[-1] == "… and 19 more."


def test_labels_asked_for_must_be_present_and_filled(manifest):
    path = manifest("video,patient_id,b_lines", "a.avi,p,1", "b.avi,p,")
    present, filled = problems_of(path, labels=["severity", "b_lines"])
    assert "row 1: column 'severity' must be present" in present
    assert "row 3: `b_lines` must be filled" in filled
    with pytest.raises(ConfigError, match="b_line'"):
        read_manifest(path, labels=["b_line"])


def test_an_unknown_column_gets_the_nearest_known_one(manifest):
    path = manifest("video,patient_id,severty", "a.avi,p,1")
    (problem,) = problems_of(path)
    assert "row 1: unknown column 'severty'. Did you mean 'severity'?" in problem


def test_every_missing_file_is_listed_with_its_nearest_name(manifest):
    rows = [f"x{k}.avi,p" for k in range(12)]
    path = manifest("video,patient_id", "P1.AVI,p", *rows, files=["p1.avi"])
    (problem,) = problems_of(path)
    assert "13 of 13" in problem and "row 2 'P1.AVI' (is it 'p1.avi'?)" in problem
    assert all(f"row {k + 3} 'x{k}.avi'" in problem for k in range(12))


@pytest.mark.parametrize(
    "name",
    [
        "http://host/a.avi",
        "concat:a.avi|b.avi",
        "file:a.avi",
        "frame%03d.png",
        "../outside.avi",
        "sub/../../outside.avi",
        "/outside.avi",
        "link.avi",
        "fifo.avi",
        "sub",
        ".",
    ],
)
def test_what_is_not_a_plain_file_inside_is_refused_before_it_is_opened(tmp_path, name):
    (tmp_path / "outside.avi").touch()
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "link.avi").symlink_to(tmp_path / "outside.avi")
    os.mkfifo(root / "fifo.avi")
    path = root / "m.csv"
    path.write_text(f"video,patient_id\n{name},p\n")
    (problem,) = problems_of(path)
    assert problem.startswith(f"{path}, row 2: `video` must") and repr(name) in problem


def test_a_root_given_replaces_the_folder_of_the_manifest(manifest, tmp_path):
    path = manifest("video,patient_id", "a.avi,p", files=["data/a.avi"])
    (video,) = read_manifest(path, root=tmp_path / "data")
    assert (video.video, video.video_id) == (str(tmp_path / "data" / "a.avi"), "a")
    assert "row 2" in problems_of(path)[0]


@pytest.mark.parametrize("twin", ["1", "P1", "p 1"])
def test_patient_ids_that_look_alike_are_kept_apart_with_a_warning(manifest, twin):
    first = "001" if twin == "1" else "p1"
    path = manifest("video,patient_id", f"a.avi,{first}", f"b.avi,{twin}")
    with pytest.warns(UserWarning, match="are similar"):
        videos = read_manifest(path)
    assert [video.patient_id for video in videos] == [first, twin]


def test_patient_ids_that_differ_bring_no_warning(manifest):
    path = manifest("video,patient_id", "a.avi,p10", "b.avi,p1")
    assert len(read_manifest(path)) == 2


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "must contain the column names"),
        (b"video,patient_id\n", "row 2"),
        (b"video;patient_id\na.avi;p\n", "Received semicolons"),
        (b"video,patient_id\na.avi,p,extra\n", "row 2: a row must have 2 cells. Received 3"),
        (b"video,patient_id\na.avi\n", "row 2: a row must have 2 cells. Received 1"),
        (b"video,video,patient_id\na.avi,a.avi,p\n", "'video' must appear once"),
        (b"video,patient_id\n\xff\xfe,p\n", "not UTF-8"),
        (b'video,patient_id\n"a.avi,p\n', "not CSV"),
        (b"video,patient_id\na.avi,p\xe2\x80\x8b1\n", "printable"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path, content, cause):
    (tmp_path / "a.avi").touch()
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    assert cause in "\n".join(problems_of(path))


def test_a_manifest_that_is_absent_or_a_folder_is_refused(tmp_path):
    assert "cannot be read" in problems_of(tmp_path / "absent.csv")[0]
    assert "cannot be read" in problems_of(tmp_path)[0]


def test_what_excel_adds_is_harmless(manifest):
    path = manifest("\ufeffvideo,patient_id\r", "a.avi,p\r", ",\r", "\r")
    assert len(read_manifest(path)) == 1


names = (
    st.text(st.sampled_from("abzÄ0_- "), min_size=1, max_size=6)
    .map(str.strip)
    .filter(lambda name: any(map(str.isalnum, name)))
)
texts = st.text(st.sampled_from("aZ0é ,;\"'#=-"), max_size=6).map(str.strip)
times = st.floats(0, 1e4, allow_nan=False)
intervals = st.tuples(times, times).map(sorted).map(tuple).filter(lambda pair: pair[0] < pair[1])
videos = st.builds(
    Video,
    video=st.lists(names, min_size=1, max_size=3).map(lambda parts: "/".join(parts) + ".avi"),
    patient_id=names,
    video_id=names,
    exam_id=texts,
    zone=texts,
    b_lines=st.none() | st.integers(0, 1),
    sliding=st.none() | st.integers(0, 1),
    severity=st.none() | st.integers(0, 3),
    sign=st.none() | st.sampled_from(SIGNS),
    segments=st.none() | st.lists(intervals, max_size=3).map(tuple),
    roi=st.none() | st.tuples(*[st.integers(0, 999)] * 2, *[st.integers(1, 999)] * 2),
    fps=st.none() | st.floats(1e-3, 1e3, exclude_min=True),
    sha256=st.just("") | st.text("0123456789abcdef", min_size=64, max_size=64),
    license=texts,
    source=texts,
)


@QUICK
@pytest.mark.filterwarnings("ignore:.*are similar")
@given(st.lists(videos, min_size=1, max_size=4, unique_by=lambda video: video.video_id))
def test_what_is_written_is_read_back_the_same(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("round_trip")
    located = []
    for video in drawn:
        file = folder / video.video
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        located.append(Video(**(vars(video) | {"video": str(file)})))
    write_manifest(located, folder / "m.csv")
    assert read_manifest(folder / "m.csv") == located


cell = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["a.avi", "p1", "", "1-2", '"', "none", "1,2,3,4", "..", "2.0", "\x00", "\n", "-0-1"]
)
column = st.sampled_from(["video", "patient_id", *Video.__dataclass_fields__]) | cell


@QUICK
@pytest.mark.filterwarnings("ignore:.*are similar")
@given(st.lists(column, max_size=6), st.lists(st.lists(cell, max_size=6), max_size=4))
def test_whatever_the_cells_hold_the_result_is_videos_or_a_manifest_error(tmp_path, header, rows):
    (tmp_path / "a.avi").touch()
    path = tmp_path / "m.csv"
    lines = [",".join(cells) for cells in [["video", "patient_id", *header], *rows]]
    path.write_text("\n".join(lines), encoding="utf-8", newline="")
    try:
        read = read_manifest(path)
    except ManifestError as error:
        assert str(error).startswith(str(path))
    else:
        assert all(video.patient_id and Path(video.video).is_file() for video in read)


@QUICK
@given(st.binary(max_size=60))
def test_whatever_the_bytes_the_result_is_videos_or_a_manifest_error(tmp_path, content):
    path = tmp_path / "m.csv"
    path.write_bytes(b"video,patient_id\n" + content)
    with pytest.raises(ManifestError):
        read_manifest(path)


@pytest.mark.parametrize(
    "change",
    [
        {"patient_id": ""},
        {"patient_id": " p"},
        {"zone": "two\nlines"},
        {"zone": "\ud800"},
        {"severity": 4},
        {"segments": ((2.0, 1.0),)},
        {"fps": float("nan")},
        {"video": "/elsewhere/a.avi"},
        {"video": ""},
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, change):
    path = tmp_path / "m.csv"
    path.write_text("old")
    good = {"video": str(tmp_path / "a.avi"), "patient_id": "p", "video_id": "v"}
    with pytest.raises(ManifestError, match=r"m\.csv, "):
        write_manifest([Video(**(good | change))], path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_reading_needs_neither_tensorflow_nor_pandas_nor_a_decoder():
    code = (
        "import sys, lus_keras.data.manifest; "
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'pandas', 'av', 'cv2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
