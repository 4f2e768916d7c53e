"""Norms of gradients by layer: what is logged is what the optimizer was given."""

import csv
import json

import numpy as np
import pytest

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras import papers  # noqa: E402
from lus_keras.core import config  # noqa: E402
from lus_keras.core.errors import DivergedError  # noqa: E402
from lus_keras.data.cache import FrameStore  # noqa: E402
from lus_keras.data.clip_source import ClipSource  # noqa: E402
from lus_keras.data.clips import index_clips  # noqa: E402
from lus_keras.data.manifest import Video  # noqa: E402
from lus_keras.data.splits import Fold  # noqa: E402
from lus_keras.experiments.training.fold import FoldJob, train_fold  # noqa: E402
from lus_keras.experiments.training.gradients import GradientLog, logging  # noqa: E402
from lus_keras.experiments.training.marks import is_done  # noqa: E402
from lus_keras.experiments.training.network import Network  # noqa: E402
from lus_keras.optimizers import CoupledSGD  # noqa: E402

NETWORK = "alexnet_attention_bilstm"
SETTINGS = (
    *("clip.frames=3", "clip.size=[64, 64]", "clip.fps=1.0", "fit.epochs=2", "fit.batch_size=2"),
    *("model.filters=[2, 2, 2, 2, 3]", "model.attention_filters=[2, 2]", "model.lstm_units=2"),
)


def line(optimizer):
    """y = w·x + b from w = 2 and b = 1: at x = 3 and y = 10 the gradients are -18 and -6."""
    x = keras.Input((1,))
    model = keras.Model(x, keras.layers.Dense(1, name="line")(x))
    model.compile(optimizer, "mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    model.get_layer("line").set_weights([np.array([[2.0]]), np.array([1.0])])
    return model


@pytest.mark.parametrize("optimizer", [CoupledSGD, keras.optimizers.Adam])
def test_norm_of_a_layer_is_that_of_all_its_weights(tmp_path, optimizer):
    """√(18² + 6²)."""
    model = line(logging(optimizer)(0.1))
    log = GradientLog(tmp_path / "gradients.csv", 0)
    model.fit(np.array([[3.0]]), np.array([[10.0]]), verbose=0, callbacks=[log])
    with (tmp_path / "gradients.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert list(row) == ["epoch", "batch", "loss", "line"]
    assert (row["epoch"], row["batch"]) == ("1", "1")
    assert float(row["line"]) == pytest.approx(np.hypot(18, 6), rel=1e-5)
    assert float(row["loss"]) == pytest.approx(9)


def test_logging_and_clipping_do_not_meddle():
    """Clipped to norm 1 the step is 0.1; what is logged is the norm before."""
    plain, logged = (
        CoupledSGD(0.1, global_clipnorm=1.0),
        logging(CoupledSGD)(0.1, global_clipnorm=1.0),
    )
    models = [line(plain), line(logged)]
    for model in models:
        model.fit(np.array([[3.0]]), np.array([[10.0]]), verbose=0)
    weights = [np.ravel(model.get_layer("line").get_weights()[0]) for model in models]
    np.testing.assert_array_equal(*weights)
    assert weights[0] == pytest.approx(2 + 0.1 * 18 / np.hypot(18, 6))
    assert float(logged.norms[0]) == pytest.approx(np.hypot(18, 6), rel=1e-5)


def test_rows_of_an_attempt_that_was_cut_off_are_replaced(tmp_path):
    path = tmp_path / "gradients.csv"
    path.write_text("epoch,batch,loss,line\n1,1,9,1\n1,2,9,1\n2,1,9,1\n")
    assert [row[:2] for row in GradientLog(path, 1).rows] == [["1", "1"], ["1", "2"]]
    assert GradientLog(path, 0).rows == []


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Seven patients with one video of two or three frames each."""
    folder = tmp_path_factory.mktemp("store")
    counts = (3, 2, 3, 3, 2, 3, 3)
    frames = np.random.default_rng(0).integers(0, 255, (sum(counts), 64, 64, 1), np.uint8)
    (folder / "frames.u8").write_bytes(frames.tobytes())
    videos = tuple(Video("", f"p{n}", f"v{n}", severity=n % 4) for n in range(len(counts)))
    store = FrameStore(folder, videos, counts, ((64, 64),) * len(counts), 1, "key")
    clip = config.load("severity", "paper", SETTINGS).clip
    index = index_clips(videos, counts, [(64, 64)] * len(counts), clip, "severity")
    return ClipSource((store,), index, clip)


def train(source, folder, variant, *more):
    settings = config.load("severity", "paper", (*SETTINGS, *more), variant)
    paper = papers.get("severity")
    network = Network(
        lambda: paper.build(NETWORK, settings),
        loss=paper.loss(settings),
        metrics=lambda: paper.metrics(settings),
        fit=settings.fit,
    )
    fold = Fold(0, ("p0", "p1", "p2", "p3"), ("p4", "p5", "p6"))
    job = FoldJob(folder, NETWORK, fold, settings.fit, 0, {"model": NETWORK})
    train_fold(network, source, job, decode=paper.decode)
    return network


def rows_of(folder):
    with (folder / "gradients.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_a_fold_logs_every_step_keeps_masks_and_leaves_the_last_test_batch_out(source, tmp_path):
    network = train(source, tmp_path, "nan_baseline")
    rows = rows_of(tmp_path)
    assert [(row["epoch"], row["batch"]) for row in rows] == [
        *(("1", "1"), ("1", "2"), ("2", "1"), ("2", "2"))
    ]
    layers = [layer.name for layer in network.model.layers if layer.trainable_weights]
    assert list(rows[0]) == ["epoch", "batch", "loss", *layers]
    assert all(float(row["logits"]) > 0 for row in rows)
    assert is_done(tmp_path)
    vouched = json.loads((tmp_path / "DONE").read_text())["sha256"]
    assert {"gradients.csv", "masks.npz"} <= set(vouched)
    with (tmp_path / "predictions.csv").open() as stream:
        tested = [row["video_id"] for row in csv.DictReader(stream)]
    assert tested == ["v4", "v5"]
    with np.load(tmp_path / "masks.npz") as stored:
        assert stored["clip_id"].tolist() == ["v4", "v5"]
        # The middle of two frames and of three.
        assert stored["frame"].tolist() == [1, 1]
        expected = network.masker.predict(
            np.zeros((1, *source.clip.shape), np.float32), verbose=0
        ).shape[2:4]
        assert stored["mask"].shape == (2, *expected)
        assert ((stored["mask"] > 0) & (stored["mask"] < 1)).all()
        np.testing.assert_array_equal(stored["pixels"][0], source.read([4])[0, 1, ..., 0])


def test_a_step_that_is_not_finite_is_logged_before_training_stops(source, tmp_path):
    """A rate of 1e30 makes the second loss of the first epoch, or its gradient, infinite."""
    with pytest.raises(DivergedError):
        train(source, tmp_path, "nan_baseline", "fit.learning_rate=1.0e30")
    last = rows_of(tmp_path)[-1]
    numbers = [float(value) for name, value in last.items() if name not in ("epoch", "batch")]
    assert not np.isfinite(numbers).all()
    report = json.loads((tmp_path / "DIVERGED.json").read_text())
    assert (str(report["epoch"]), str(report["batch"])) == (last["epoch"], last["batch"])
