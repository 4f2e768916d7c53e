"""Tiles, whole videos and single frames, counted by hand and against a plain description."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.core.config import ClipConfig
from lus_keras.data.cache import FrameStore
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.clips import index_clips, spaced_frames, tiles
from lus_keras.data.manifest import Video

QUICK = settings(deadline=None, max_examples=100, derandomize=True)
TILES = ClipConfig(unit="tile", fps=30.0, frames=2, stride=2, size=(4, 6), tile=(2, 3), crop="roi")


def test_tiles_lie_on_a_grid_from_the_upper_left_and_partial_ones_are_dropped():
    """7×10 pixels hold 3 rows of 2 and 3 columns of 3; the last row and column are left over."""
    corners = list(tiles((7, 10), (2, 3), (2, 3)))
    assert corners == [(y, x) for y in (0, 2, 4) for x in (0, 3, 6)]
    assert list(tiles((7, 10), (2, 3), (2, 3), rows=2)) == corners[:6]
    assert list(tiles((1, 10), (2, 3), (2, 3))) == []


@QUICK
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_tiles_cover_each_pixel_once_at_most_and_none_more_would_fit(size, tile):
    seen = np.zeros(size, int)
    for y, x in tiles(size, tile, tile):
        part = seen[y : y + tile[0], x : x + tile[1]]
        assert part.shape == tile
        part += 1
    assert seen.max(initial=0) <= 1
    assert seen.sum() == (size[0] // tile[0]) * (size[1] // tile[1]) * tile[0] * tile[1]


def test_frames_are_the_middles_of_equal_parts():
    """Of 12 frames in 3 parts of 4 the middles are 2, 6, 10; 2 frames cannot give 3."""
    assert spaced_frames(12, 3) == [2, 6, 10]
    assert spaced_frames(5, 1) == [2]
    assert spaced_frames(2, 3) == [0, 1]
    assert spaced_frames(0, 3) == []


@QUICK
@given(st.integers(1, 300), st.integers(1, 40))
def test_spaced_frames_are_as_many_as_asked_for_and_inside(count, number):
    frames = spaced_frames(count, number)
    assert frames == sorted(set(frames))
    assert len(frames) == min(count, number)
    assert frames[0] >= 0
    assert frames[-1] < count


@pytest.fixture
def make_source(tmp_path):
    """Videos of given sizes; every pixel of a video is a number of its own, modulo 251."""

    def make(clip, counts, sizes, **labels):
        frames = [
            (np.arange(count * h * w) % 251).astype(np.uint8)
            for count, (h, w) in zip(counts, sizes, strict=True)
        ]
        (tmp_path / "frames.u8").write_bytes(b"".join(array.tobytes() for array in frames))
        videos = tuple(Video("", f"p{i}", f"v{i}", **labels) for i in range(len(counts)))
        store = FrameStore(tmp_path, videos, tuple(counts), tuple(sizes), 1, "key")
        index = index_clips(videos, counts, sizes, clip, next(iter(labels)))
        shaped = [
            array.reshape(count, *size)
            for array, count, size in zip(frames, counts, sizes, strict=True)
        ]
        return ClipSource((store,), index, clip), shaped

    return make


def test_a_tile_holds_the_pixels_of_its_place_in_a_region_of_any_size(make_source):
    """5 frames give two windows; 4×6 and 5×3 pixels four and two tiles."""
    source, frames = make_source(TILES, [5, 2], [(4, 6), (5, 3)], sliding=1)
    assert len(source.index) == 2 * 4 + 2
    assert list(source.index.clip_id[[0, 3, 4, 9]]) == [
        "v0@0000+000+000",
        "v0@0000+002+003",
        "v0@0002+000+000",
        "v1@0000+002+000",
    ]
    clips = source.read(np.arange(10))
    assert clips.shape == (10, 2, 2, 3, 1)
    np.testing.assert_array_equal(clips[7, ..., 0], frames[0][2:4, 2:4, 3:6])
    np.testing.assert_array_equal(clips[9, ..., 0], frames[1][0:2, 2:4, 0:3])
    mirrored = source.read([9], [True])
    np.testing.assert_array_equal(mirrored, clips[9:, :, :, ::-1])


def test_a_whole_video_is_padded_behind_its_last_frame(make_source):
    clip = ClipConfig(unit="video", fps=None, frames=4, size=(2, 3))
    source, frames = make_source(clip, [3, 6], [(2, 3)] * 2, severity=2)
    assert list(source.index.clip_id) == ["v0", "v1"]
    assert list(source.index.length) == [3, 4]
    clips = source.read([0, 1])[..., 0]
    np.testing.assert_array_equal(clips[0, :3], frames[0])
    assert (clips[0, 3] == 0).all()
    np.testing.assert_array_equal(clips[1], frames[1][:4])


def test_videos_of_two_stores_are_counted_on(make_source, tmp_path):
    """Clips of the second store are read from it, not from the first."""
    source, frames = make_source(TILES, [2, 2], [(2, 3), (2, 3)], sliding=0)
    (store,) = source.stores
    first = dataclasses.replace(store, videos=store.videos[:1], counts=(2,), sizes=((2, 3),))
    both = dataclasses.replace(source, stores=(first, store))
    index = dataclasses.replace(source.index, video=np.array([1, 2]))
    both = dataclasses.replace(both, index=index)
    np.testing.assert_array_equal(both.read([0, 1])[..., 0], np.stack([frames[0], frames[1]]))


def test_padding_is_zero_after_normalization_and_gray_becomes_three_channels(make_source):
    """ImageNet's mean color is 0 after normalization: that is what padded frames look like."""
    from lus_keras.core.environment import start_tensorflow

    start_tensorflow()
    from lus_keras.data.pipeline import IMAGENET_MEAN, IMAGENET_SD, make_batches

    clip = ClipConfig(unit="video", fps=None, frames=4, size=(2, 3), channels=3, scaling="imagenet")
    source, frames = make_source(clip, [3], [(2, 3)], severity=2)
    ((values, labels),) = make_batches(source, np.array([0]), np.array([False]), 2)
    values = np.asarray(values)
    assert values.shape == (1, 4, 2, 3, 3)
    assert (values[0, 3] == 0).all()
    expected = (frames[0][..., None] / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_SD)
    np.testing.assert_allclose(values[0, :3], expected, atol=1e-6)
    assert list(labels) == [2]


def test_a_single_frame_has_no_time_axis(make_source):
    from lus_keras.core.environment import start_tensorflow

    start_tensorflow()
    from lus_keras.data.pipeline import make_batches

    clip = ClipConfig(unit="frame", fps=None, frames=1, per_video=2, size=(2, 3))
    source, frames = make_source(clip, [4], [(2, 3)], severity=1)
    ((values, _),) = make_batches(source, np.arange(2), np.zeros(2, bool), 2)
    np.testing.assert_allclose(np.asarray(values)[..., 0], frames[0][[1, 3]] / 255, atol=1e-6)
