"""Tiles on disk: the pixels of training, counted by hand; regions of interest and their scaling."""

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.cli import main
from lus_keras.core.errors import ConfigError, DataError, VideoError
from lus_keras.core.files import file_names
from lus_keras.data import tiling
from lus_keras.data.cache import FrameSpec, load_item, open_store, scaled_box
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.clips import index_clips
from lus_keras.data.manifest import Video, read_manifest, write_manifest
from lus_keras.data.video import read_video, write_video
from lus_keras.experiments.reproduce import Request, describe

SIZE, FPS = (48, 64), 4.0
# Tiles of 6 and 10 pixels, clips of two frames, in pictures scaled to 48×64.
CLIPS = tiling.data_sets((6, 10), rows=2, fps=FPS, size=SIZE, seconds=0.5)
ROI = (20, 8, 44, 50)


def make_videos(folder):
    """Two lossless videos of noise, 60×80 pixels, 5 and 3 frames at 4 fps; the first slides."""
    rng = np.random.default_rng(0)
    rows = []
    for number, frames in enumerate((5, 3)):
        path = folder / f"v{number}.avi"
        write_video(path, rng.integers(0, 256, (frames, 60, 80)).astype(np.uint8), FPS, "ffv1")
        row = Video(str(path), f"p{number}", f"e/v{number}", sliding=1 - number, roi=ROI)
        rows.append(row)
    return rows


@pytest.fixture
def videos(tmp_path):
    return make_videos(tmp_path / "data")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The two videos and their tiles, which tests only read."""
    folder = tmp_path_factory.mktemp("tiles")
    rows = make_videos(folder)
    return rows, tiling.write_tiles(rows, CLIPS, folder / "tiles")


def test_the_six_data_sets_are_those_of_the_paper():
    """60 frames of 480×640; `2_` keeps two rows of tiles; the paper's configuration says so too."""
    from lus_keras.core import config

    made = tiling.data_sets()
    assert list(made) == ["2_30x30", "all_30x30", "2_60x60", "all_60x60", "2_90x90", "all_90x90"]
    for name, clip in made.items():
        trained = config.load("sliding", variant=name).clip
        # Networks take gray three times; files hold it once.
        assert clip.model_copy(update={"channels": 3}) == trained
    with pytest.raises(ConfigError, match="shorter than one frame"):
        tiling.data_sets(seconds=0.01)


def test_a_tile_on_disk_holds_the_pixels_that_training_reads(written):
    videos, made = written
    assert [data_set.name for data_set in made] == list(CLIPS)
    for data_set, clip in zip(made, CLIPS.values(), strict=True):
        store = open_store(videos, FrameSpec(clip.size, clip.fps, clip.crop))
        index = index_clips(store.videos, store.counts, store.sizes, clip, "sliding")
        clips = ClipSource((store,), index, clip).read(np.arange(len(index)))
        rows = read_manifest(data_set.manifest, labels=["sliding"])
        assert [row.video_id for row in rows] == list(index.clip_id)
        assert [row.patient_id for row in rows] == list(index.patient_id)
        assert [row.sliding for row in rows] == list(index.label)
        assert data_set.tiles == len(index) == data_set.present + data_set.absent
        for row, expected in zip(rows, clips, strict=True):
            decoded = read_video(row.video)
            np.testing.assert_array_equal(decoded.frames, expected[..., 0])
            np.testing.assert_allclose(decoded.times_s, np.arange(2) / FPS, atol=1e-6)


def test_tiles_are_counted_by_hand(written):
    """The region of 44×50 in 80×60 is 35×40 in 64×48, as 20 and 64 become 16 and 51 (51.2).

    Tiles of 6: six rows of five; of 10: four of three. The first video has two clips, the other
    one; 6 pixels: 2 rows of 5 and 6 of 5 a clip; 10 pixels: 2 of 3 and 4 of 3.
    """
    _, made = written
    counts = {data_set.name: (data_set.present, data_set.absent) for data_set in made}
    assert counts == {
        "2_6x6": (20, 10),
        "all_6x6": (60, 30),
        "2_10x10": (12, 6),
        "all_10x10": (24, 12),
    }


def test_ids_that_are_no_file_names_stay_ids(written):
    _, made = written
    first = read_manifest(made[0].manifest)[0]
    assert first.video_id == "e/v0@0000+000+000"
    assert Path(first.video).name == "e_v0@0000+000+000.avi"


@settings(deadline=None, max_examples=200, derandomize=True)
@given(st.lists(st.text(max_size=12), unique=True, max_size=8))
def test_file_names_are_plain_and_never_alike(ids):
    names = file_names(ids)
    assert list(names) == ids
    assert len({name.lower() for name in names.values()}) == len(ids)
    assert all(name and "/" not in name and name[0] != "." for name in names.values())


def test_names_that_differ_in_capitals_or_signs_are_numbered():
    assert file_names(["a/b", "a_b", "A b", "..", "c"]) == {
        "a/b": "a_b", "a_b": "a_b-2", "A b": "A_b-3", "..": "_", "c": "c",
    }  # fmt: skip


def test_videos_without_a_region_are_named_all_at_once_before_any_is_opened(tmp_path):
    """The files do not exist: opening one would be another error."""
    rows = [Video(f"/nowhere/{i}.avi", f"p{i}", f"v{i}", sliding=0) for i in range(12)]
    rows[3] = dataclasses.replace(rows[3], roi=ROI)
    for work in (
        lambda: tiling.write_tiles(rows, CLIPS, tmp_path),
        lambda: open_store(rows, FrameSpec(SIZE, FPS, "roi")),
    ):
        with pytest.raises(VideoError, match="11 of 12 videos have no region") as raised:
            work()
        assert all(repr(f"v{i}") in str(raised.value) for i in range(12) if i != 3)
        assert "'v3'" not in str(raised.value)
        assert "data annotate" in str(raised.value)


def test_a_plan_refuses_videos_without_a_region(videos, tmp_path):
    path = tmp_path / "data" / "m.csv"
    write_manifest([dataclasses.replace(row, roi=None) for row in videos], path)
    with pytest.raises(VideoError, match="2 of 2 videos"):
        describe(Request(("table1",), papers=("sliding",), data=str(path)))


def test_nothing_is_promised_where_no_tile_fits_or_a_file_is_broken(videos, tmp_path):
    out = tmp_path / "tiles"
    small = [dataclasses.replace(row, roi=(0, 0, 4, 4)) for row in videos]
    large = {"2_10x10": CLIPS["2_10x10"]}
    tiling.write_tiles(videos, large, out)
    with pytest.raises(DataError, match="no tile"):
        tiling.write_tiles(small, large, out)
    assert not list(out.rglob("manifest.csv"))
    (tmp_path / "data" / "v1.avi").write_bytes(b"RIFF")
    with pytest.raises(VideoError, match=r"v1\.avi"):
        tiling.write_tiles(videos, large, out)
    assert not list(out.rglob("manifest.csv"))


def test_a_box_is_scaled_with_its_picture_by_hand():
    """854 → 640: 427 becomes 320, 641 becomes 480.4; 480 rows stay as they are."""
    assert scaled_box((427, 100, 214, 200), (480, 854), (480, 640)) == (320, 100, 160, 200)
    assert scaled_box((0, 0, 854, 480), (480, 854), (480, 640)) == (0, 0, 640, 480)
    assert scaled_box((10, 10, 1, 1), (480, 854), (48, 64)) == (1, 1, 1, 1)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.data())
def test_a_scaled_box_stays_inside(data):
    height, width = data.draw(st.tuples(st.integers(1, 900), st.integers(1, 900)))
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    left, top, across, down = scaled_box((x, y, w, h), (height, width), (480, 640))
    assert min(left, top) >= 0
    assert left + across <= 640
    assert top + down <= 480


def test_a_region_of_a_wide_file_is_the_same_place_of_the_scaled_picture(tmp_path):
    """The right half, rows 100 … 299, of 854×480 is columns 320 … 639 of 640×480: all white."""
    frames = np.zeros((2, 480, 854), np.uint8)
    frames[:, 100:300, 427:] = 255
    path = tmp_path / "wide.avi"
    write_video(path, frames, 30.0, "ffv1")
    spec = FrameSpec((480, 640), 30.0, "roi")
    region, _ = load_item(Video(str(path), "p", "v", roi=(427, 100, 427, 200)), spec)
    assert region.shape == (2, 200, 320, 1)
    assert region.min() == 255
    larger, _ = load_item(Video(str(path), "p", "v", roi=(407, 99, 447, 202)), spec)
    # Column 407 becomes 305: 15 black columns before the white ones.
    assert larger.shape == (2, 202, 335, 1)
    assert larger[:, :, :15].max() == larger[:, [0, -1]].max() == 0
    assert larger[:, 1:-1, 15:].min() == 255


def test_a_region_beside_the_picture_is_told_in_pixels_of_the_file(videos):
    wrong = dataclasses.replace(videos[0], roi=(70, 0, 20, 10))
    message = load_item(wrong, FrameSpec(SIZE, FPS, "roi"))
    assert "70,0,20,10 extends beyond the image of 80×60" in message


def test_the_command_prints_counts_beside_the_papers(videos, tmp_path):
    manifest = tmp_path / "data" / "m.csv"
    write_manifest(videos, manifest)
    command = ["data", "tile", str(manifest), "--out", str(tmp_path / "out"), "--tile", "30", "20"]
    command += ["--fps", "4", "--size", "48x64", "--seconds", "0.5"]
    done = CliRunner().invoke(main, command, env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    rows = [line.strip("│ ").split("│") for line in done.output.splitlines() if line[:1] == "│"]
    cells = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    assert cells["all_30x30"] == ["3", "2", "1", "7774", "5435", "2339"]
    assert cells["2_20x20"] == ["6", "4", "2", "–", "–", "–"]
    with (tmp_path / "out" / "all_20x20" / "manifest.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 6


def test_the_impossible_total_of_the_paper_is_corrected():
    counts = tiling.published_counts()
    assert counts["2_90x90"] == {"present": 230, "absent": 96, "total": 326}
    assert all(row["present"] + row["absent"] == row["total"] for row in counts.values())


def test_one_video_is_cut_with_the_region_that_is_given(videos, tmp_path):
    command = ["data", "tile", videos[0].video, "--out", str(tmp_path / "out"), "--tile", "20"]
    command += ["--fps", "4", "--size", "48x64", "--seconds", "0.5"]
    without = CliRunner().invoke(main, command)
    assert without.exit_code == 3
    assert "no region of interest" in without.output
    done = CliRunner().invoke(main, [*command, "--roi", "20,8,44,50"])
    assert done.exit_code == 0, done.output
    assert "8 tiles are from videos without a label" in done.output
    assert "must be x,y,w,h" in CliRunner().invoke(main, [*command, "--roi", "1,2,3"]).output
    assert "HEIGHTxWIDTH" in CliRunner().invoke(main, [*command, "--size", "480"]).output
