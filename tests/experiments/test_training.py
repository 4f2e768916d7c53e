"""Training a fold: reset, resume, divergence, results; on clips a small network can tell apart."""

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
from lus_keras.core.files import sha256_of  # noqa: E402
from lus_keras.data.cache import FrameStore  # noqa: E402
from lus_keras.data.clip_source import ClipSource  # noqa: E402
from lus_keras.data.clips import index_clips  # noqa: E402
from lus_keras.data.manifest import Video  # noqa: E402
from lus_keras.data.splits import Fold  # noqa: E402
from lus_keras.experiments import checkpoint  # noqa: E402
from lus_keras.experiments.training.fold import FoldJob, train_fold  # noqa: E402
from lus_keras.experiments.training.marks import is_done  # noqa: E402
from lus_keras.experiments.training.network import (  # noqa: E402
    Network,
    make_optimizer,
    resolve_precision,
)

FRAMES, SIZE = 6, 8
PATIENTS = [f"p{number:02d}" for number in range(8)]
SETTINGS = (
    f"clip.frames={FRAMES}",
    f"clip.stride={FRAMES}",
    f"clip.size=[{SIZE}, {SIZE}]",
    "fit.epochs=3",
    "fit.batch_size=4",
    "fit.learning_rate=0.003",
    "model.dense_units=8",
    "model.filters=[2, 3]",
)
BLINE = papers.get("bline")


@pytest.fixture
def settings():
    return config.load("bline", "smoke", SETTINGS)


@pytest.fixture
def source(tmp_path, settings):
    """Eight patients with two dark videos of 12 frames; B-lines are bright columns in 2 … 8."""
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 60, (len(PATIENTS) * 24, SIZE, SIZE, 1), dtype=np.uint8)
    videos = []
    for patient in PATIENTS:
        for positive in (0, 1):
            start = 12 * len(videos)
            if positive:
                frames[start + 2 : start + 9, :, 3:5] += 150
            segments = ((1.5 / 30, 8.5 / 30),) if positive else ()
            name = f"{patient}_{positive}"
            videos.append(Video("", patient, name, b_lines=positive, segments=segments))
    (tmp_path / "frames.u8").write_bytes(frames.tobytes())
    counts = [12] * len(videos)
    sizes = [(SIZE, SIZE)] * len(videos)
    store = FrameStore(tmp_path, tuple(videos), tuple(counts), tuple(sizes), 1, "key")
    index = index_clips(videos, counts, sizes, settings.clip, "b_lines")
    return ClipSource((store,), index, settings.clip)


@pytest.fixture
def network(settings):
    return make_network(settings)


def make_network(settings, model="c2d_lstm_a"):
    return Network(
        lambda: BLINE.build(model, settings),
        loss=BLINE.loss(settings),
        metrics=lambda: BLINE.metrics(settings),
        fit=settings.fit,
    )


def make_job(folder, settings, *, fold=0, **fit):
    return FoldJob(
        folder=folder / f"fold_{fold}",
        model="c2d_lstm_a",
        fold=Fold(fold, tuple(PATIENTS[2:]), tuple(PATIENTS[:2])),
        fit=settings.fit.model_copy(update=fit),
        seed=3,
        description={"schema": 1},
    )


def read_csv(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def train(network, source, job, **options):
    train_fold(network, source, job, decode=BLINE.decode, **options)
    return (job.folder / "predictions.csv").read_text()


def test_results_are_complete_and_vouched_for(network, source, settings, tmp_path):
    job = make_job(tmp_path / "run", settings)
    train(network, source, job)
    rows = read_csv(job.folder / "predictions.csv")
    assert list(rows[0]) == ["clip_id", "video_id", "patient_id", "fold", "y_true", "p_0", "p_1"]
    assert {row["patient_id"] for row in rows} == set(PATIENTS[:2])
    assert [row["y_true"] for row in rows] == ["0", "0", "1", "1"] * 2
    np.testing.assert_allclose([float(r["p_0"]) + float(r["p_1"]) for r in rows], 1, rtol=1e-6)
    with np.load(job.folder / "attention.npz") as saved:
        assert saved["clip_id"].tolist() == [row["clip_id"] for row in rows]
        np.testing.assert_allclose(saved["attention"].sum(axis=1), 1, rtol=1e-5)
        assert saved["truth"][2].tolist() == [0, 0, 1, 1, 1, 1]
    with np.load(job.folder / "examples.npz") as saved:
        # Four clips hold frames with and without B-lines; two show the other class.
        assert saved["frames"].shape == (6, FRAMES, SIZE, SIZE)
        kept = dict(zip(saved["clip_id"].tolist(), saved["length"].tolist(), strict=True))
        assert set(kept.values()) == {FRAMES}
        truth = {row["clip_id"]: row["y_true"] for row in rows}
        assert sorted(truth[name] for name in kept) == ["0", "0", "1", "1", "1", "1"]
    hashes = json.loads((job.folder / "DONE").read_text())["sha256"]
    assert hashes["predictions.csv"] == sha256_of(job.folder / "predictions.csv")
    assert is_done(job.folder)
    assert not any((job.folder / name).exists() for name in checkpoint.NAMES)


def test_changed_result_is_not_done(network, source, settings, tmp_path):
    job = make_job(tmp_path / "run", settings)
    train(network, source, job)
    with (job.folder / "predictions.csv").open("a") as stream:
        stream.write("x\n")
    assert not is_done(job.folder)


def test_network_learns_what_can_be_seen(network, source, settings, tmp_path):
    """Bright columns: after 25 epochs the loss has fallen and every test clip is right."""
    job = make_job(tmp_path / "run", settings, epochs=25)
    rows = list(csv.DictReader(train(network, source, job).splitlines()))
    history = read_csv(job.folder / "history.csv")
    assert float(history[-1]["loss"]) < 0.5 * float(history[0]["loss"])
    assert all((float(row["p_1"]) > 0.5) == (row["y_true"] == "1") for row in rows)


def test_saved_weights_give_the_saved_predictions(network, source, settings, tmp_path):
    job = make_job(tmp_path / "run", settings)
    rows = list(csv.DictReader(train(network, source, job).splitlines()))
    model = BLINE.build("c2d_lstm_a", settings)
    model.load_weights(job.folder / "model.weights.h5")
    clips = source.read(source.index.rows_of(PATIENTS[:2])).astype("float32") / 255
    probabilities = BLINE.decode(model.predict(clips, verbose=0))
    np.testing.assert_allclose(probabilities[:, 1], [float(row["p_1"]) for row in rows], rtol=1e-4)


def test_fold_does_not_depend_on_what_the_network_did_before(network, source, settings, tmp_path):
    """A graph is built once and its weights are reset: fold 1 after fold 0 equals fold 1 alone."""
    train(network, source, make_job(tmp_path / "both", settings, fold=0))
    after = train(network, source, make_job(tmp_path / "both", settings, fold=1))
    alone = train(make_network(settings), source, make_job(tmp_path / "alone", settings, fold=1))
    assert after == alone


def test_folds_start_from_different_weights(network, settings, tmp_path):
    first, second = (make_job(tmp_path, settings, fold=fold).seed_for(0) for fold in (0, 1))
    assert first != second
    network.reset(first)
    one = network.weights()[0]
    network.reset(second)
    assert np.abs(one - network.weights()[0]).max() > 0.01


class Stop(Exception):
    pass


@pytest.mark.parametrize("stop_after", [1, 2])
def test_interrupted_training_ends_in_the_same_predictions(source, settings, tmp_path, stop_after):
    """Dropout and order of an epoch are functions of the seed, so nothing is lost at a stop."""

    def stop(done, row):
        if done == stop_after:
            raise Stop

    whole = train(make_network(settings), source, make_job(tmp_path / "whole", settings))
    job = make_job(tmp_path / "resumed", settings)
    with pytest.raises(Stop):
        train(make_network(settings), source, job, on_epoch=stop)
    assert not is_done(job.folder)
    epochs = []
    again = make_network(settings)
    resumed = train(again, source, job, on_epoch=lambda done, row: epochs.append(done))
    assert epochs == list(range(stop_after + 1, 4))
    assert resumed == whole


@pytest.mark.parametrize("optimizer", ["adam", "coupled_sgd"])
def test_accumulated_steps_equal_one_of_the_larger_batch(optimizer, settings):
    """Without dropout and batch normalization, 4 batches of 2 update as one batch of 8 does."""
    rng = np.random.default_rng(1)
    clips = rng.normal(size=(16, 5)).astype("float32")
    labels = rng.integers(0, 2, 16).astype("float32")

    def steps(batch_size, accumulate):
        fit = settings.fit.model_copy(
            update={"optimizer": optimizer, "accumulate": accumulate, "momentum": 0.7}
        )
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
        model.compile(make_optimizer(fit), keras.losses.BinaryCrossentropy(from_logits=True))
        model.fit(clips, labels, batch_size=batch_size, shuffle=False, verbose=0, epochs=2)
        return np.concatenate([array.ravel() for array in model.get_weights()])

    accumulated, large, small = steps(2, 4), steps(8, 1), steps(2, 1)
    np.testing.assert_allclose(accumulated, large, rtol=0, atol=1e-6)
    assert np.abs(small - large).max() > 1e-3


def test_resumed_training_goes_on_within_an_accumulation(source, settings, tmp_path):
    """Gradients kept over the end of an epoch are part of a checkpoint."""
    fit = settings.fit.model_copy(update={"accumulate": 5})
    ours = settings.model_copy(update={"fit": fit})
    whole = train(make_network(ours), source, make_job(tmp_path / "whole", ours))
    job = make_job(tmp_path / "resumed", ours)

    def stop(done, row):
        raise Stop

    with pytest.raises(Stop):
        train(make_network(ours), source, job, on_epoch=stop)
    # 24 clips in batches of 4: the epoch ends with the sixth step, the first of an accumulation.
    assert train(make_network(ours), source, job) == whole


def test_resumed_training_survives_a_damaged_newest_checkpoint(source, settings, tmp_path):
    def stop(done, row):
        if done == 2:
            raise Stop

    whole = train(make_network(settings), source, make_job(tmp_path / "whole", settings))
    job = make_job(tmp_path / "resumed", settings)
    with pytest.raises(Stop):
        train(make_network(settings), source, job, on_epoch=stop)
    newest = job.folder / checkpoint.NAMES[0]
    newest.write_bytes(newest.read_bytes()[:-100])
    assert checkpoint.load(job.folder).epoch == 1
    assert train(make_network(settings), source, job) == whole


def test_diverged_fold_names_epoch_and_batch_and_keeps_the_last_finite_weights(
    network, source, settings, tmp_path
):
    """Weights poisoned after the first epoch show in the first batch of the second."""
    job = make_job(tmp_path / "run", settings)
    convolution = network.model.get_layer("conv1").layer

    def poison(done, row):
        convolution.set_weights([np.full_like(w, np.nan) for w in convolution.get_weights()])

    with pytest.raises(DivergedError, match="fold 0: the loss became nan in epoch 2, batch 1"):
        train(network, source, job, on_epoch=poison)
    record = json.loads((job.folder / "DIVERGED.json").read_text())
    assert (record["epoch"], record["batch"]) == (2, 1)
    kept = checkpoint.load(job.folder)
    assert kept.epoch == 1
    assert all(np.isfinite(weight).all() for weight in kept.weights)
    assert not is_done(job.folder)


def test_auto_precision_is_one_of_the_two():
    assert resolve_precision("auto") in ("float32", "mixed_bfloat16")
    assert resolve_precision("mixed_bfloat16") == "mixed_bfloat16"


def test_each_network_has_its_graph_traced_once(network, source, settings, tmp_path):
    traces = []
    original = network.model.train_step

    def counted(*args, **kwargs):
        traces.append(1)
        return original(*args, **kwargs)

    network.model.train_step = counted
    for fold in (0, 1):
        train(network, source, make_job(tmp_path / "run", settings, fold=fold))
    assert len(traces) == 1


def test_epochs_are_logged_for_tensorboard_under_their_number(tensorflow, tmp_path):
    """What was learned and what was validated, in event files of their own."""
    import keras

    from lus_keras.experiments.training.fold import log_epoch

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    for epoch, loss in ((1, 0.5), (2, 0.25)):
        row = {"epoch": epoch, "loss": loss, "val_loss": loss / 2, "seconds": 3.0}
        log_epoch(tmp_path, model, row)
    found = {}
    for path in sorted(tmp_path.rglob("events.out.*")):
        for event in tensorflow.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                number = float(tensorflow.make_ndarray(value.tensor))
                found[path.parent.name, value.tag, event.step] = number
    assert found["train", "epoch_loss", 0] == 0.5 and found["train", "epoch_loss", 1] == 0.25
    assert found["validation", "epoch_loss", 1] == 0.125
    assert not any("seconds" in tag for _, tag, _ in found)
