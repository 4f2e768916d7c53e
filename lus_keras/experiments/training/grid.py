"""The grid of networks × folds: independent jobs, in this process or in several."""

from __future__ import annotations

import json
import queue as queues
import signal
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import active_children, get_context
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from lus_keras import papers
from lus_keras.core.environment import cores, start_tensorflow
from lus_keras.core.errors import ConfigError, DivergedError
from lus_keras.core.signals import end_with_parent, ends_at_once, workers_ignore_interrupts

if TYPE_CHECKING:
    from lus_keras.core.config import PaperConfig
    from lus_keras.data.clip_source import ClipSource
    from lus_keras.experiments.training.fold import FoldJob
    from lus_keras.experiments.training.network import Network

# Called with the name of a job, epochs done, total epochs and the row of the history.
ReportJob = Callable[[str, int, int, dict[str, Any]], None]
# The same, preceded by the name of the paper.
Report = Callable[[str, str, int, int, dict[str, Any]], None]
POLL_S = 0.2
# Sections of a configuration, and settings of its `fit`, that affect a compiled network.
NETWORK_SECTIONS = {"model", "options", "labels", "label_column", "fit", "networks"}
NETWORK_SETTINGS = (
    *("optimizer", "learning_rate", "momentum", "weight_decay", "rate_multipliers"),
    *("clip_norm", "accumulate", "precision", "log_gradients"),
)


@dataclass(frozen=True)
class Outcome:
    """Outcome of a job: `status` is "done", "diverged" or "failed"; `message` is the reason."""

    model: str
    fold: int
    status: str
    message: str = ""


@dataclass(frozen=True)
class Batch:
    """Jobs that share settings and clips.

    Attributes:
        paper: Name of the paper.
    """

    paper: str
    config: PaperConfig
    source: ClipSource
    jobs: Sequence[FoldJob] = ()


class Worker:
    """Runs jobs of one batch sequentially; the process keeps the network of the last job.

    Args:
        mirrored: Whether each job trains on all devices.
    """

    def __init__(self, batch: Batch, *, mirrored: bool = False):
        self.paper, self.config, self.source = papers.get(batch.paper), batch.config, batch.source
        self.mirrored = mirrored

    def run(self, job: FoldJob, report: ReportJob) -> Outcome:
        """Trains one fold; errors are returned, so that other jobs continue.

        Raises:
            ConfigError: The settings of the job are wrong.
        """
        from lus_keras.experiments.training.fold import train_fold
        from lus_keras.experiments.training.marks import ERROR_LOG, is_done

        job.folder.mkdir(parents=True, exist_ok=True)

        def on_epoch(done: int, row: dict[str, Any]) -> None:
            report(job.name, done, job.fit.epochs, row)

        try:
            with ends_at_once(), FileLock(job.folder / ".lock", timeout=0):
                # Another process may have finished the fold since the jobs were listed.
                if not is_done(job.folder):
                    network = self._network_for(job)
                    train_fold(
                        network,
                        self.source,
                        job,
                        decode=self.paper.decoder(self.config.multilabel),
                        on_epoch=on_epoch,
                        watch=self.paper.watch,
                    )
        except Timeout:
            message = (
                f"{job.folder}: another process is training this fold. Run the command again later."
            )
            return Outcome(job.model, job.fold.fold, "failed", message)
        except ConfigError:
            raise
        except DivergedError as error:
            return Outcome(job.model, job.fold.fold, "diverged", str(error))
        except Exception as error:
            log, reason = job.folder / ERROR_LOG, next(iter(str(error).splitlines()), "")
            with suppress(OSError):  # the error may be a full disk
                log.write_text(traceback.format_exc())
            message = f"{job.name}: {type(error).__name__}: {reason} (more in {log})."
            return Outcome(job.model, job.fold.fold, "failed", message)
        return Outcome(job.model, job.fold.fold, "done")

    def _network_for(self, job: FoldJob) -> Network:
        """The network of the last job if it is the same for this job, else a new one."""
        from lus_keras.experiments.training.network import Network, release

        config, index = self.config, self.source.index
        if self.paper.fitted:
            config = self.paper.fitted(config, index.label[job.fold.rows(index, "train")])
        spec = config.model_dump(mode="json", include=NETWORK_SECTIONS)
        spec["fit"] = {key: spec["fit"][key] for key in NETWORK_SETTINGS}
        key = json.dumps([self.paper.name, job.model, config.clip.shape, spec, self.mirrored])
        if key not in _networks:
            # A 3D ResNet with its optimizer takes a gigabyte, so only one is kept in memory.
            _networks.clear()
            release()
            _networks[key] = Network(
                lambda: self.paper.network(job.model, config),
                loss=self.paper.loss(config),
                metrics=lambda: self.paper.metrics(config),
                fit=config.fit,
                mirrored=self.mirrored,
            )
        return _networks[key]


_networks: dict[str, Network] = {}


def run_jobs(
    batches: Sequence[Batch], *, workers: int, report: Report, mirrored: bool = False
) -> list[Outcome]:
    """Runs all jobs; those of later batches start as soon as a process is free.

    Args:
        workers: Number of processes, each with its share of the cores; 1 trains in this process.
        report: Called after each epoch with (paper, name of the job, epochs done, total epochs,
            row of the history).
        mirrored: Whether each job trains on all devices; only with one worker.

    Returns:
        One outcome per job, in the order of the jobs.

    Raises:
        ConfigError: A batch cannot be shared evenly by the devices.
    """
    if workers <= 1:
        return [
            Worker(batch, mirrored=mirrored).run(job, partial(report, batch.paper))
            for batch in batches
            for job in batch.jobs
        ]
    jobs = [(number, job) for number, batch in enumerate(batches) for job in batch.jobs]
    context = get_context("spawn")
    events = context.Queue()
    # By `workers`, not by the number of jobs, so that the last fold of a resumed run keeps its
    # number of threads.
    threads = max(1, cores() // workers)
    shared = [replace(batch, jobs=()) for batch in batches]
    with ProcessPoolExecutor(
        max(1, min(workers, len(jobs))),
        mp_context=context,
        initializer=_start_worker,
        initargs=(shared, events, threads),
    ) as pool:
        with workers_ignore_interrupts():
            futures = [pool.submit(_run_in_worker, number, job) for number, job in jobs]
        try:
            _forward(events, futures, report)
        except BaseException:
            # Ctrl-C or SIGTERM: leaving the pool would wait for the running folds.
            pool.shutdown(wait=False, cancel_futures=True)
            for child in active_children():
                child.terminate()
            raise
        return [_outcome(future, job) for future, (_, job) in zip(futures, jobs, strict=True)]


def _forward(events: Any, futures: Sequence[Future], report: Report) -> None:
    while not all(future.done() for future in futures):
        try:
            report(*events.get(timeout=POLL_S))
        except queues.Empty:
            continue
    while not events.empty():
        report(*events.get())


def _outcome(future: Future, job: FoldJob) -> Outcome:
    error = future.exception()
    if error is None:
        return future.result()
    message = f"{job.name}: its process ended ({error}). Run the command again."
    return Outcome(job.model, job.fold.fold, "failed", message)


_batches: Sequence[Batch]
_events: Any


def _start_worker(batches: Sequence[Batch], events: Any, threads: int) -> None:
    global _batches, _events
    end_with_parent()
    # Ctrl-C reaches the whole process group; the parent ends its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start_tensorflow(threads)
    _batches, _events = batches, events


def _run_in_worker(number: int, job: FoldJob) -> Outcome:
    batch = _batches[number]
    return Worker(batch).run(job, lambda *event: _events.put((batch.paper, *event)))
