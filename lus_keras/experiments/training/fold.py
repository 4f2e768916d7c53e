"""One fold: trains, saves a checkpoint every epoch, predicts the test clips, writes the results."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lus_keras.core.config import FitConfig
from lus_keras.core.errors import ConfigError
from lus_keras.core.files import atomic_write, remove_unfinished, write_json
from lus_keras.core.multilabel import unpack
from lus_keras.core.progress import COUNTED
from lus_keras.data.augment import training_set
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.pipeline import epoch_order, make_batches
from lus_keras.data.splits import Fold
from lus_keras.evaluation.run_record import Fingerprint, vouch
from lus_keras.experiments import checkpoint
from lus_keras.experiments.checkpoint import Checkpoint
from lus_keras.experiments.training.calibration import FILE as CALIBRATION
from lus_keras.experiments.training.calibration import calibrate, write_calibration
from lus_keras.experiments.training.examples import write_examples, write_mistakes
from lus_keras.experiments.training.gradients import FILE as GRADIENTS
from lus_keras.experiments.training.gradients import GradientLog
from lus_keras.experiments.training.guard import FiniteGuard
from lus_keras.experiments.training.marks import ERROR_LOG, refuse_foreign
from lus_keras.experiments.training.masks import write_arrays, write_masks
from lus_keras.experiments.training.network import Network
from lus_keras.experiments.training.rows import full_batches, learned_rows, tested_rows
from lus_keras.experiments.training.schedule import Cosine
from lus_keras.experiments.training.tables import write_history, write_predictions

OnEpoch = Callable[[int, dict[str, Any]], None]
Decode = Callable[[np.ndarray], np.ndarray]
Watch = Callable[["FoldJob", int], list[Any]]


@dataclass(frozen=True)
class FoldJob:
    """Everything needed to train one fold, except the network and the clips.

    Attributes:
        folder: `<run>/<paper>/<dataset>/<model>/fold_<k>`.
        fold: Patients to train on and to test on.
        seed: Seed of the run; with model and fold it determines weights, order and dropout.
        description: Content of model.json.
        initial: Weights to start from instead of random ones.
        title: Name for messages; the name of the network if not given.
        multilabel: Whether labels are packed sets, see `multilabel`.
        log: `tensorboard` also logs each epoch for TensorBoard, in a folder of that name; None logs
            nothing.
        fingerprint: Everything the results depend on, stored in checkpoints and in DONE.
    """

    folder: Path
    model: str
    fold: Fold
    fit: FitConfig
    seed: int
    description: dict[str, Any]
    initial: Path | None = None
    title: str = ""
    multilabel: bool = False
    log: str | None = None
    fingerprint: Fingerprint | None = None

    @property
    def name(self) -> str:
        """Name of network and fold, for messages."""
        return f"{self.title or self.model} fold {self.fold.fold}"

    def seed_for(self, *parts: int) -> int:
        """A 32-bit seed that is a function of run, model, fold and the parts."""
        name = int.from_bytes(self.model.encode(), "little")
        sequence = np.random.SeedSequence([self.seed, name, self.fold.fold, *parts])
        return int(sequence.generate_state(1)[0])


def train_fold(
    network: Network,
    source: ClipSource,
    job: FoldJob,
    *,
    decode: Decode,
    on_epoch: OnEpoch | None = None,
    watch: Watch | None = None,
) -> None:
    """Trains a fold, resuming from its last checkpoint if there is one, and writes its results.

    Args:
        network: The network; its weights are replaced.
        decode: Function from logits `(n, k)` to probabilities `(n, classes)`.
        on_epoch: Called after each epoch with (epochs done, row of the history).
        watch: Makes further Keras callbacks for a job and an epoch, counted from 0.

    Raises:
        ConfigError: The folder contains a checkpoint of another experiment.
        DivergedError: The loss is not finite; DIVERGED.json states epoch and batch, and the
            checkpoint of the last finite epoch is kept.
        OSError: The disk is full; finished work is kept.
    """
    job.folder.mkdir(parents=True, exist_ok=True)
    refuse_foreign([job])
    remove_unfinished(job.folder)
    history = _start(network, job)
    rows, mirrored = training_set(learned_rows(source, job), job.fit.augment)
    for epoch in range(len(history), job.fit.epochs):
        guard = FiniteGuard(job, epoch)
        callbacks = [*_logs(job, epoch), guard, *(watch(job, epoch) if watch else ())]
        row = _train_epoch(network, source, job, (rows, mirrored), epoch, callbacks)
        row |= {"step_ms": guard.milliseconds, "parameters": network.model.count_params()}
        history.append(row)
        _keep(network, job, history)
        write_history(job.folder / "history.csv", history)
        if job.log:
            log_epoch(job.folder / job.log, network.model, row)
        if on_epoch:
            on_epoch(epoch + 1, row)
    if job.fit.select != "last" and best_epoch(history, job.fit.select) + 1 < len(history):
        network.model.set_weights(checkpoint.load_best(job.folder))
    _finish(network, source, job, decode)


def log_epoch(folder: Path, model: keras.Model, row: Mapping[str, Any]) -> None:
    """Writes training and validation metrics of an epoch with Keras' TensorBoard callback.

    Args:
        folder: Folder of the logs.
        model: Network whose learning rate is also written.
        row: Row of the history; its epochs are counted from 1.
    """
    callback = keras.callbacks.TensorBoard(folder, write_graph=False, profile_batch=0)
    callback.set_model(model)
    callback.on_train_begin()
    logs = {name: value for name, value in row.items() if name not in COUNTED}
    callback.on_epoch_end(row["epoch"] - 1, logs)
    callback.on_train_end()


def _keep(network: Network, job: FoldJob, history: list[dict[str, Any]]) -> None:
    """Saves the state needed to resume; not after the last epoch, when the results follow."""
    last = len(history) == job.fit.epochs
    select = job.fit.select
    if select != "last" and not last and best_epoch(history, select) + 1 == len(history):
        checkpoint.save_best(job.folder, network.weights(), job.fingerprint)
    if not last:
        weights, optimizer = network.weights(), network.optimizer_state()
        state = Checkpoint(len(history), weights, optimizer, history, job.fingerprint)
        checkpoint.save(job.folder, state)


def best_epoch(history: Sequence[Mapping[str, Any]], select: str) -> int:
    """Index of the selected epoch, from 0; the first of equal ones, as in Keras' ModelCheckpoint.

    Args:
        select: Column to select by: the smallest loss or the largest accuracy.
    """
    values = [row[select] for row in history]
    return int(np.argmax(values) if select.endswith("accuracy") else np.argmin(values))


def _start(network: Network, job: FoldJob) -> list[dict[str, Any]]:
    network.reset(job.seed_for(0))
    saved = checkpoint.load(job.folder)
    if saved is not None:
        network.restore(saved.weights, saved.optimizer)
        return saved.history
    if job.initial is not None:
        network.model.load_weights(job.initial)
    return []


def _train_epoch(
    network: Network,
    source: ClipSource,
    job: FoldJob,
    clips: tuple[np.ndarray, np.ndarray],
    epoch: int,
    callbacks: list[Any],
) -> dict[str, Any]:
    began = time.perf_counter()
    rows, mirrored = clips
    order = np.arange(len(rows))
    if job.fit.shuffle:
        order = epoch_order(len(rows), seed=job.seed_for(1), epoch=epoch)
    order = full_batches(order, job.fit.batch_size, job.fit.drop_remainder or network.devices > 1)
    if network.devices > 1 and len(order) < job.fit.batch_size:
        raise ConfigError(
            f"{job.name}: {len(order)} training clips are fewer than one batch of "
            f"{job.fit.batch_size}, which --strategy mirrored requires. Lower fit.batch_size."
        )
    batches = make_batches(source, rows[order], mirrored[order], job.fit.batch_size)
    network.seed_dropout(job.seed_for(2), epoch)
    if job.fit.schedule == "cosine":
        steps = -(-len(order) // job.fit.batch_size)
        callbacks = [*callbacks, Cosine(job.fit.learning_rate, epoch, job.fit.epochs, steps)]
    result = network.model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=callbacks)
    row = {name: float(values[0]) for name, values in result.history.items()}
    row |= _evaluate(network, source, job)
    return {"epoch": epoch + 1, **row, "seconds": round(time.perf_counter() - began, 3)}


def _logs(job: FoldJob, epoch: int) -> list[keras.callbacks.Callback]:
    """Callbacks that must run on a step before the guard can stop there."""
    return [GradientLog(job.folder / GRADIENTS, epoch)] if job.fit.log_gradients else []


def _evaluate(network: Network, source: ClipSource, job: FoldJob) -> dict[str, float]:
    """Loss, with penalties as in Keras' `val_loss`, and metrics on the clips for selection."""
    tested = job.fit.select == "test_loss"
    rows = tested_rows(source, job) if tested else job.fold.rows(source.index, "validation")
    if len(rows) == 0:
        return {}
    batches = make_batches(source, rows, np.zeros(len(rows), bool), job.fit.batch_size)
    found = network.evaluator.evaluate(batches, verbose=0, return_dict=True)
    prefix = "test" if tested else "val"
    return {f"{prefix}_{name}": float(value) for name, value in found.items()}


def _calibrated(network: Network, source: ClipSource, job: FoldJob, decode: Decode) -> float:
    """Fits the calibration on validation clips and writes it; returns the temperature."""
    rows = job.fold.rows(source.index, "validation")
    batches = make_batches(source, rows, np.zeros(len(rows), bool), job.fit.batch_size)
    logits = network.predictor.predict(batches, verbose=0)["logits"]
    labels = source.index.label[rows]
    if job.multilabel:
        labels = unpack(labels, logits.shape[1])
    said = calibrate(logits, labels, decode)
    said |= {"clips": len(rows), "patients": len(set(source.index.patient_id[rows].tolist()))}
    write_calibration(job.folder, said)
    return said["temperature"]


def _finish(network: Network, source: ClipSource, job: FoldJob, decode: Decode) -> None:
    rows = tested_rows(source, job)
    plain = np.zeros(len(rows), bool)
    batches = make_batches(source, rows, plain, job.fit.batch_size)
    outputs = network.predictor.predict(batches, verbose=0)
    written = ["history.csv", "predictions.csv", "model.weights.h5", "model.json"]
    temperature = 1.0
    if job.fit.calibrate != "none":
        temperature = _calibrated(network, source, job, decode)
        written.append(CALIBRATION)
    probabilities = decode(outputs["logits"] / temperature)
    truth = source.index.label[rows]
    if job.multilabel:
        truth = unpack(truth, probabilities.shape[1])
    path = job.folder / "predictions.csv"
    write_predictions(path, source, rows, job.fold.fold, truth, probabilities)
    if "attention" in outputs:
        written.append("attention.npz")
        write_arrays(
            job.folder / "attention.npz",
            clip_id=source.index.clip_id[rows],
            attention=outputs["attention"].astype(np.float32),
            truth=source.index.truth[rows],
        )
    if network.masker is not None:
        written.append(write_masks(job.folder, network, source, rows))
    if job.fit.log_gradients:
        written.append(GRADIENTS)
    if source.clip.unit == "frame":
        written += write_mistakes(job.folder, source, rows, truth, probabilities)
    elif not job.fit.log_gradients:
        # Studies of gradients show no clips.
        written += write_examples(job.folder, source, rows, network.masker)
    with atomic_write(job.folder / "model.weights.h5") as temporary:
        network.model.save_weights(temporary)
    write_json(job.folder / "model.json", job.description)
    vouch(job.folder, written, job.fingerprint)
    for name in (ERROR_LOG, "DIVERGED.json"):
        (job.folder / name).unlink(missing_ok=True)
    checkpoint.remove(job.folder)
