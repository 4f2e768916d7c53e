"""What VIA projects mean: segments, labels, rectangles; and all that may be wrong with them."""

import csv
import io
import itertools
import json
import re
from dataclasses import replace
from fractions import Fraction

import av
import fatal_decoder
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.cli import main
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data.clips import frames_in_segments
from lus_keras.data.importers.join import Joining
from lus_keras.data.importers.naming import NamePattern, match_video
from lus_keras.data.importers.timing import Length, fit_segment, merge_segments, segments_of_frames
from lus_keras.data.importers.values import ValueMap, finding_test, pairs
from lus_keras.data.importers.via import ViaOptions, import_via
from lus_keras.data.importers.via_frames import FramePattern
from lus_keras.data.importers.via_labels import Reading
from lus_keras.data.manifest import Video, read_manifest, write_manifest
from lus_keras.data.video import write_video

NAMES = NamePattern.parse(r"(?P<patient>p\d+)_(?P<exam>e\d+)_(?P<zone>z\d+)")
JOINING = Joining(names=NAMES)
OPTIONS = ViaOptions(JOINING)
FINDING, CLIP, SCORE = "1", "2", "3"
ATTRIBUTES = {
    FINDING: {"aname": "finding", "anchor_id": "FILE1_Z2_XY0", "type": 4}
    | {"options": {"0": "B-line", "1": "A-line"}},
    CLIP: {"aname": "clip", "anchor_id": "FILE1_Z0_XY0", "type": 3}
    | {"options": {"0": "non-B-line", "1": "B-line"}},
    SCORE: {"aname": "score", "anchor_id": "FILE1_Z0_XY0", "type": 1, "options": {}},
}


def write(path, fps=10.0, frames=20, size=(24, 32)):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, np.zeros((frames, *size), np.uint8), fps, "mpeg4")
    return path


def project(path, marks, attributes=ATTRIBUTES, ids=str):
    """Writes a VIA 3 project; `marks` is `{file name: [(z, av), (z, av, xy), …]}`."""
    views = {str(number): name for number, name in enumerate(marks, start=1)}
    metadata = {
        f"{view}_m{index}": {"vid": ids(view), "flg": 0, "z": mark[0], "av": mark[1]}
        | {"xy": list(mark[2]) if len(mark) > 2 else []}
        for view, name in views.items()
        for index, mark in enumerate(marks[name])
    }
    content = {
        "project": {"pname": "demo", "vid_list": list(views)},
        "config": {},
        "attribute": attributes,
        "file": {
            view: {"fid": ids(view), "fname": name, "type": 4, "loc": 1, "src": ""}
            for view, name in views.items()
        },
        "view": {view: {"fid_list": [ids(view)]} for view in views},
        "metadata": metadata,
    }
    path.write_text(json.dumps(content))
    return path


def imported(tmp_path, marks, options=OPTIONS, **written):
    """Writes a video a name that is marked, imports, and returns rows by name, and notes."""
    for name in marks:
        write(tmp_path / "videos" / name, **written)
    source = project(tmp_path / "project.json", marks)
    done = import_via(source, [tmp_path / "videos"], tmp_path / "m.csv", options)
    rows = read_manifest(tmp_path / "m.csv")
    assert tuple(rows) == done.videos
    return {row.video.rpartition("/")[2]: row for row in rows}, " ".join(done.notes)


def error_of(tmp_path, marks, options=OPTIONS, kind=DataError, **written):
    with pytest.raises(kind) as caught:
        imported(tmp_path, marks, options, **written)
    assert not (tmp_path / "m.csv").exists()
    return str(caught.value)


# VIA 3


def test_a_video_that_kills_its_decoder_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("lus_keras.data.importers.timing.decode_times", fatal_decoder.decode_times)
    marks = {f"p0{number}_e1_z1.mp4": [([0.5, 1], {FINDING: "0"})] for number in (1, 2, 3)}
    (line,) = error_of(tmp_path, marks).splitlines()
    assert "p02_e1_z1.mp4: crashed the process that decoded it (SIGSEGV). Copy" in line


@pytest.mark.parametrize("ids", [str, int])
def test_segments_and_labels_of_several_videos(tmp_path, ids):
    marks = {
        "p01_e1_z3.mp4": [([0.4, 1.85], {FINDING: "0"}), ([], {CLIP: "1"})],
        "p010_e2_z1.mp4": [([], {CLIP: "0"})],
        "p02_e1_z1.mp4": [([], {CLIP: "1"})],
    }
    for name in marks:
        write(tmp_path / name)
    source = project(tmp_path / "project.json", marks, ids=ids)
    import_via(source, [], tmp_path / "m.csv", OPTIONS)
    rows = read_manifest(tmp_path / "m.csv")
    assert [(row.patient_id, row.exam_id, row.zone, row.b_lines, row.segments) for row in rows] == [
        ("p010", "e2", "z1", 0, ()),
        ("p01", "e1", "z3", 1, ((0.4, 1.85),)),
        ("p02", "e1", "z1", 1, None),
    ]


def test_silence_is_not_absence(tmp_path):
    """No annotation, a comment, an A-line: none of them says that there are no B-lines."""
    marks = {
        "p01_e1_z1.mp4": [([0, 1], {FINDING: "0"})],
        "p02_e1_z1.mp4": [],
        "p03_e1_z1.mp4": [([], {SCORE: "nice"})],
        "p04_e1_z1.mp4": [([0, 1], {FINDING: "1"})],
        "p05_e1_z1.mp4": [([0, 1], {})],
    }
    rows, notes = imported(tmp_path, marks)
    assert list(rows) == ["p01_e1_z1.mp4"]
    assert "without a label: p03_e1_z1.mp4, p04_e1_z1.mp4, p05_e1_z1.mp4" in notes
    assert "not annotated, which does not mean free of B-lines: p02_e1_z1.mp4" in notes
    assert "1 × segment with label finding: 'A-line'" in notes
    assert "1 × segment with no label" in notes


@pytest.mark.parametrize("value", ["0", "0,1", "B-line", "b lines", "A-line, B-Line"])
def test_ids_lists_of_ids_and_literal_words_mean_the_option(tmp_path, value):
    rows, _ = imported(tmp_path, {"p01_e1_z1.mp4": [([0.5, 1], {FINDING: value})]})
    assert rows["p01_e1_z1.mp4"].segments == ((0.5, 1.0),)


def test_a_label_of_an_attribute_without_options_is_its_word(tmp_path):
    options = ViaOptions(JOINING, Reading(labels={"score": "severity"}))
    rows, _ = imported(tmp_path, {"p01_e1_z1.mp4": [([], {SCORE: "2.0", CLIP: "1"})]}, options)
    assert (rows["p01_e1_z1.mp4"].severity, rows["p01_e1_z1.mp4"].b_lines) == (2, 1)


def test_overlapping_segments_are_joined(tmp_path):
    marks = [([0.5, 1.0], {FINDING: "0"}), ([0.2, 0.7], {FINDING: "0"}), ([1.5, 2], {FINDING: "0"})]
    rows, _ = imported(tmp_path, {"p01_e1_z1.mp4": marks})
    assert rows["p01_e1_z1.mp4"].segments == ((0.2, 1.0), (1.5, 2.0))


def test_all_wrong_segments_are_listed_with_their_place(tmp_path):
    """20 frames at 10 fps last 2 s: an end at 2.1 s is set to 2, one at 2.11 s is wrong."""
    times = [[0.5, 0.5], [1, 0.5], [1.9, 2.11], [2, 2.05], [-0.1, 1], [0, 2.1]]
    marks = {"p01_e1_z1.mp4": [(time, {FINDING: "0"}) for time in times]}
    message = error_of(tmp_path, marks)
    lines = message.splitlines()
    assert len(lines) == 5
    for number, (line, cause) in enumerate(
        zip(lines, ["has no duration", "is reversed", *["extends beyond"] * 3], strict=True)
    ):
        assert f"project.json, /metadata/1_m{number}: segment {cause}" in line
    assert "lasts 2.000 s when decoded. Received [1.9, 2.11]" in message
    rows, _ = imported(tmp_path, {"p01_e1_z1.mp4": [([0, 2.1], {FINDING: "0"})]})
    assert rows["p01_e1_z1.mp4"].segments == ((0.0, 2.0),)


@pytest.mark.parametrize(
    "marks",
    [
        [([0, 1], {FINDING: "0"}), ([], {CLIP: "0"})],
        [([], {CLIP: "1"}), ([], {CLIP: "0"})],
        [([0, 1], {CLIP: "0,1"})],
        [([0, 1], {FINDING: "0", CLIP: "0"})],
    ],
)
def test_contradictions_are_errors(tmp_path, marks):
    """B-lines in a segment of a video without; a video, or one segment, with both."""
    assert "Correct one of them" in error_of(tmp_path, {"p01_e1_z1.mp4": marks})


def test_an_unknown_option_attribute_view_and_file_are_listed_at_once(tmp_path):
    source = project(
        tmp_path / "project.json",
        {"p01_e1_z1.mp4": [([0, 1], {FINDING: "7"}), ([], {"9": "x"})]},
    )
    content = json.loads(source.read_text())
    content["metadata"]["lost"] = {"vid": "5", "z": [], "xy": [], "av": {}}
    source.write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        import_via(source, [write(tmp_path / "p01_e1_z1.mp4")], tmp_path / "m.csv", OPTIONS)
    message = str(caught.value)
    assert "/metadata/1_m0/av/1: must be among the options 0, 1. Received '7'" in message
    assert "/metadata/1_m1/av/9: the project has no attribute '9'" in message
    assert "/metadata/lost/vid: must refer to one file. Received view '5'" in message


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"z": ["x"]}, "/metadata/1_m0/z/0"),
        ({"z": [0, 1, 2]}, "/metadata/1_m0/z"),
        ({"z": [float("nan")]}, "/metadata/1_m0/z/0"),
        ({"xy": [2, 1, 1]}, "/metadata/1_m0/xy"),
        ({"av": []}, "/metadata/1_m0/av"),
    ],
)
def test_wrong_types_are_told_by_their_pointer(tmp_path, change, place):
    source = project(tmp_path / "project.json", {"p01_e1_z1.mp4": [([], {})]})
    content = json.loads(source.read_text())
    content["metadata"]["1_m0"] |= change
    source.write_text(json.dumps(content))
    with pytest.raises(DataError, match=re.escape(f"project.json, {place}: ")):
        import_via(source, [write(tmp_path / "p01_e1_z1.mp4")], tmp_path / "m.csv", OPTIONS)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"a": 1}', '{"metadata": 1}', "[" * 100_000]
)
def test_what_is_no_project_is_refused(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(DataError, match=r"p\.json"):
        import_via(tmp_path / "p.json", [tmp_path], tmp_path / "m.csv", OPTIONS)


def test_unknown_videos_and_names_are_listed_with_the_nearest(tmp_path):
    marks = {"p01_e1_z1.mp4": [([], {CLIP: "0"})], "x_e1_z1.mp4": [([], {CLIP: "0"})]}
    write(tmp_path / "videos" / "p01_e1_z2.mp4")
    write(tmp_path / "videos" / "x_e1_z1.mp4")
    source = project(tmp_path / "project.json", marks)
    with pytest.raises(DataError) as caught:
        import_via(source, [tmp_path / "videos"], tmp_path / "m.csv", OPTIONS)
    assert "no video has the name 'p01_e1_z1.mp4' or a similar one. Is it 'p01_e1_z2.mp4'?" in str(
        caught.value
    )
    assert "--patient does not match the name 'x_e1_z1'" in str(caught.value)


def test_two_files_of_one_name_are_never_taken_for_one(tmp_path):
    """Each clinic calls its first clip alike; only the folder, where VIA knows it, tells whose."""
    for patient in ("p01", "p02"):
        write(tmp_path / "videos" / patient / "clip 1.mp4")
    marks = {"a": [([0.5, 1], {FINDING: "0"})], "b": [([], {CLIP: "0"})]}
    source = project(tmp_path / "project.json", marks)
    content = json.loads(source.read_text())
    for file in content["file"].values():
        file["fname"] = "clip 1.mp4"
    source.write_text(json.dumps(content))
    options = ViaOptions(Joining(NamePattern.parse(r"(?P<patient>p\d+)/.*")))
    with pytest.raises(DataError, match=r"2 annotated files have the name 'clip 1\.mp4'"):
        import_via(source, [tmp_path / "videos"], tmp_path / "m.csv", options)
    content["file"]["1"]["src"] = "file:///data/p01/clip%201.mp4"
    content["file"]["2"]["src"] = "../p02/clip 1.mp4"
    source.write_text(json.dumps(content))
    rows = import_via(source, [tmp_path / "videos"], tmp_path / "m.csv", options).videos
    assert [(row.patient_id, row.b_lines) for row in rows] == [("p01", 1), ("p02", 0)]


def test_findings_of_any_name(tmp_path):
    marks = {"p01_e1_z1.mp4": [([0, 1], {FINDING: "comet"}), ([1.5, 2], {})]}
    options = ViaOptions(JOINING, Reading(findings=("Comet",)))
    rows, _ = imported(tmp_path, marks, options)
    assert rows["p01_e1_z1.mp4"].segments == ((0.0, 1.0),)
    rows, _ = imported(tmp_path, marks, ViaOptions(JOINING, Reading(findings=("*",))))
    assert rows["p01_e1_z1.mp4"].segments == ((0.0, 1.0), (1.5, 2.0))


@pytest.mark.parametrize(
    ("attribute", "word", "present"),
    [
        ("finding", "B-line", True),
        ("finding", "b_LINES", True),
        ("finding", "non-B-line", False),
        ("finding", "No B lines", False),
        ("B-lines", "yes", True),
        ("B-lines", "absent", False),
        ("finding", "yes", None),
        ("finding", "A-line", None),
        ("finding", "B-line artefact", None),
    ],
)
def test_words_for_presence(attribute, word, present):
    assert finding_test(["B-line"])(attribute, word) is present


# Labels


def test_labels_are_mapped_and_words_translated(tmp_path):
    values = ValueMap.parse(["severity:white lung=3", "sign:PE=effusion"])
    reading = Reading(labels={"score": "severity", "clip": "b_lines"}, values=values)
    marks = {"p01_e1_z1.mp4": [([], {SCORE: "White lung", CLIP: "0"})]}
    rows, _ = imported(tmp_path, marks, ViaOptions(JOINING, reading))
    row = rows["p01_e1_z1.mp4"]
    assert (row.severity, row.b_lines, row.segments) == (3, 0, ())


def test_unknown_and_contradicting_labels_are_listed(tmp_path):
    options = ViaOptions(JOINING, Reading(labels={"score": "severity"}))
    marks = {
        "p01_e1_z1.mp4": [([], {SCORE: "7"})],
        "p02_e1_z1.mp4": [([], {SCORE: "1"}), ([], {SCORE: "2"})],
    }
    message = error_of(tmp_path, marks, options)
    assert "attribute 'score': `severity` must be 0, 1, 2, 3. Received '7'" in message
    assert "--value 'severity:7=…'" in message
    assert "'2' contradicts '1'" in message


def test_a_label_that_no_annotation_has_is_a_mistake(tmp_path):
    options = ViaOptions(JOINING, Reading(labels={"scroe": "severity"}))
    message = error_of(tmp_path, {"p01_e1_z1.mp4": [([], {SCORE: "1"})]}, options, ConfigError)
    assert "'scroe'" in message and "score" in message


@pytest.mark.parametrize("text", ["severity", "a=nothing", "=x"])
def test_wrong_options_are_refused(text):
    with pytest.raises(ConfigError, match="--label"):
        pairs("--label", [text], ["severity"])


@pytest.mark.parametrize("text", ["sign", "sign:PE", "nothing:PE=1"])
def test_wrong_values_are_refused(text):
    with pytest.raises(ConfigError, match="--value"):
        ValueMap.parse([text])


# Rectangles


def test_a_rectangle_becomes_the_region_of_interest(tmp_path):
    """Pictures of 32×24; half pixels are rounded, less than one pixel outside is cut."""
    box = [2, 1.6, 2.2, 30.9, 10.1]
    marks = {"p01_e1_z1.mp4": [([0.1], {}, box), ([], {CLIP: "1"})]}
    rows, _ = imported(tmp_path, marks)
    assert rows["p01_e1_z1.mp4"].roi == (2, 2, 30, 10)


def test_a_rectangle_round_a_finding_is_no_region_of_interest(tmp_path):
    marks = {"p01_e1_z1.mp4": [([0.1], {FINDING: "0"}, [2, 1, 1, 5, 5]), ([], {CLIP: "1"})]}
    rows, notes = imported(tmp_path, marks)
    assert rows["p01_e1_z1.mp4"].roi is None
    assert "1 × rectangle with label finding: 'B-line'" in notes
    options = ViaOptions(JOINING, Reading(roi_names=("B-line",)))
    rows, _ = imported(tmp_path, marks, options)
    assert rows["p01_e1_z1.mp4"].roi == (1, 1, 5, 5)


def test_two_rectangles_and_one_outside_are_errors(tmp_path):
    marks = {
        "p01_e1_z1.mp4": [([], {}, [2, 1, 1, 5, 5]), ([], {}, [2, 2, 1, 5, 5])],
        "p02_e1_z1.mp4": [([], {}, [2, 1, 1, 35, 5])],
    }
    message = error_of(tmp_path, marks)
    assert "2 different rectangles" in message
    assert "must lie inside the image of 32×24" in message


# Transcodes


def test_an_annotated_mp4_is_matched_to_the_avi_and_compared(tmp_path):
    write(tmp_path / "avi" / "P01_e1_z1.avi".lower())
    write(tmp_path / "mp4" / "p01_e1_z1.mp4")
    marks = {"P01_E1_Z1.MP4": [([0.5, 1], {FINDING: "0"})]}
    source = project(tmp_path / "project.json", marks)
    done = import_via(source, [tmp_path / "avi"], tmp_path / "m.csv", OPTIONS)
    assert done.videos[0].video.endswith("p01_e1_z1.avi")
    assert "Durations were not compared" in " ".join(done.notes)
    options = ViaOptions(JOINING, annotated=(tmp_path / "mp4",))
    assert import_via(source, [tmp_path / "avi"], tmp_path / "m.csv", options).notes == ()


def test_a_transcode_of_another_duration_is_an_error(tmp_path):
    """The same 20 frames last 2 s at 10 fps and 1.6 s at 12.5 fps."""
    write(tmp_path / "avi" / "p01_e1_z1.avi", fps=12.5)
    write(tmp_path / "mp4" / "p01_e1_z1.mp4", fps=10)
    source = project(tmp_path / "project.json", {"p01_e1_z1.mp4": [([0.5, 1], {FINDING: "0"})]})
    options = ViaOptions(JOINING, annotated=(tmp_path / "mp4",))
    with pytest.raises(DataError, match=r"lasts 2\.000 s \(20 frames\).*1\.600 s \(20 frames\)"):
        import_via(source, [tmp_path / "avi"], tmp_path / "m.csv", options)


def test_files_of_one_name_are_told_apart_by_folders(tmp_path):
    videos = [tmp_path / "a" / "v.avi", tmp_path / "b" / "v.avi"]
    assert match_video("b/v.mp4", videos) == videos[1]
    assert match_video("C:\\data\\A\\v.avi", videos) == videos[0]
    with pytest.raises(ValueError, match="matches several videos"):
        match_video("v.avi", videos)


def test_a_pattern_may_read_folders(tmp_path):
    pattern = NamePattern.parse(r"(?P<patient>\d+)/(?P<zone>[LR]\d)")
    assert pattern.read(tmp_path / "010" / "L1.avi") == {"patient_id": "010", "zone": "L1"}


@pytest.mark.parametrize("text", ["(", "p01", "(?P<zone>z)", "(?P<patient>p)(?P<who>x)"])
def test_patterns_that_name_no_patient_are_refused(text):
    with pytest.raises(ConfigError, match="--patient"):
        NamePattern.parse(text)


# The CSV twin


def test_the_csv_of_segments_says_the_same_as_the_project(tmp_path):
    write(tmp_path / "p01_e1_z1.mp4")
    (tmp_path / "p.csv").write_text(
        "# Exported using VGG Image Annotator\n"
        "# CSV_HEADER = metadata_id,file_list,temporal_segment_start,temporal_segment_end,"
        "metadata\n"
        '"1_a","[""p01_e1_z1.mp4""]",0.5,1.25,"{""finding"":""B-line""}"\n'
        '"1_b","[""p01_e1_z1.mp4""]",1.5,1.75,"{""finding"":""A-line""}"\n'
    )
    done = import_via(tmp_path / "p.csv", [], tmp_path / "m.csv", OPTIONS)
    assert [row.segments for row in done.videos] == [((0.5, 1.25),)]


RADIO = {"1": {"aname": "B-line", "anchor_id": "FILE1_Z2_XY0", "type": 3}}
RADIO["1"] |= {"options": {"0": "present", "1": "absent"}}


@pytest.mark.parametrize("table", ["", '# ATTRIBUTE = {"1":"B-line"}\n'])
@pytest.mark.parametrize("value", ["0", "1", "0,1", " 0 "])
def test_numbers_of_options_without_a_table_are_never_guessed(tmp_path, table, value):
    """0 is "present" and 1 "absent" here, which a CSV of segments does not say."""
    write(tmp_path / "p01_e1_z1.mp4")
    key = "1" if table else "B-line"
    (tmp_path / "p.csv").write_text(
        f"# Exported using VGG Image Annotator\n{table}"
        f'"1_a","[""p01_e1_z1.mp4""]",0.5,1.25,"{{""{key}"":""{value}""}}"\n'
        f'"1_b","[""p01_e1_z1.mp4""]",,,"{{""{key}"":""1""}}"\n'
    )
    with pytest.raises(DataError) as caught:
        import_via(tmp_path / "p.csv", [], tmp_path / "m.csv", OPTIONS)
    text = str(caught.value)
    assert len(text.splitlines()) == 1 and "'B-line' (row" in text and "JSON" in text
    assert not (tmp_path / "m.csv").exists()


def test_a_choice_whose_options_were_deleted_is_not_guessed(tmp_path):
    write(tmp_path / "p01_e1_z1.mp4")
    bare = {"1": RADIO["1"] | {"options": {}}}
    marks = {"p01_e1_z1.mp4": [([0.5, 1.0], {"1": "0"})]}
    source = project(tmp_path / "p.json", marks, attributes=bare)
    with pytest.raises(DataError, match=r"number of an option, '0'.*'B-line' lists no options"):
        import_via(source, [], tmp_path / "m.csv", OPTIONS)


def test_the_project_says_what_its_numbers_stand_for(tmp_path):
    marks = {"p01_e1_z1.mp4": [([0.5, 1.0], {"1": "0"}), ([1.5, 2.0], {"1": "1"})]}
    marks |= {"p02_e1_z1.mp4": [([0.2, 1.8], {"1": "1"})]}
    for name in marks:
        write(tmp_path / name)
    source = project(tmp_path / "p.json", marks, attributes=RADIO)
    done = import_via(source, [], tmp_path / "m.csv", OPTIONS)
    assert [(row.patient_id, row.segments) for row in done.videos] == [("p01", ((0.5, 1.0),))]


def test_labels_of_whole_files_have_empty_times_in_the_csv(tmp_path):
    write(tmp_path / "p01_e1_z1.mp4")
    (tmp_path / "p.csv").write_text(
        "# Exported using VGG Image Annotator\n"
        '"1_a","[""p01_e1_z1.mp4""]",,,"{""clip"":""non-B-line""}"\n'
    )
    (row,) = import_via(tmp_path / "p.csv", [], tmp_path / "m.csv", OPTIONS).videos
    assert (row.b_lines, row.segments) == (0, ())


def write_late(path, late_s, frames=60, sound_s=3.0, fps=30):
    """A video whose picture starts `late_s` after its sound."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        picture = container.add_stream("mpeg4", rate=fps, width=32, height=24)
        picture.pix_fmt = "yuv420p"
        for start in range(0, int(sound_s * 8000), 1000):
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), "fltp", "mono")
            samples.sample_rate, samples.pts = 8000, start
            container.mux(sound.encode(samples))
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.zeros((24, 32), np.uint8), "gray")
            frame.pts, frame.time_base = number + round(late_s * fps), Fraction(1, fps)
            container.mux(picture.encode(frame))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_segments_are_on_the_clock_that_browsers_show(tmp_path, suffix):
    """The picture starts 0.8 s after the sound: [1.8, 2.3] is frames 30 … 44 at 30 fps."""
    name = f"p01_e1_z1{suffix}"
    write_late(tmp_path / name, 0.8)
    source = project(tmp_path / "p.json", {name: [([1.8, 2.3], {FINDING: "0"})]})
    done = import_via(source, [tmp_path / name], tmp_path / "m.csv", OPTIONS)
    marked = frames_in_segments(60, 30.0, done.videos[0].segments)
    assert np.flatnonzero(marked).tolist() == list(range(30, 45))
    assert any("starts after the sound" in note and "0.80" in note for note in done.notes)


@pytest.mark.parametrize(("end", "fits"), [(2.8, True), (3.0, True), (3.4, False)])
def test_a_segment_may_end_where_the_sound_does(tmp_path, end, fits):
    """The picture lasts from 0.8 to 2.8 s and the sound to 3 s."""
    write_late(tmp_path / "p01_e1_z1.mp4", 0.8)
    source = project(tmp_path / "p.json", {"p01_e1_z1.mp4": [([2.3, end], {FINDING: "0"})]})
    if not fits:
        with pytest.raises(DataError, match=r"lasts 2\.000 s when decoded, from 0\.800 s on"):
            import_via(source, [], tmp_path / "m.csv", OPTIONS)
        return
    (row,) = import_via(source, [], tmp_path / "m.csv", OPTIONS).videos
    assert row.segments == ((1.5, 2.0),)


def test_the_clock_is_that_of_the_file_that_was_annotated(tmp_path):
    write(tmp_path / "videos" / "p01_e1_z1.avi", fps=30.0, frames=60)
    (tmp_path / "mp4").mkdir()
    write_late(tmp_path / "mp4" / "p01_e1_z1.mp4", 0.8)
    source = project(tmp_path / "p.json", {"p01_e1_z1.mp4": [([1.8, 2.3], {FINDING: "0"})]})
    options = replace(OPTIONS, annotated=(tmp_path / "mp4",))
    (row,) = import_via(source, [tmp_path / "videos"], tmp_path / "m.csv", options).videos
    assert row.segments == ((1.0, 1.5),)


def saved_anew(text, delimiter):
    """A CSV as a spreadsheet saves it: every line divided at its commas, all of one width."""
    rows = list(csv.reader(text.splitlines()))
    saved, width = io.StringIO(), max(map(len, rows))
    csv.writer(saved, delimiter=delimiter).writerows([*row, *[""] * 9][:width] for row in rows)
    return saved.getvalue()


@pytest.mark.parametrize("delimiter", ["", ",", ";", "\t"])
def test_the_csv_of_all_annotations_resolves_options(tmp_path, delimiter):
    write(tmp_path / "p01_e1_z1.mp4")
    text = (
        f"# ATTRIBUTE = {json.dumps(ATTRIBUTES)}\n"
        "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,"
        "metadata\n"
        '"1_a","[""p01_e1_z1.mp4""]",0,"[0.5,1.25]","[]","{""1"":""0""}"\n'
        '"1_b","[""p01_e1_z1.mp4""]",0,"[]","[]","{""2"":""1""}"\n'
        '"1_c","[""p01_e1_z1.mp4""]",0,"[0.1]","[2,1,2,3,4]","{}"\n'
    )
    (tmp_path / "p.csv").write_text(saved_anew(text, delimiter) if delimiter else text)
    (row,) = import_via(tmp_path / "p.csv", [], tmp_path / "m.csv", OPTIONS).videos
    assert (row.segments, row.b_lines, row.roi) == (((0.5, 1.25),), 1, (1, 2, 3, 4))


def test_rows_of_a_csv_that_are_wrong_are_all_named(tmp_path):
    (tmp_path / "p.csv").write_text('# x\n"1_a","[]",0,1,"{}"\n"1_b","[""v""]",zero,1,"{}"\n')
    with pytest.raises(DataError) as caught:
        import_via(tmp_path / "p.csv", [], tmp_path / "m.csv", OPTIONS)
    assert [line.partition(":")[0][-5:] for line in str(caught.value).splitlines()] == [
        "row 2",
        "row 3",
    ]


# VIA 2


def via2(path, labels, bare=False, regions=None):
    """Pictures `p01_e1_z1_f<n>.png`, each with a label or None."""
    metadata = {
        f"p01_e1_z1_f{number}.png123": {
            "filename": f"p01_e1_z1_f{number}.png",
            "size": 123,
            "regions": regions or [],
            "file_attributes": {} if label is None else {"finding": label},
        }
        for number, label in enumerate(labels)
    }
    content = {"_via_settings": {}, "_via_img_metadata": metadata, "_via_attributes": {}}
    path.write_text(json.dumps(metadata if bare else content))
    return path


FRAMES = ViaOptions(JOINING, frames=FramePattern.parse(r"(?P<video>.+)_f(?P<frame>\d+)"))


def region_csv(path, labels, delimiter=",", head="filename"):
    """`via_region_data.csv` of VIA 2: a row a region, or one of a picture without."""
    columns = [head, "file_size", "file_attributes", "region_count", "region_id"]
    rows = [[*columns, "region_shape_attributes", "region_attributes"]]
    for number, label in enumerate(labels):
        said = json.dumps({} if label is None else {"finding": label})
        rows.append([f"p01_e1_z1_f{number}.png", 123, said, 0, 0, "{}", "{}"])
    with path.open("w", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


@pytest.mark.parametrize("head", ["filename", "#filename"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_region_csv_of_via_2_says_the_same_as_its_json(tmp_path, head, delimiter):
    write(tmp_path / "p01_e1_z1.avi", frames=6)
    labels = ["B-line", "B-line", "non-B-line", "non-B-line", "B-line", "non-B-line"]
    source = region_csv(tmp_path / "via_region_data.csv", labels, delimiter, head)
    (row,) = import_via(source, [], tmp_path / "m.csv", FRAMES).videos
    source = via2(tmp_path / "p.json", labels, bare=True)
    (same,) = import_via(source, [], tmp_path / "m.csv", FRAMES).videos
    assert row == same and row.b_lines == 1 and len(row.segments) == 2


def test_rows_of_a_region_csv_that_are_damaged_are_all_named(tmp_path):
    source = region_csv(tmp_path / "via_region_data.csv", ["B-line"] * 4)
    lines = source.read_text().splitlines()
    lines[1], lines[3] = lines[1].replace("}", ""), lines[3].partition(",")[0]
    source.write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        import_via(source, [], tmp_path / "m.csv", FRAMES)
    assert [re.search(r"row \d", line)[0] for line in str(caught.value).splitlines()] == [
        "row 2",
        "row 4",
    ]


def test_numbers_of_options_of_via_2_are_those_of_the_project(tmp_path):
    write(tmp_path / "p01_e1_z1.avi", frames=2)
    source = via2(tmp_path / "p.json", ["0", "1"])
    content = json.loads(source.read_text())
    options = {"0": "B-line", "1": "non-B-line"}
    content["_via_attributes"] = {"file": {"finding": {"type": "radio", "options": options}}}
    source.write_text(json.dumps(content))
    (row,) = import_via(source, [], tmp_path / "m.csv", FRAMES).videos
    assert row.segments == ((0.0, 0.1),)


@pytest.mark.parametrize("bare", [True, False])
def test_labeled_frames_become_segments(tmp_path, bare):
    """Frames 1, 2 and 4 of five at 10 fps: 0.1 to 0.3 s and 0.4 to 0.5 s."""
    write(tmp_path / "p01_e1_z1.mp4", frames=5)
    labels = ["non-B-line", "B-line", {"B-line": True}, "no B-lines", "B-line"]
    source = via2(tmp_path / "p.json", labels, bare)
    (row,) = import_via(source, [], tmp_path / "m.csv", FRAMES).videos
    assert row.b_lines == 1
    np.testing.assert_allclose(row.segments, [(0.1, 0.3), (0.4, 0.5)])


def test_frames_may_be_counted_from_one(tmp_path):
    """Pictures 1 and 2 are frames 0 and 1; picture 0 is none."""
    write(tmp_path / "p01_e1_z1.mp4", frames=2)
    from_one = ViaOptions(JOINING, frames=FramePattern.parse(r"(?P<video>.+)_f(?P<frame>\d+)", 1))
    source = via2(tmp_path / "p.json", ["B-line", "B-line", "non-B-line"])
    with pytest.raises(DataError, match="its number is below 1"):
        import_via(source, [], tmp_path / "m.csv", from_one)
    content = json.loads(source.read_text())
    del content["_via_img_metadata"]["p01_e1_z1_f0.png123"]
    source.write_text(json.dumps(content))
    (row,) = import_via(source, [], tmp_path / "m.csv", from_one).videos
    np.testing.assert_allclose(row.segments, [(0, 0.1)])


def test_frames_without_label_leave_the_video_without_segments(tmp_path):
    write(tmp_path / "p01_e1_z1.mp4", frames=3)
    source = via2(tmp_path / "p.json", ["B-line", None, "non-B-line"])
    done = import_via(source, [], tmp_path / "m.csv", FRAMES)
    assert (done.videos[0].b_lines, done.videos[0].segments) == (1, None)
    assert "video with unlabeled frames" in " ".join(done.notes)


def test_rectangles_of_via_2(tmp_path):
    write(tmp_path / "p01_e1_z1.mp4", frames=1)
    shape = {"name": "rect", "x": 1, "y": 2, "width": 3, "height": 4}
    regions = {"0": {"shape_attributes": shape, "region_attributes": {"kind": "roi"}}}
    source = via2(tmp_path / "p.json", ["B-line"], regions=regions)
    (row,) = import_via(source, [], tmp_path / "m.csv", FRAMES).videos
    assert row.roi == (1, 2, 3, 4)


def test_via_2_needs_a_pattern_that_fits_and_frames_that_are_there(tmp_path):
    write(tmp_path / "p01_e1_z1.mp4", frames=2)
    source = via2(tmp_path / "p.json", ["B-line"] * 3)
    with pytest.raises(ConfigError, match="--frame"):
        import_via(source, [], tmp_path / "m.csv", OPTIONS)
    with pytest.raises(DataError, match="frame 2, counted from 0, is beyond the end of the video"):
        import_via(source, [], tmp_path / "m.csv", FRAMES)
    wrong = ViaOptions(JOINING, frames=FramePattern.parse(r"(?P<video>.+)-(?P<frame>\d+)"))
    with pytest.raises(DataError, match="does not match the name"):
        import_via(source, [], tmp_path / "m.csv", wrong)
    with pytest.raises(ConfigError, match="groups video and frame"):
        FramePattern.parse(r"(?P<frame>\d+)")


# Invariants

TIMES = st.floats(0, 50, allow_nan=False, width=32)
SEGMENTS = st.lists(
    st.tuples(TIMES, TIMES).filter(lambda pair: pair[0] < pair[1]), min_size=1, max_size=8
)


@given(SEGMENTS, st.floats(0, 60))
def test_joined_segments_hold_the_same_times_in_order(segments, time):
    merged = merge_segments(segments)
    assert any(a <= time < b for a, b in merged) == any(a <= time < b for a, b in segments)
    assert all(first[1] < second[0] for first, second in itertools.pairwise(merged))
    assert merge_segments(merged) == merged


@given(segments=SEGMENTS, count=st.integers(1, 200), fps=st.sampled_from([10.0, 25.0, 29.97, 54.0]))
def test_segments_survive_the_manifest_and_mark_the_same_frames(
    tmp_path_factory, segments, count, fps
):
    """Brute force over the segments as annotated, against those read back."""
    folder = tmp_path_factory.mktemp("round")
    (folder / "v.avi").touch()
    row = Video(
        video=str(folder / "v.avi"), patient_id="p", video_id="v", segments=merge_segments(segments)
    )
    write_manifest([row], folder / "m.csv")
    (again,) = read_manifest(folder / "m.csv")
    assert again.segments == merge_segments(segments)
    expected = [
        any(start <= index / fps + 1e-3 < end for start, end in segments) for index in range(count)
    ]
    assert frames_in_segments(count, fps, again.segments).tolist() == expected


@given(
    marked=st.lists(st.booleans(), min_size=1, max_size=60),
    fps=st.sampled_from([10.0, 25.0, 30.0, 54.0]),
)
def test_marked_frames_come_back_from_their_segments(marked, fps):
    times = tuple((np.arange(len(marked)) / fps).tolist())
    segments = segments_of_frames(marked, Length(times, len(marked) / fps, 1, 1))
    assert frames_in_segments(len(marked), fps, segments).tolist() == marked


@given(st.floats(-1, 5), st.floats(-1, 5))
def test_a_segment_that_fits_lies_in_the_video(start, end):
    length = Length(tuple((np.arange(30) / 10).tolist()), 3.0, 1, 1)
    try:
        fitted = fit_segment((start, end), length)
    except ValueError:
        assert not 0 <= start < end <= 3 or start >= 3
    else:
        assert 0 <= fitted[0] < fitted[1] <= 3 and fitted[0] == start
        assert fitted[1] == end or 3 < end <= 3.1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


def places_in(content, path=()):
    """Paths of all values in nested JSON."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places_in(value, (*path, key))


@pytest.fixture(scope="module")
def annotated(tmp_path_factory):
    """Folder with a video, and a project in which every kind of annotation occurs."""
    folder = tmp_path_factory.mktemp("annotated")
    marks = [([0.5, 1], {FINDING: "0"}), ([], {CLIP: "1", SCORE: "2"}), ([0], {}, [2, 1, 1, 5, 5])]
    write(folder / "p01_e1_z1.mp4")
    return folder, json.loads(project(folder / "whole.json", {"p01_e1_z1.mp4": marks}).read_text())


@settings(max_examples=60)
@given(st.data(), JSON)
def test_a_project_with_anything_in_any_place_is_read_or_refused(annotated, data, value):
    folder, whole = annotated
    content = json.loads(json.dumps(whole))
    *above, last = data.draw(st.sampled_from(sorted(places_in(content), key=str)))
    inner = content
    for key in above:
        inner = inner[key]
    inner[last] = value
    (folder / "project.json").write_text(json.dumps(content))
    options = ViaOptions(JOINING, Reading(labels={"score": "severity"}))
    (folder / "m.csv").unlink(missing_ok=True)
    try:
        done = import_via(folder / "project.json", [], folder / "m.csv", options)
    except (DataError, ConfigError) as error:
        assert "project.json" in str(error)
        assert not (folder / "m.csv").exists()
    else:
        assert tuple(read_manifest(folder / "m.csv")) == done.videos


# The command


def test_the_command_says_what_it_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "p01_e1_z1.avi")
    project(tmp_path / "project.json", {"p01_e1_z1.mp4": [([0.5, 1], {FINDING: "0"})]})
    arguments = ["data", "import-via", "project.json", "--out", "m.csv", "--patient"]
    done = CliRunner().invoke(main, [*arguments, r"(?P<patient>p\d+)_(?P<exam>e\d+)_z(?P<zone>\d)"])
    assert done.exit_code == 0, done.output
    assert "1 video of 1 patient." in done.output
    assert "patient 'p01', exam 'e1', zone '1'" in done.output
    assert "segments: known for 1" in done.output
    assert done.output.splitlines()[-1].strip() == "m.csv"
    assert CliRunner().invoke(main, [*arguments, "("]).exit_code == 2
    assert CliRunner().invoke(main, [*arguments, "(?P<patient>x)"]).exit_code == 3
