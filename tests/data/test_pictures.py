"""A folder of numbered pictures is a video: same order, same pixels, same store, same rules."""

import shutil

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from resampled import read_resampled

from lus_keras.cli import main
from lus_keras.core.errors import ConfigError, DataError, LeakageError, ManifestError, VideoError
from lus_keras.core.files import sha256_of
from lus_keras.data import video
from lus_keras.data.cache import FrameSpec, open_store
from lus_keras.data.importers.frame_folders import import_frame_folders
from lus_keras.data.manifest import Video, read_manifest, write_manifest
from lus_keras.data.video.pictures import missing_numbers


def write_pictures(folder, numbers, size=(24, 32), suffix=".png", name="{}"):
    """Picture n is n gray all over."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        path = folder / f"{name.format(number)}{suffix}"
        assert cv2.imwrite(str(path), np.full(size, number, np.uint8))
    return folder


def grays(frames):
    return [round(float(frame.mean())) for frame in frames]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".JPG"])
def test_pictures_come_in_the_order_of_numbers_at_their_rate(tmp_path, suffix):
    """By name 10 and 100 would come before 9."""
    folder = write_pictures(tmp_path / "v", [100, 9, 10, 2], suffix=suffix, name="frame_{}")
    decoded = video.read_video(folder, picture_fps=25)
    assert grays(decoded.frames) == [2, 9, 10, 100]
    np.testing.assert_allclose(decoded.times_s, [0, 0.04, 0.08, 0.12])
    assert decoded.duration_s == pytest.approx(0.16)
    info = video.probe(folder)
    assert (info.container, info.width, info.height, info.declared_frames) == (
        "pictures",
        32,
        24,
        4,
    )


def test_a_folder_equals_the_video_of_its_pictures(tmp_path):
    """Lossless both ways, so every pixel, time and resampled frame is the same."""
    frames = np.random.default_rng(0).integers(0, 256, (8, 24, 32), np.uint8)
    video.write_video(tmp_path / "v.avi", frames, 20, "rawvideo")
    folder = tmp_path / "v"
    folder.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{number}.png"), frame)
    of_file, of_folder = (
        video.read_video(tmp_path / "v.avi"),
        video.read_video(folder, picture_fps=20),
    )
    np.testing.assert_array_equal(of_folder.frames, of_file.frames)
    np.testing.assert_allclose(of_folder.times_s, of_file.times_s, atol=1e-9)
    options = {"fps": 30, "size": (12, 16), "box": (2, 2, 20, 20)}
    np.testing.assert_array_equal(
        read_resampled(folder, picture_fps=20, **options),
        read_resampled(tmp_path / "v.avi", **options),
    )


def test_colors_come_as_rgb(tmp_path):
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 2] = 250
    cv2.imwrite(str(tmp_path / "1.png"), red)
    decoded = video.read_video(tmp_path, grayscale=False, picture_fps=1)
    assert decoded.frames[0, 0, 0].tolist() == [250, 0, 0]


@pytest.mark.parametrize("fps", [None, 0, -1, float("nan")])
def test_pictures_without_a_rate_are_refused(tmp_path, fps):
    write_pictures(tmp_path, [1, 2])
    with pytest.raises(VideoError, match=r"no time stamps.*`fps`"):
        video.read_video(tmp_path, picture_fps=fps)


def test_what_is_wrong_with_names_is_listed_at_once(tmp_path):
    write_pictures(tmp_path, [1, 2])
    shutil.copy(tmp_path / "1.png", tmp_path / "001.png")
    shutil.copy(tmp_path / "1.png", tmp_path / "last.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    shutil.copy(tmp_path / "1.png", tmp_path / ".3.png")
    with pytest.raises(VideoError) as caught:
        video.picture_paths(tmp_path)
    assert "last.png: has no number" in str(caught.value)
    assert "001.png and 1.png both have number 1" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    folder = write_pictures(tmp_path / "v", [1])
    (folder / "2.png").symlink_to(write_pictures(tmp_path / "other", [2]) / "2.png")
    with pytest.raises(VideoError, match=r"2\.png: is not a regular file inside its folder"):
        video.picture_paths(folder)


def test_another_size_is_refused_by_name(tmp_path):
    write_pictures(tmp_path, [1, 3])
    write_pictures(tmp_path, [2], size=(24, 30))
    with pytest.raises(VideoError, match=r"2\.png: is 30×24 after images of 32×24"):
        video.read_video(tmp_path, picture_fps=1)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff\xe0", b"ffconcat version 1.0\n"])
def test_what_is_no_picture_is_refused(tmp_path, content):
    write_pictures(tmp_path, [1])
    (tmp_path / "2.jpg").write_bytes(content)
    with pytest.raises(VideoError, match=r"2\.jpg"):
        video.read_video(tmp_path, picture_fps=1)


def test_left_out_numbers_are_found(tmp_path):
    write_pictures(tmp_path, [3, 5, 8])
    assert missing_numbers(tmp_path) == [range(4, 5), range(6, 8)]


def test_the_hash_of_a_folder_is_that_of_its_pictures_in_order(tmp_path):
    first = write_pictures(tmp_path / "a", [1, 2, 10])
    same = shutil.copytree(first, tmp_path / "b")
    (same / "Thumbs.db").write_bytes(b"x")
    assert video.sha256_of_video(first) == video.sha256_of_video(same)
    changed = shutil.copytree(first, tmp_path / "c")
    shutil.copy(first / "1.png", changed / "2.png")
    renamed = shutil.copytree(first, tmp_path / "d")
    (renamed / "10.png").rename(renamed / "3.png")
    assert len({video.sha256_of_video(path) for path in (first, changed, renamed)}) == 3
    assert video.sha256_of_video(first / "1.png") == sha256_of(first / "1.png")


# Manifest and cache


def test_a_manifest_takes_a_folder_with_a_rate(tmp_path):
    folder = write_pictures(tmp_path / "p1" / "e.1", [1, 2])
    row = Video(video=str(folder), patient_id="p1", video_id="p1/e.1", fps=25.0)
    write_manifest([row], tmp_path / "m.csv")
    assert read_manifest(tmp_path / "m.csv") == [row]
    (tmp_path / "m.csv").write_text("video,patient_id,fps\np1/e.1,p1,25\n")
    assert read_manifest(tmp_path / "m.csv") == [row]


def test_a_manifest_refuses_pictures_without_rate_and_other_folders(tmp_path):
    write_pictures(tmp_path / "v", [1])
    (tmp_path / "empty").mkdir()
    (tmp_path / "m.csv").write_text("video,patient_id\nv,p1\nempty,p2\n")
    with pytest.raises(ManifestError) as caught:
        read_manifest(tmp_path / "m.csv")
    assert "row 2: `fps` must be filled" in str(caught.value)
    assert "row 3: `video` must be a regular file, or a folder" in str(caught.value)


def test_a_store_of_pictures_depends_on_their_rate(tmp_path, cache):
    """4 pictures at 4 fps last 1 s, at 2 fps 2 s; a file's nominal rate changes nothing."""
    folder = write_pictures(tmp_path / "v", [10, 20, 30, 40])
    spec = FrameSpec(size=(12, 16), fps=4, crop="none")
    stores = [
        open_store([Video(video=str(folder), patient_id="p", video_id="v", fps=fps)], spec)
        for fps in (4.0, 2.0)
    ]
    assert [store.counts for store in stores] == [(4,), (8,)]
    assert grays(stores[0].frames()) == [10, 20, 30, 40]
    assert stores[0].key != stores[1].key


def test_a_nominal_rate_does_not_decode_a_file_anew(make_videos, cache):
    spec = FrameSpec(size=(12, 16), fps=30, crop="none")
    keys = {open_store(make_videos(1, fps=30.0), spec).key for _ in range(2)}
    assert len(keys) == 1


def test_the_same_pictures_under_two_patients_are_a_leak(tmp_path, cache):
    first = write_pictures(tmp_path / "a", [1, 2])
    second = shutil.copytree(first, tmp_path / "b")
    rows = [
        Video(video=str(path), patient_id=path.name, video_id=path.name, fps=2.0)
        for path in (first, second)
    ]
    with pytest.raises(LeakageError, match="the same file as"):
        open_store(rows, FrameSpec(size=(12, 16), fps=4))


# Importing


def test_folders_become_rows(tmp_path):
    for patient, exam, zone in (("1017", "250", "1"), ("1017", "250", "02"), ("010", "87", "1")):
        write_pictures(tmp_path / "data" / patient / exam / zone, [2, 10, 1], suffix=".jpg")
    (tmp_path / "data" / "010" / "87" / "1" / "10.jpg").rename(
        tmp_path / "data" / "010" / "87" / "1" / "4.jpg"
    )
    done = import_frame_folders(tmp_path / "data", tmp_path / "data" / "m.csv", fps=25)
    rows = read_manifest(tmp_path / "data" / "m.csv")
    assert tuple(rows) == done.videos
    assert [(row.patient_id, row.exam_id, row.zone, row.fps) for row in rows] == [
        ("010", "87", "1", 25.0),
        ("1017", "250", "02", 25.0),
        ("1017", "250", "1", 25.0),
    ]
    # 3 to 9 are left out in two folders, 3 in the third.
    assert sorted(note.split(": ")[1][:9] for note in done.notes) == [
        "1 numbers",
        "7 numbers",
        "7 numbers",
    ]


def test_a_level_may_be_skipped(tmp_path):
    write_pictures(tmp_path / "site" / "p1" / "z2", [1])
    done = import_frame_folders(tmp_path, tmp_path / "m.csv", fps=1, layout="-/patient/zone")
    assert [(row.patient_id, row.zone, row.exam_id) for row in done.videos] == [("p1", "z2", "")]


@pytest.mark.parametrize("layout", ["exam/zone", "patient/area", "patient/exam/exam", ""])
def test_other_layouts_are_refused(tmp_path, layout):
    write_pictures(tmp_path / "p1" / "e1", [1])
    with pytest.raises(ConfigError, match="--layout"):
        import_frame_folders(tmp_path, tmp_path / "m.csv", fps=1, layout=layout)


def test_all_that_is_wrong_with_folders_is_listed(tmp_path):
    write_pictures(tmp_path / "p1" / "e1" / "z1", [1])
    write_pictures(tmp_path / "p1" / "e1" / "z1", [2], size=(8, 8))
    write_pictures(tmp_path / "p2" / "e1", [1])
    write_pictures(tmp_path / "p3" / "e1" / "z1", [1], name="a")
    with pytest.raises(DataError) as caught:
        import_frame_folders(tmp_path, tmp_path / "m.csv", fps=1)
    message = str(caught.value)
    assert "2.png: is 8×8 after images of 32×24" in message
    assert "lies 2 folders deep" in message
    assert "a.png: has no number" in message
    assert not (tmp_path / "m.csv").exists()


def test_a_manifest_beside_the_pictures_says_where_it_could_be(tmp_path):
    write_pictures(tmp_path / "data" / "p1" / "e1" / "z1", [1])
    with pytest.raises(DataError, match=r"must lie inside its folder.*--root"):
        import_frame_folders(tmp_path / "data", tmp_path / "other" / "m.csv", fps=1)
    import_frame_folders(tmp_path / "data", tmp_path / "other" / "m.csv", fps=1, root=tmp_path)
    assert len(read_manifest(tmp_path / "other" / "m.csv", root=tmp_path)) == 1


def test_the_command_writes_a_manifest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "data" / "p1" / "e1" / "z1", [1, 2, 4])
    arguments = ["data", "import-frames", "data", "--fps", "25", "--out", "data/m.csv"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    assert "1 numbers are missing (3)" in done.output
    assert len(read_manifest(tmp_path / "data" / "m.csv")) == 1
    assert CliRunner().invoke(main, [*arguments, "--layout", "zone"]).exit_code == 2
    assert CliRunner().invoke(main, [*arguments, "--layout", "patient"]).exit_code == 3
