"""Numbered pictures come in the order in which they were taken, or the user is asked."""

import tracemalloc

import cv2
import numpy as np
import pytest

from lus_keras.core.errors import VideoError
from lus_keras.data import video
from lus_keras.data.importers.frame_folders import import_frame_folders
from lus_keras.data.video.picture_order import Ambiguous, read_order


def order(*stems):
    reading = read_order([f"{stem}.png" for stem in stems])
    return [stems[place] for place in reading.order], reading.is_time


@pytest.mark.parametrize(
    "stems",
    [
        ("frame8_1", "frame9_0", "frame10_7"),
        ("frame1_0.931", "frame2_0.112", "frame3_0.5", "frame4_0.71"),
        ("frame_9_512x512", "frame_10_512x512", "frame_11_512x512"),
        ("z1_2", "z1_4", "z1_10", "z1_11"),
        ("1.8", "1.9", "1.10"),
        ("frame1", "frame2_512x512", "frame3_512x512"),
        ("5", "10", "15", "20"),
        ("235958", "235959", "000000", "000001"),  # even steps of time
        ("000000", "080000", "160000", "240000"),  # and of numbers
    ],
)
def test_the_number_that_makes_a_run_counts(stems):
    assert order(*stems[::-1]) == (list(stems), False)


@pytest.mark.parametrize(
    "stems",
    [
        ("1609459200.9", "1609459200.966667", "1609459201.0", "1609459201.033333"),
        ("1403636579963555584", "1403636580013555456", "1403636580063555584"),
        ("1609459200966", "1609459201000", "1609459201033"),
        ("20210101_120000_966", "20210101_120001_000", "20210101_120001_033"),
        ("2021-01-01T11:59:59.966667", "2021-01-01T12:00:00", "2021-01-01T12:00:00.033333"),
        ("12-00-59-966", "12-01-00-000", "12-01-00-033"),
        ("img_0.967", "img_1.000", "img_1.033"),
        # Day first, across midnight, the end of a month and of a year.
        ("31-12-2020_23-59-58", "31-12-2020_23-59-59", "01-01-2021_00-00-00"),
        ("31012021_235959", "01022021_000000", "01022021_000001"),
        ("img_31.01.2021 23.59.59.966", "img_01.02.2021 00.00.00.000"),
        ("01-02-2021_23-59-59-900", "02-02-2021_00-00-00-000", "02-02-2021_00-00-00-100"),
        # Month first, as only that makes a date, or a video, of both.
        ("12-31-2020_23-59-59", "01-01-2021_00-00-00"),
        ("02-28-2021_23-59-59", "03-01-2021_00-00-00"),
        ("09-01-2021_12-00-00", "09-01-2021_12-00-01"),
        # Years of two digits, last and first.
        ("scan_311220_235959", "scan_010121_000000", "scan_010121_000001"),
        ("201231_235959", "210101_000000", "210101_000001"),
        # No date at all: a gap of half a day is midnight.
        ("23-59-59-900", "23-59-59-966", "00-00-00-033"),
        ("31Jan 23-59-59-966", "1Feb 00-00-00-000", "1Feb 00-00-00-033"),
    ],
)
def test_times_are_ordered_by_the_whole_stamp(stems):
    assert order(*stems[::-1]) == (list(stems), True)


@pytest.mark.parametrize(
    ("stems", "readings"),
    [
        (
            ("frame1_3", "frame2_1", "frame3_2"),
            ("frame1_3.png, frame2_1", "frame2_1.png, frame3_2"),
        ),
        (
            ("12-01-2021_12-00-00", "01-02-2021_12-00-00"),
            ("by the time, day first 12-01", "by the time, month first 01-02"),
        ),
        (
            ("235958", "235959", "000000", "000002"),
            ("by the time of day 235958.png", "by the last number 000000.png"),
        ),
        (("vol1_3", "vol2_1", "vol2_9"), ("vol1_3.png, vol2_1", "vol2_1.png, vol1_3")),
    ],
)
def test_where_two_orders_could_be_both_are_shown(stems, readings):
    with pytest.raises(Ambiguous, match="the order is ambiguous") as caught:
        order(*stems)
    assert all(reading in str(caught.value) for reading in readings)


def test_times_across_midnight_are_a_second_apart():
    for names in (
        ("31-12-2020_23-59-59.png", "01-01-2021_00-00-00.png"),
        ("311220_235959.png", "010121_000000.png"),
        ("23-59-59-000.png", "00-00-00-000.png"),
    ):
        first, second = read_order(names).values
        assert second - first == 1


def write(folder, names):
    folder.mkdir(parents=True)
    for value, name in enumerate(names):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((24, 32), 10 * value, np.uint8))
    return folder


def test_two_orders_are_an_error_of_the_folder(tmp_path):
    write(tmp_path / "v", ["frame1_3", "frame2_1", "frame3_2"])
    with pytest.raises(VideoError, match=r"v: the order is ambiguous.*Rename the files"):
        video.picture_paths(tmp_path / "v")


def test_times_and_rate_come_from_the_stamps(tmp_path):
    stamps = ["1609459200.900", "1609459200.966", "1609459201.033", "1609459201.100"]
    write(tmp_path / "in" / "p1" / "e1" / "z1", stamps)
    done = import_frame_folders(tmp_path / "in", tmp_path / "in" / "m.csv", fps=None)
    (row,) = done.videos
    assert row.fps == pytest.approx(15, abs=0.01)
    decoded = video.read_video(row.video, picture_fps=row.fps)
    np.testing.assert_allclose(decoded.times_s, [0, 0.066, 0.133, 0.2], atol=1e-9)
    assert [int(frame.mean()) for frame in decoded.frames] == [0, 10, 20, 30]
    done = import_frame_folders(tmp_path / "in", tmp_path / "in" / "m.csv", fps=30)
    assert done.videos[0].fps == pytest.approx(15, abs=0.01)
    assert any("names state times, 15 images per second, and --fps 30" in n for n in done.notes)
    # A rate that was entered by hand replaces the stamps.
    np.testing.assert_allclose(
        video.read_video(row.video, picture_fps=30).times_s, np.arange(4) / 30
    )


def test_memory_grows_with_the_number_of_files_alone(tmp_path):
    folder = write(tmp_path / "in" / "p1" / "e1" / "z1", [10**18 * 7, 10**18 * 8, 10**18 * 9 + 1])
    tracemalloc.start()
    done = import_frame_folders(tmp_path / "in", tmp_path / "in" / "m.csv", fps=20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
    assert any("1999999999999999999 numbers are missing" in note for note in done.notes)
    assert len(video.picture_paths(folder)) == 3


def test_names_without_a_time_need_a_rate(tmp_path):
    from lus_keras.core.errors import DataError

    write(tmp_path / "in" / "p1" / "e1" / "z1", ["1", "2"])
    with pytest.raises(DataError, match=r"its file names state no times\. Give --fps"):
        import_frame_folders(tmp_path / "in", tmp_path / "in" / "m.csv", fps=None)
