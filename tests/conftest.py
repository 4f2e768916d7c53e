"""What several test modules share: a cache of their own, a quiet TensorFlow, small videos."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lus_keras import datasets
from lus_keras.errors import DataError
from lus_keras.manifest import Video, write_manifest
from lus_keras.video import write_video

# A shell's background jobs ignore interrupts, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture(scope="session")
def load_public():
    """Function that loads a public data set by name, or skips the test and says what it skips."""

    def load(name):
        root = os.environ.get("LUS_KERAS_DATA")
        if not root:
            pytest.skip(f"LUS_KERAS_DATA is not set: the public data set {name} is NOT tested")
        try:
            return datasets.load(name, root=root)
        except DataError as error:
            pytest.skip(f"the public data set {name} is NOT tested: {error}")

    return load


@dataclass(frozen=True)
class Trained:
    """A small run on videos of files, and where these and their manifest are."""

    run: Path
    manifest: Path
    videos: list[Video]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Two folds of the B-line network on eight noisy videos, every other with a bright column."""
    from rich.console import Console

    from lus_keras.environment import start_tensorflow
    from lus_keras.progress import Reporter
    from lus_keras.reproduce import Request, reproduce

    start_tensorflow()
    folder = tmp_path_factory.mktemp("trained")
    rng, videos = np.random.default_rng(0), []
    for number in range(8):
        frames = np.zeros((20, 48, 64), np.uint8)
        frames[:, 6:42, 8:56] = rng.integers(40, 120, (20, 36, 48))
        if number % 2:
            frames[:, 20:40, 26:38] = 230
        path = folder / f"v{number}.avi"
        write_video(path, frames, 25, codec="rawvideo")
        videos.append(Video(str(path), f"p{number // 2}", f"v{number}", b_lines=number % 2))
    write_manifest(videos, folder / "manifest.csv")
    settings = ("clip.frames=4", "clip.stride=3", "clip.size=[16, 16]", "model.dense_units=6")
    request = Request(
        ("bline/table1",),
        data=str(folder / "manifest.csv"),
        preset="smoke",
        models=("c2d_lstm_a",),
        overrides=(*settings, "fit.epochs=4", "fit.learning_rate=0.02", "model.filters=[3, 4]"),
        out=folder / "run",
    )
    with Path(os.devnull).open("w") as log:
        assert reproduce(request, Reporter(Console(file=log))).exit_code == 0
    return Trained(folder / "run", folder / "manifest.csv", videos)
