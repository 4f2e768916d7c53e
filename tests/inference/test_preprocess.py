"""preprocess.py of an export: our own reading, without this package."""

import json
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from lus_keras.core.config import ClipConfig
from lus_keras.data.manifest import Video
from lus_keras.data.video import write_video
from lus_keras.inference.export import preprocess
from lus_keras.inference.predict.stream import stream_clips

RUN = """
import sys, runpy
sys.modules["lus_keras"] = sys.modules["av"] = None
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


def write(path, fps, frames, codec="rawvideo"):
    """A bright moving sector with a scale beside it, apart from it, on black."""
    rng = np.random.default_rng(0)
    pixels = np.zeros((frames, 120, 160), np.uint8)
    pixels[:, 10:110, 30:130] = rng.integers(40, 200, (frames, 100, 100))
    pixels[:, 20:60, 140:146] = 255
    pixels = np.stack([cv2.GaussianBlur(frame, (7, 7), 2) for frame in pixels])
    write_video(path, pixels, fps, codec=codec)


def clip(**changes):
    said = {"fps": 30.0, "frames": 10, "stride": 8, "size": (32, 48), **changes}
    return ClipConfig.model_validate(said)


def ours(video, settings, cropped=False):
    return np.stack([piece.pixels for piece in stream_clips(video, settings, cropped=cropped)])


def theirs(folder, video, settings, cropped=False):
    """Output of the script in a process that has neither this package nor PyAV."""
    description = SimpleNamespace(cropped=cropped)
    said = preprocess.preprocessing(SimpleNamespace(clip=settings, description=description))
    (folder / "contract.json").write_text(json.dumps({"preprocessing": said}))
    (folder / "preprocess.py").write_text(preprocess.source())
    roi = [",".join(map(str, video.roi))] if video.roi else []
    words = [str(folder / "preprocess.py"), video.video, str(folder / "clips.npy"), *roi]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN, *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return np.load(folder / "clips.npy")


@pytest.mark.parametrize("fps", [25, 50])
@pytest.mark.parametrize("crop", ["sector", "none"])
def test_clips_are_those_of_our_own_reading(tmp_path, fps, crop):
    """Of a lossless gray file, at 25 and 50 frames per second, with its scale and without."""
    write(tmp_path / "v.avi", fps, 2 * fps)
    video = Video(str(tmp_path / "v.avi"), "p", "v")
    settings = clip(crop=crop)
    expected = ours(video, settings)
    found = theirs(tmp_path, video, settings)
    assert expected.shape == (7, 10, 32, 48, 1)
    np.testing.assert_array_equal(found, expected)


def test_a_compressed_video_differs_by_rounding_of_colors_alone(tmp_path):
    """OpenCV decodes to BGR and back, PyAV to gray: two levels."""
    write(tmp_path / "v.mp4", 25, 30, codec="mpeg4")
    video = Video(str(tmp_path / "v.mp4"), "p", "v")
    found = theirs(tmp_path, video, clip()).astype(int)
    assert np.abs(found - ours(video, clip())).max() <= 2


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": "tile", "tile": (8, 8), "crop": "roi", "channels": 3, "size": (120, 160)},
        {"unit": "video", "frames": 100, "channels": 3, "mask": True},
        {"unit": "frame", "frames": 1, "fps": None, "per_video": 3},
        {"frames": 90, "short": "pad", "padding": "last"},
    ],
)
def test_every_kind_of_clip_is_cut_alike(tmp_path, changes):
    write(tmp_path / "v.avi", 25, 40)
    roi = (40, 30, 30, 20) if changes.get("crop") == "roi" else None
    video = Video(str(tmp_path / "v.avi"), "p", "v", roi=roi)
    settings = clip(**changes)
    expected, found = ours(video, settings), theirs(tmp_path, video, settings)
    # The graph pads whole videos itself.
    np.testing.assert_array_equal(found, expected[:, : found.shape[1]])
    assert found.shape[1] == (48 if changes.get("unit") == "video" else settings.frames)


def test_videos_that_were_cropped_by_their_source_are_not_cropped_again(tmp_path):
    write(tmp_path / "v.avi", 25, 25)
    video = Video(str(tmp_path / "v.avi"), "p", "v")
    found = theirs(tmp_path, video, clip(), cropped=True)
    np.testing.assert_array_equal(found, ours(video, clip(), cropped=True))
    assert (found != theirs(tmp_path, video, clip())).any()


@pytest.mark.parametrize("size", [(32, 48), (60, 200), (150, 180)])
@pytest.mark.parametrize("channels", [1, 3])
def test_antialiasing_is_pillows_within_a_level(tmp_path, size, channels):
    """Smaller, larger, and one side of each."""
    write(tmp_path / "v.avi", 25, 25)
    video = Video(str(tmp_path / "v.avi"), "p", "v")
    settings = clip(resize="bilinear", size=size, channels=channels, colour=channels == 3)
    expected = ours(video, settings)
    found = theirs(tmp_path, video, settings)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert (theirs(tmp_path, video, clip(size=size)) != found[..., :1]).any()
