"""What several test modules share: a cache of their own, a quiet TensorFlow, small videos."""

import os
import shlex
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from lus_keras.core.environment import computes_in_bfloat16, prefer_onednn
from lus_keras.core.errors import DataError
from lus_keras.data import datasets
from lus_keras.data.manifest import SIGNS, Video, write_manifest
from lus_keras.data.video import write_video

# Test modules may import Keras before `start_tensorflow` does.
prefer_onednn()

# A shell's background jobs ignore interrupts, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Files that take minutes, the longest first: begun last, they would keep one process busy alone.
LONGEST = (
    *("test_committed_runs", "test_cli", "test_notebooks", "test_studies", "test_documentation"),
    *("test_kill_matrix", "test_training", "test_models_resnet3d", "test_models_bline"),
    "test_cluster",
)


def pytest_collection_modifyitems(items):
    """Begins with the longest files; the others keep their order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory):
    """Folder that stands for the user's cache, which no test may touch."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LUS_KERAS_CACHE", str(folder))
        patch.setenv("LUS_KERAS_WEIGHTS", str(folder / "weights"))
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
    from lus_keras.core.environment import start_tensorflow

    start_tensorflow()
    import tensorflow

    return tensorflow


@pytest.fixture
def bfloat16(tensorflow):
    """Networks built in this test compute in bfloat16, whose rounding this gives.

    A value is known to 2⁻⁸ where the processor multiplies in bfloat16 and sums in float32.
    Elsewhere TensorFlow falls back to kernels that round partial sums as well: two bits less. It is
    asked for there only by hand, as `fit.precision: auto` is float32.
    """
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield 2**-8 if computes_in_bfloat16() else 2**-6
    keras.config.set_dtype_policy(before)


@pytest.fixture
def no_pictures(monkeypatch):
    """Reports whose figures are not rendered, which takes most of their time."""
    monkeypatch.setattr("lus_keras.evaluation.report.write.png_bytes", lambda _: b"no picture")


@pytest.fixture
def make_videos(tmp_path):
    """Function that writes lossless videos of 24×32 pixels; frame f of video v is 10 v + f gray."""

    def write(count, frames=6, fps=30.0, **labels):
        videos = []
        for number in range(count):
            path = tmp_path / "videos" / f"v{number:02d}.avi"
            gray = (10 * number + np.arange(frames)).astype(np.uint8)
            pixels = np.broadcast_to(gray[:, None, None], (frames, 24, 32))
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


def train_on_files(folder, target, model, columns, settings, frames=20):
    """Two patients a class and more: noisy videos, a bright bar in those of a higher class.

    Args:
        folder: Where videos, manifest and run are written.
        target: `paper/target`.
        model: The network to train, at preset smoke.
        columns: Labels of each video, as columns of its manifest row.
        settings: What to change of the configuration.
        frames: Of a video, or of each.
    """
    from rich.console import Console

    from lus_keras.core.environment import start_tensorflow
    from lus_keras.core.progress import Reporter
    from lus_keras.experiments.reproduce import Request, reproduce

    start_tensorflow()
    rng, videos = np.random.default_rng(0), []
    counts = [frames] * len(columns) if isinstance(frames, int) else frames
    for number, (labels, count) in enumerate(zip(columns, counts, strict=True)):
        pixels = np.zeros((count, 48, 64), np.uint8)
        pixels[:, 6:42, 8:56] = rng.integers(40, 120, (count, 36, 48))
        level = max(int(value) for value in labels.values() if not isinstance(value, str))
        if level:
            pixels[:, 20:40, 26 : min(26 + 12 * level, 56)] = 230
        path = folder / f"v{number}.avi"
        write_video(path, pixels, 25, codec="rawvideo")
        videos.append(Video(str(path), f"p{number // 2}", f"v{number}", **labels))
    write_manifest(videos, folder / "manifest.csv")
    words = ["lus-keras", "reproduce", target, "--data", str(folder / "manifest.csv")]
    words += ["--preset", "smoke", "--model", model, *(f"--set={text}" for text in settings)]
    request = Request(
        (target,),
        command=shlex.join(words),
        data=str(folder / "manifest.csv"),
        preset="smoke",
        models=(model,),
        overrides=settings,
        out=folder / "run",
    )
    with Path(os.devnull).open("w") as log:
        assert reproduce(request, Reporter(Console(file=log))).exit_code == 0
    return Trained(folder / "run", folder / "manifest.csv", videos)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Two folds of the B-line network on eight noisy videos, every other with a bright column."""
    settings = ("clip.frames=4", "clip.stride=3", "clip.size=[16, 16]", "model.dense_units=6")
    return train_on_files(
        tmp_path_factory.mktemp("trained"),
        "bline/table1",
        "c2d_lstm_a",
        [{"b_lines": number % 2} for number in range(8)],
        (*settings, "fit.epochs=4", "fit.learning_rate=0.02", "model.filters=[3, 4]"),
    )


def train_severity(folder, padding):
    settings = ("clip.fps=10", "clip.frames=6", "clip.size=[64, 64]", "model.lstm_units=2")
    return train_on_files(
        folder,
        "severity/figure8",
        "alexnet_attention_bilstm",
        [{"severity": number % 4} for number in range(8)],
        (
            *(*settings, "model.filters=[2, 2, 2, 2, 3]", "model.attention_filters=[2, 2]"),
            *(f"clip.padding={padding}", "fit.batch_size=1"),
        ),
        frames=[10, 20, 8, 12, 10, 20, 8, 12],
    )


@pytest.fixture(scope="session")
def trained_severity(tmp_path_factory):
    """The severity network on whole videos, some shorter than a clip, padded with 0."""
    return train_severity(tmp_path_factory.mktemp("severity"), "zero")


@pytest.fixture(scope="session")
def trained_padded(tmp_path_factory):
    """The same, padded with the last frame."""
    return train_severity(tmp_path_factory.mktemp("padded"), "last")


@contextmanager
def one_block_a_stage():
    """ResNet152 with one block in each stage, which no setting can make of it."""
    from lus_keras.models import resnet152

    shallow = partial(resnet152.build_resnet152, blocks=(1, 1, 1, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(resnet152.MODELS, "resnet152", shallow)
        yield


@pytest.fixture(scope="module")
def shallow_resnet152():
    """The tests of a module train a shallow ResNet152."""
    with one_block_a_stage():
        yield


@pytest.fixture(scope="session")
def trained_signs(tmp_path_factory):
    """The network of single frames, a shallow one, on videos of four signs."""
    settings = ("clip.size=[32, 32]", "model.width=8", "fit.precision=float32", "fit.epochs=3")
    labels = [{"sign": SIGNS[number % 4], "b_lines": number % 2} for number in range(8)]
    with one_block_a_stage():
        folder = tmp_path_factory.mktemp("signs")
        return train_on_files(folder, "signs/table1", "resnet152", labels, settings)
