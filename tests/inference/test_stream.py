"""Clips of a video as it is decoded: those of training, and never the whole video in memory."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from lus_keras.core.config import ClipConfig
from lus_keras.core.errors import VideoError
from lus_keras.data.cache import FrameSpec, open_store
from lus_keras.data.cache.stream import Found
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.clips import index_clips
from lus_keras.data.manifest import Video
from lus_keras.data.video import (
    count_resampled,
    iter_resampled,
    read_video,
    resample_indices,
    write_video,
)
from lus_keras.inference.predict.stream import stream_clips

CLIPS = {
    "windows": {"frames": 5, "stride": 3, "size": [16, 20]},
    "windows apart": {"frames": 3, "stride": 7, "size": [16, 20], "crop": "none"},
    "own frame rate": {"fps": None, "frames": 5, "stride": 5, "size": [16, 20], "crop": "none"},
    "tiles": {
        **{"unit": "tile", "frames": 4, "stride": 4, "size": [60, 80], "tile": [8, 6]},
        **{"tile_rows": 2, "crop": "roi", "channels": 3},
    },
    "a padded video": {"unit": "video", "frames": 90, "size": [16, 20], "channels": 3},
    "a video cut off": {"unit": "video", "frames": 9, "size": [16, 20]},
    "color frames": {
        **{"unit": "frame", "frames": 1, "per_video": 3, "size": [16, 20]},
        **{"channels": 3, "colour": True, "scaling": "imagenet"},
    },
}


@pytest.fixture
def video(tmp_path):
    """A second and a half of noise inside a black border; no two frames are alike."""
    frames = np.zeros((38, 48, 64), np.uint8)
    frames[:, 4:44, 6:60] = np.random.default_rng(0).integers(20, 255, (38, 40, 54))
    write_video(tmp_path / "v.avi", frames, 25, codec="rawvideo")
    return Video(str(tmp_path / "v.avi"), "p", "v", sliding=1, roi=(10, 8, 30, 20))


@pytest.mark.parametrize("kind", CLIPS)
def test_streamed_clips_are_those_that_training_reads_from_its_store(video, cache, kind):
    clip = ClipConfig.model_validate({"fps": 12.5, **CLIPS[kind]})
    store = open_store([video], FrameSpec.of(clip))
    index = index_clips(store.videos, store.counts, store.sizes, clip, "sliding")
    expected = ClipSource((store,), index, clip).read(np.arange(len(index)))
    pieces = list(stream_clips(video, clip))
    assert [f"v{piece.cut.suffix}" for piece in pieces] == index.clip_id.tolist()
    assert [piece.cut.length for piece in pieces] == index.length.tolist()
    np.testing.assert_array_equal([piece.pixels for piece in pieces], expected)


@pytest.mark.parametrize("kind", CLIPS)
def test_a_damaged_video_gives_no_last_clip_unless_it_is_asked_for(video, kind):
    """Whatever part of it clips need: the file ends in a frame that is half there."""
    clip = ClipConfig.model_validate({"fps": 12.5, **CLIPS[kind]})
    path = Path(video.video)
    whole = list(stream_clips(video, clip))
    path.write_bytes(path.read_bytes()[:-9000])
    with pytest.raises(VideoError, match=r"v\.avi: the file is cut short: 3\d of 38 frames"):
        list(stream_clips(video, clip))
    found = Found()
    pieces = list(stream_clips(video, clip, damaged=True, found=found))
    assert found.lost and found.lost[0].startswith("the file is cut short")
    assert found.frames == count_resampled(path, fps=clip.fps)
    assert 0 < len(pieces) <= len(whole)
    np.testing.assert_array_equal(pieces[0].pixels[0], whole[0].pixels[0])


@pytest.mark.parametrize("fps", [None, 0.4, 3.0, 7.5, 24.0, 25.0, 30.0, 61.0])
def test_frames_one_by_one_are_those_chosen_by_time_stamp(tmp_path, fps):
    """Uneven times; at 0.4 fps the end of the file is nearer than the first output's middle."""
    times_s = np.cumsum([0, 0.02, 0.1, 0.02, 0.3, 0.04, 0.04, 0.5, 0.02])
    frames = np.repeat(np.arange(9, dtype=np.uint8)[:, None] * 20, 32 * 32, 1).reshape(9, 32, 32)
    write_video(tmp_path / "v.mkv", frames, 25, "ffv1", times_s=times_s)
    decoded = read_video(tmp_path / "v.mkv")
    expected = np.arange(9)
    if fps:
        expected = resample_indices(decoded.times_s, fps, duration_s=decoded.duration_s)
    streamed = np.stack(list(iter_resampled(tmp_path / "v.mkv", fps=fps)))
    np.testing.assert_array_equal(streamed, frames[expected])
    assert count_resampled(tmp_path / "v.mkv", fps=fps) == len(expected)


def test_memory_does_not_grow_with_the_video(tmp_path):
    """Frames of 3 kB: 600 more would take 1.8 MB if they were held."""
    clip = ClipConfig(fps=25.0, frames=5, stride=5, size=(48, 64), crop="none")
    peaks = []
    for count in (100, 700):
        path = tmp_path / f"{count}.avi"
        blank = np.zeros((48, 64), np.uint8)
        write_video(path, (blank for _ in range(count)), 25, codec="rawvideo")
        tracemalloc.start()
        assert sum(1 for _ in stream_clips(Video(str(path), "p", "v"), clip)) == count // 5
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000


def test_a_longer_video_than_training_takes_can_be_streamed(tmp_path, monkeypatch):
    monkeypatch.setattr("lus_keras.data.video.decode.MAX_FRAMES", 30)
    path = tmp_path / "long.avi"
    write_video(path, np.zeros((40, 16, 16), np.uint8), 25, codec="rawvideo")
    assert len(list(iter_resampled(path, fps=25))) == 40
    with pytest.raises(VideoError, match="more than 35 frames"):
        list(iter_resampled(path, fps=25, most=35))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": 50}, "too short: a clip needs 50 frames at 12.5 fps of 16×20.*Received 19"),
        ({**CLIPS["tiles"], "tile": [59, 79]}, "too small: .* of 59×79 .* region of 25×38"),
        ({**CLIPS["tiles"], "crop": "roi"}, "no region of interest"),
    ],
)
def test_what_gives_no_clip_is_refused_with_what_a_clip_needs(video, changes, message):
    clip = ClipConfig.model_validate({"fps": 12.5, **CLIPS["windows"], **changes})
    row = Video(video.video, "p", "v") if "region of interest" in message else video
    with pytest.raises(VideoError, match=message):
        list(stream_clips(row, clip))
