"""What several test modules share: a cache of their own, a quiet TensorFlow, small videos."""

import numpy as np
import pytest

from lus_keras.manifest import Video
from lus_keras.video import write_video


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory):
    """Folder that stands for the user's cache, which no test may touch."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUS_KERAS_CACHE", str(folder))
        yield folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder of this test."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("LUS_KERAS_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def tensorflow():
    """TensorFlow, started without its notices; only for tests that need it."""
    from lus_keras.environment import start_tensorflow

    start_tensorflow()
    import tensorflow

    return tensorflow


@pytest.fixture
def make_videos(tmp_path):
    """Function that writes lossless videos of 24×32 pixels; frame f of video v is 10 v + f grey."""

    def write(count, frames=6, fps=30.0, **labels):
        videos = []
        for number in range(count):
            path = tmp_path / "videos" / f"v{number:02d}.avi"
            grey = (10 * number + np.arange(frames)).astype(np.uint8)
            pixels = np.broadcast_to(grey[:, None, None], (frames, 24, 32))
            write_video(path, np.ascontiguousarray(pixels), fps, codec="rawvideo")
            names = {"video_id": f"v{number:02d}", "patient_id": f"p{number // 2}"}
            videos.append(Video(video=str(path), **names, **labels))
        return videos

    return write
