"""A check finds every fault of a data set at once and changes no file of it."""

import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import zoo
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.core.errors import ConfigError, DataError, ManifestError
from lus_keras.core.files import sha256_of
from lus_keras.data import quality, video
from lus_keras.data.identity import ALIKE_BITS
from lus_keras.data.manifest import read_manifest
from lus_keras.data.quality.drawings import contact_sheet, pairs_figure, statistics_figure
from lus_keras.data.quality.faults import Problem
from lus_keras.data.quality.stats import statistics_of
from lus_keras.data.video import write_video

NOISE = np.random.default_rng(0)
# Name, patient, more cells, and the problems that the file must have; what is not named is whole.
ZERO = "0" * 64
ROWS = [
    ("good.avi", "p1", {}, {"error: duplicate"}),
    ("again.avi", "p1", {}, {"error: duplicate"}),
    ("leak.avi", "p2", {}, {"error: duplicate"}),
    ("encoded_anew.avi", "p3", {}, {"warning: alike"}),
    ("absent.avi", "p1", {}, {"error: missing"}),
    # The picture in which the file ends is torn.
    ("cut.avi", "p1", {}, {"error: truncated", "error: corrupt", "warning: too-short"}),
    ("rotten.avi", "p1", {}, {"error: corrupt"}),
    ("text.avi", "p1", {}, {"error: unreadable"}),
    ("no_index.mp4", "p1", {}, {"error: unreadable"}),
    ("named_wrong.mp4", "p1", {}, {"warning: misnamed"}),
    ("short.avi", "p1", {}, {"warning: too-short"}),
    ("black.avi", "p1", {}, {"error: blank"}),
    ("gray.avi", "p1", {}, {"error: blank"}),
    ("frozen.avi", "p1", {}, {"warning: frozen"}),
    ("uneven.gif", "p1", {}, {"note: variable-rate"}),
    ("slow.avi", "p1", {}, {"warning: odd-rate"}),
    ("hash.avi", "p1", {"sha256": ZERO}, {"error: sha256"}),
    ("box.avi", "p1", {"roi": "100,0,29,10"}, {"error: roi"}),
    ("beyond.avi", "p1", {"segments": "0.5-9.5"}, {"error: segments"}),
    ("label.avi", "p1", {"severity": "7"}, {"error: manifest"}),
    ("../out.avi", "p1", {}, {"error: manifest"}),
    ("whole.avi", "p4", {"segments": "0.5-1.0", "b_lines": "1"}, set()),
]


def clip(count=40):
    """`(count, 64, 128)` uint8, other noise each time that moves in time."""
    still = NOISE.integers(0, 200, (zoo.HEIGHT, zoo.WIDTH))
    return np.stack([np.roll(still, step, axis=1) for step in range(count)]).astype(np.uint8)


def make_files(folder):
    """Writes what `ROWS` says."""
    good = clip()
    write_video(folder / "good.avi", good, 25)
    for name in ("again.avi", "leak.avi"):
        (folder / name).write_bytes((folder / "good.avi").read_bytes())
    write_video(folder / "encoded_anew.avi", good, 25, "mpeg4")
    for name in ("hash", "box", "beyond", "label", "whole"):
        write_video(folder / f"{name}.avi", clip(), 25)
    write_video(folder / "whole_again.avi", clip(), 25)
    data = (folder / "whole_again.avi").read_bytes()
    (folder / "whole_again.avi").unlink()
    (folder / "cut.avi").write_bytes(zoo.truncated(data, 6))
    rotten = bytearray(data)
    start = rotten.index(b"00dc", len(rotten) // 2) + 8
    rotten[start : start + 1000] = bytes(1000)
    (folder / "rotten.avi").write_bytes(rotten)
    (folder / "text.avi").write_text("hello")
    write_video(folder / "no_index.mp4", clip(), 25, "mpeg4")
    whole = (folder / "no_index.mp4").read_bytes()
    (folder / "no_index.mp4").write_bytes(zoo.truncated(whole, 5))
    write_video(folder / "as.avi", clip(), 25)
    (folder / "as.avi").rename(folder / "named_wrong.mp4")
    write_video(folder / "short.avi", clip(20), 25)
    write_video(folder / "black.avi", np.zeros((40, 64, 128), np.uint8), 25)
    write_video(folder / "gray.avi", np.full((40, 64, 128), 90, np.uint8), 25)
    write_video(folder / "frozen.avi", np.repeat(clip(1), 40, axis=0), 25)
    zoo.breed(zoo.SPECIES["gif-uneven"], folder / "uneven.gif")
    write_video(folder / "slow.avi", clip(8), 2)


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """A manifest of every fault, its bytes before, and the report."""
    folder = tmp_path_factory.mktemp("data")
    make_files(folder)
    columns = ("video", "patient_id", "b_lines", "severity", "segments", "roi", "sha256")
    lines = [",".join(columns)]
    for name, patient, cells, _ in ROWS:
        row = {"video": name, "patient_id": patient, **cells}
        lines.append(",".join(f'"{row.get(column, "")}"' for column in columns))
    path = folder / "manifest.csv"
    path.write_text("\n".join(lines) + "\n")
    before = {file: sha256_of(file) for file in folder.iterdir()}
    report = quality.check(quality.find_target(path), workers=2)
    return path, before, report


@pytest.mark.parametrize(("number", "row"), list(enumerate(ROWS)), ids=[row[0] for row in ROWS])
def test_each_fault_is_found_and_nothing_else(checked, number, row):
    video_ = checked[2].videos[number]
    told = {f"{problem.level}: {problem.code}" for problem in video_.problems}
    assert told == row[3]


def problem_of(checked, name):
    (found,) = (v for v in checked[2].videos if v.item.name == name)
    return found.problems[0]


def test_causes_hold_the_numbers(checked):
    assert problem_of(checked, "no_index.mp4").cause.startswith(
        "cannot be opened as mov (index mis"
    )
    assert problem_of(checked, "text.avi").cause == "is not a video (it starts with b'hello')."
    assert problem_of(checked, "text.avi").remedy == "Copy it again, or convert it to AVI or MP4."
    assert " of 40 frames decode" in problem_of(checked, "cut.avi").cause
    assert "1 of 39 frames" in problem_of(checked, "rotten.avi").cause
    assert "lasts 0.80 s, less than 1 s" in problem_of(checked, "short.avi").cause
    assert "0.020 to 0.100 s apart" in problem_of(checked, "uneven.gif").cause
    assert "extends beyond the frame of 128×64" in problem_of(checked, "box.avi").cause
    assert "ends at 9.5 s, the video at 1.60 s" in problem_of(checked, "beyond.avi").cause
    assert "good.avi (patient 'p1')" in problem_of(checked, "leak.avi").cause
    assert "good.avi (patient 'p1')" in problem_of(checked, "encoded_anew.avi").cause
    assert "`severity` must be 0, 1, 2, 3. Received '7'." in problem_of(checked, "label.avi").cause


def test_a_missing_file_gets_the_nearest_name(tmp_path):
    write_video(tmp_path / "Patient 1.avi", clip(2), 25)
    (tmp_path / "m.csv").write_text("video,patient_id\npatient_1.avi,p\n")
    (found,) = quality.find_target(tmp_path / "m.csv").items
    assert found.problems[0].remedy.startswith("Is it 'Patient 1.avi'? ")


def test_patient_ids_that_look_alike_are_told_once_at_the_first_row(tmp_path):
    (tmp_path / "m.csv").write_text("video,patient_id\na.avi,01\nb.avi,1\nc.avi,2\n")
    items = quality.find_target(tmp_path / "m.csv").items
    told = [[p.cause for p in item.problems if p.code == "patients-alike"] for item in items]
    assert told == [["patient ids are similar and are treated as different: '01' and '1'."], [], []]


def test_no_original_is_touched(checked):
    path, before, report = checked
    clean = report.write_clean_manifest(path.parent / "clean.csv")
    after = {file: sha256_of(file) for file in path.parent.iterdir() if file != clean}
    assert after == before
    clean.unlink()


def test_the_clean_manifest_holds_the_usable_rows_with_their_hashes(checked):
    path, _, report = checked
    clean = report.write_clean_manifest(path.parent / "clean.csv")
    videos = read_manifest(clean)
    usable = [row[0] for row in ROWS if not any(p.startswith("error") for p in row[3])]
    assert [os.path.relpath(v.video, path.parent) for v in videos] == usable
    assert all(v.sha256 == sha256_of(v.video) for v in videos)
    whole = videos[-1]
    assert (whole.patient_id, whole.b_lines, whole.segments) == ("p4", 1, ((0.5, 1.0),))
    clean.unlink()
    with pytest.raises(ConfigError, match="is the manifest being checked"):
        report.write_clean_manifest(path)


def test_json_says_all_that_the_table_says(checked):
    content = json.loads(json.dumps(checked[2].as_json()))
    assert content["schema"] == 1 and len(content["videos"]) == len(ROWS)
    errors = sum(p["level"] == "error" for v in content["videos"] for p in v["problems"])
    assert content["errors"] == errors == checked[2].count("error")
    whole = content["videos"][-1]
    assert whole["usable"] and whole["row"] == len(ROWS) + 1 and whole["problems"] == []
    text = next(v for v in content["videos"] if v["video"] == "text.avi")
    assert text["sha256"] == sha256_of(checked[0].parent / "text.avi") and text["seen"] is None
    assert whole["seen"]["frames"] == 40 and whole["seen"]["fps"] == pytest.approx(25)


def test_one_patients_copy_is_a_warning(tmp_path):
    write_video(tmp_path / "a.avi", clip(30), 25)
    (tmp_path / "b.avi").write_bytes((tmp_path / "a.avi").read_bytes())
    (tmp_path / "m.csv").write_text("video,patient_id\na.avi,p\nb.avi,p\n")
    report = quality.check(quality.find_target(tmp_path / "m.csv"))
    assert [[p.level for p in v.problems] for v in report.videos] == [["warning"], ["warning"]]


def test_a_folder_is_searched_and_links_that_leave_it_are_refused(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    write_video(root / "sub" / "a.AVI", clip(30), 25)
    write_video(tmp_path / "out.avi", clip(2), 25)
    (root / "link.avi").symlink_to(tmp_path / "out.avi")
    (root / "inside.avi").symlink_to(root / "sub" / "a.AVI")
    (root / "away").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.avi")
    (root / "notes.txt").write_text("no video")
    report = quality.check(quality.find_target(root))
    told = {v.item.name: {p.code for p in v.problems} for v in report.videos}
    assert told == {
        "sub/a.AVI": {"duplicate"},
        "inside.avi": {"duplicate"},
        "link.avi": {"refused"},
        "pipe.avi": {"unreadable"},
    }
    with pytest.raises(ConfigError, match="does not state patients"):
        report.write_clean_manifest(tmp_path / "clean.csv")


def test_what_is_no_target_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="neither a folder nor a manifest"):
        quality.find_target("covid-blue")
    with pytest.raises(ConfigError, match="rendered on demand"):
        quality.find_target("simulated")
    with pytest.raises(DataError, match="contains no video"):
        quality.find_target(tmp_path)
    (tmp_path / "m.csv").write_text("video,patient\na.avi,p\n")
    with pytest.raises(ManifestError, match="unknown column 'patient'"):
        quality.find_target(tmp_path / "m.csv")


def test_a_message_is_split_before_its_last_sentence():
    problem = Problem.of_sentences("c", "error", "must be 1. Received 1.5. Correct it.")
    assert (problem.cause, problem.remedy) == ("must be 1. Received 1.5.", "Correct it.")
    assert Problem.of_sentences("c", "error", "is broken.").cause == "is broken."


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg", "ffv1"])
def test_copies_encoded_anew_look_alike_and_others_do_not(tmp_path, codec):
    one, other = clip(3), clip(3)
    write_video(tmp_path / "one.avi", one, 25)
    write_video(tmp_path / "copy.avi", one, 30, codec)
    write_video(tmp_path / "other.avi", other, 25)
    bits = [
        int(video.inspect_video(tmp_path / f"{name}.avi").fingerprint, 16)
        for name in ("one", "copy", "other")
    ]
    assert (bits[0] ^ bits[1]).bit_count() <= ALIKE_BITS < (bits[0] ^ bits[2]).bit_count()


def test_pairs_that_look_alike_are_drawn_side_by_side(checked):
    """Frames as the fingerprints are taken of: encoded_anew.avi beside good.avi."""
    copy, original = pairs_figure(checked[2]).axes
    titles = (copy.get_title(), original.get_title())
    assert titles == ("encoded_anew.avi\npatient p3", "good.avi\npatient p1")
    shown = [axes.images[0].get_array().astype(int) for axes in (copy, original)]
    first = video.read_video(checked[0].parent / "good.avi").frames[0]
    np.testing.assert_array_equal(shown[1], first)
    assert abs(shown[0] - shown[1]).mean() < 20


def test_a_fade_from_black_does_not_make_videos_alike(tmp_path):
    frames = np.concatenate([np.zeros((2, 64, 128), np.uint8), clip(3)])
    write_video(tmp_path / "fade.avi", frames, 25, "ffv1")
    assert video.inspect_video(tmp_path / "fade.avi").fingerprint == video.inspect.fingerprint(
        frames[2]
    )


def test_inspecting_holds_one_frame_at_a_time(tmp_path):
    """300 frames of 480×640 are 92 MB; what is held stays below 5 MB."""
    still = np.full((480, 640), 90, np.uint8)
    write_video(tmp_path / "long.avi", (still for _ in range(300)), 30)
    tracemalloc.start()
    assert video.inspect_video(tmp_path / "long.avi").frames == 300
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_statistics_count_and_measure(checked):
    statistics = statistics_of(checked[2])
    rows = dict(statistics.rows)
    decoding = sum(v.seen is not None for v in checked[2].videos)
    assert rows["videos"] == str(len(ROWS)) and rows["videos that decode"] == str(decoding)
    assert rows["patients"] == "4" and rows["b_lines"] == f"1: 1, unlabeled: {len(ROWS) - 1}"
    assert rows["sizes"] == f"128×64: {decoding}"
    assert len(statistics.durations_s) == decoding
    assert len(statistics_figure(statistics).axes) == 4


def test_rates_that_differ_in_the_last_bit_are_drawn_as_one(checked):
    statistics = replace(
        statistics_of(checked[2]), fps=np.nextafter(np.full(200, 30.0), [0, 60] * 100)
    )
    bars = statistics_figure(statistics).axes[1].patches
    assert [bar.get_height() for bar in bars] == [200]


def test_a_contact_sheet_shows_frames_labels_and_segments(checked):
    path = checked[0].parent / "whole.avi"
    row = next(v.item.video for v in checked[2].videos if v.item.name == "whole.avi")
    figure = contact_sheet(path, row, pictures=5)
    *pictures, line = figure.axes
    assert [axes.get_title() for axes in pictures] == [
        f"frame {number}, {number / 25:.2f} s" for number in (0, 10, 20, 29, 39)
    ]
    np.testing.assert_array_equal(
        pictures[1].images[0].get_array(), video.read_video(path, grayscale=False).frames[10]
    )
    assert [text.get_text() for text in line.get_yticklabels()] == ["frames", "B-lines"]
    assert "patient p4, b_lines 1" in figure.get_suptitle()


# The commands


def run(*arguments):
    return CliRunner().invoke(main, ["data", *map(str, arguments)])


@pytest.fixture
def small(tmp_path):
    """Manifest of six whole videos of six patients, half of them positive."""
    lines = ["video,patient_id,b_lines"]
    for number in range(6):
        write_video(tmp_path / f"v{number}.avi", clip(30), 25)
        lines.append(f"v{number}.avi,p{number},{number % 2}")
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_check_ends_with_0_or_3_and_writes_the_clean_manifest(small):
    clean = small.parent / "clean.csv"
    assert run("check", small).exit_code == 0
    (small.parent / "v3.avi").write_text("hello")
    result = run("check", small, "--fix", clean)
    assert result.exit_code == 3 and "5 of 6 videos can be used; 1 error" in result.stdout
    assert "v3.avi" in result.stdout and str(clean) in result.stdout
    assert [v.patient_id for v in read_manifest(clean)] == ["p0", "p1", "p2", "p4", "p5"]
    result = run("check", small, "--json")
    assert result.exit_code == 3 and json.loads(result.stdout)["errors"] == 1
    assert run("check", clean).exit_code == 0
    before = small.read_bytes()
    result = run("check", small, "--fix", small)
    assert result.exit_code == 2 and small.read_bytes() == before
    # Refused before a single video is decoded.
    assert "videos can be used" not in result.output


def test_check_draws_pairs_where_there_are_some_and_prints_pure_json(small):
    pairs = small.parent / "pairs.png"
    assert run("check", small, "--pairs", pairs).exit_code == 0 and not pairs.exists()
    (small.parent / "v2.avi").write_bytes((small.parent / "v1.avi").read_bytes() + b"\0")
    result = run("check", small, "--json", "--pairs", pairs)
    assert result.exit_code == 0 and pairs.read_bytes().startswith(b"\x89PNG")
    (problem,) = (p for v in json.loads(result.stdout)["videos"] for p in v["problems"])
    assert (problem["code"], problem["other"]) == ("alike", "v1.avi")


def test_a_folder_of_pictures_is_looked_at_as_any_video(tmp_path):
    """25 a second as the manifest says: 40 pictures are 1.6 s."""
    (tmp_path / "p1").mkdir()
    for number, picture in enumerate(clip()):
        cv2.imwrite(str(tmp_path / "p1" / f"{number}.png"), picture)
    path = tmp_path / "m.csv"
    path.write_text("video,patient_id,fps\np1,p1,25\n")
    (checked,) = quality.check(quality.find_target(path)).videos
    assert checked.problems == () and checked.seen.container == "pictures"
    assert (checked.seen.frames, checked.seen.duration_s) == (40, pytest.approx(1.6))
    sheet = tmp_path / "sheet.png"
    assert run("show", tmp_path / "p1", "--manifest", path, "--out", sheet).exit_code == 0
    (tmp_path / "p1" / "7.png").write_bytes(b"")
    (checked,) = quality.check(quality.find_target(path)).videos
    assert [p.code for p in checked.problems] == ["unreadable"]
    assert "7.png: is not a JPEG, PNG, BMP or TIFF image (0 bytes)" in checked.problems[0].cause


def test_show_and_stats_write_figures(small):
    out = small.parent / "sheet.png"
    assert run("show", small.parent / "v1.avi", "--manifest", small, "--out", out).exit_code == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    other = small.parent / "other.avi"
    result = run("show", other, "--manifest", small, "--out", out)
    assert result.exit_code == 3 and "has no row for" in result.output
    (small.parent / "text.avi").write_text("hello")
    assert run("show", small.parent / "text.avi", "--out", out).exit_code == 3
    result = run("stats", small, "--out", small.parent / "stats.png")
    assert result.exit_code == 0 and "patients" in result.stdout
    assert (small.parent / "stats.png").read_bytes().startswith(b"\x89PNG")


def test_split_writes_prints_and_verifies(small):
    out = small.parent / "split.json"
    result = run("split", small, "--label", "b_lines", "--folds", 3, "--out", out)
    assert result.exit_code == 0, result.output
    # Six patients in three folds: four train, two of whom are positive, and two test.
    lines = [line.split() for line in result.stdout.splitlines() if "train" in line]
    assert [[cell for cell in line if cell != "│"] for line in lines] == [
        [str(fold), "train", "4", "4", "2"] for fold in range(3)
    ]
    verify = ("split", small, "--label", "b_lines", "--verify", out)
    assert run(*verify).exit_code == 0
    first = out.read_text()
    run("split", small, "--label", "b_lines", "--folds", 3, "--out", out)
    assert out.read_text() == first
    content = json.loads(first)
    fold = content["papers"]["b_lines"]["folds"][0]
    fold["train"].append(fold["test"][0])
    out.write_text(json.dumps(content))
    result = run(*verify)
    assert result.exit_code == 3 and "is in train and test" in result.output
    out.write_text(first)
    with small.open("a") as stream:
        stream.write("v0.avi,p9,1\n".replace("v0.avi", "v6.avi"))
    write_video(small.parent / "v6.avi", clip(30), 25)
    result = run(*verify)
    assert result.exit_code == 3 and "patient 'p9' is in neither set" in result.output


def test_a_holdout_is_drawn_and_wrong_requests_end_with_2(small):
    out = small.parent / "split.json"
    options = ("split", small, "--label", "b_lines")
    assert run(*options, "--test-fraction", 0.3, "--out", out).exit_code == 0
    (fold,) = json.loads(out.read_text())["papers"]["b_lines"]["folds"]
    assert (len(fold["train"]), len(fold["test"])) == (4, 2)
    for wrong in (
        options,
        (*options, "--out", out, "--folds", 3, "--test-fraction", 0.3),
        (*options, "--verify", out, "--folds", 3),
        ("split", small, "--label", "zone", "--out", out),
    ):
        assert run(*wrong).exit_code == 2
    assert run("split", small, "--label", "b_lines", "--folds", 7, "--out", out).exit_code == 3
    assert run(*options, "--verify", small.parent / "absent.json").exit_code == 3


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["covid-blues", "pocus"])
def test_every_real_video_can_be_used(name):
    root = os.environ.get("LUS_KERAS_DATA")
    if not root or not Path(root, name).is_dir():
        pytest.skip(f"LUS_KERAS_DATA holds no {name}: its videos are NOT checked")
    report = quality.check(quality.find_target(Path(root, name)), workers=2)
    assert report.count("error") == 0
    known = {"misnamed", "too-short"}
    # Headers of a few videos of POCUS give pixels of 9:8.
    known |= {"pixel-aspect"} if name == "pocus" else set()
    assert {p.code for v in report.videos for p in v.problems} <= known


@pytest.mark.parametrize("name", sorted(main.commands["data"].commands))
def test_the_help_of_every_command_has_an_example(name):
    assert f"lus-keras data {name} " in run(name, "--help").stdout
