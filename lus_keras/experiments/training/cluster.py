"""The same jobs on a Ray cluster: one process per job, retried if a node fails.

Run directory and cache are on storage shared by all nodes: a retried job continues from its last
checkpoint on any node.
"""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lus_keras.core.environment import start_tensorflow
from lus_keras.core.errors import ConfigError
from lus_keras.experiments.training.grid import Batch, Outcome, Report, Worker

if TYPE_CHECKING:
    from lus_keras.experiments.training.fold import FoldJob

POLL_S = 1.0
MAX_RETRIES = 3
# Environment variables of the command that are passed on to jobs.
VARIABLES = ("KERAS_BACKEND", "TF_ENABLE_ONEDNN_OPTS")


@dataclass(frozen=True)
class Cluster:
    """The cluster and the resources of each job.

    Attributes:
        address: Address of a running cluster as accepted by `ray.init`; None starts one on this
            machine.
        job_cpus: Processor cores and threads per job.
        job_gpus: GPUs per job; with a fraction, jobs share a GPU.
    """

    address: str | None = None
    job_cpus: int = 1
    job_gpus: float = 0.0


def run_on_cluster(
    batches: Sequence[Batch], cluster: Cluster, *, report: Report, mirrored: bool = False
) -> list[Outcome]:
    """Runs all jobs on a cluster.

    Args:
        batches: Jobs whose frames and folders are on shared storage.
        cluster: Address and resources.
        report: As in `run_jobs`; epochs are read from the folders of the jobs.
        mirrored: Whether each job trains on all of its GPUs.

    Returns:
        One outcome per job, in the order of the jobs.

    Raises:
        ConfigError: Ray is not installed, or no cluster answers at the address.
    """
    ray = _connect(cluster)
    run = ray.remote(
        # One process per job: TensorFlow does not free GPU memory before its process ends.
        max_calls=1,
        max_retries=MAX_RETRIES,
        num_cpus=cluster.job_cpus,
        num_gpus=cluster.job_gpus,
    )(_run_job)
    variables = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    jobs = [job for batch in batches for job in batch.jobs]
    waiting = []
    for batch in batches:
        shared = ray.put((replace(batch, jobs=()), variables, cluster.job_cpus, mirrored))
        waiting += [run.remote(shared, job) for job in batch.jobs]
    epochs = _Epochs(batches, report)
    pending = list(waiting)
    try:
        while pending:
            _, pending = ray.wait(pending, num_returns=len(pending), timeout=POLL_S)
            epochs.look()
    except BaseException:
        for reference in pending:
            ray.cancel(reference, force=True)
        raise
    return [_outcome(ray, ref, job) for ref, job in zip(waiting, jobs, strict=True)]


def _connect(cluster: Cluster) -> Any:
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "--engine ray: Ray is not installed. Install it with pip install 'lus-keras[cluster]'."
        ) from None
    if ray.is_initialized():
        return ray
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"--ray-address {cluster.address}: no cluster responds ({error}). Start one with `ray "
            "start --head`, or omit the address."
        ) from error
    return ray


def _run_job(shared: Any, job: FoldJob) -> Outcome:
    """Trains one fold on a node."""
    batch, variables, threads, mirrored = shared
    os.environ.update(variables)
    for store in batch.source.stores:
        if not (store.path / "frames.u8").is_file():
            message = (
                f"{job.name}: {store.path} is not visible to node {os.uname().nodename}. Set "
                "LUS_KERAS_CACHE and --out to folders that all nodes share."
            )
            return Outcome(job.model, job.fold.fold, "failed", message)
    start_tensorflow(threads)
    return Worker(batch, mirrored=mirrored).run(job, lambda *_: None)


def _outcome(ray: Any, reference: Any, job: FoldJob) -> Outcome:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        cause = next(iter(str(error).strip().splitlines()), type(error).__name__)
        message = f"{job.name}: it was canceled by the cluster ({cause}). Run the command again."
        return Outcome(job.model, job.fold.fold, "failed", message)


class _Epochs:
    """Reports epochs from the files of the jobs, since messages are lost if a node fails."""

    def __init__(self, batches: Sequence[Batch], report: Report):
        self.jobs = [(batch.paper, job) for batch in batches for job in batch.jobs]
        self.report = report
        self.seen = [len(_history(job.folder)) for _, job in self.jobs]

    def look(self) -> None:
        for number, (paper, job) in enumerate(self.jobs):
            rows = _history(job.folder)
            for row in rows[self.seen[number] :]:
                self.report(paper, job.name, int(row["epoch"]), job.fit.epochs, row)
            # Fewer epochs than before: a retry resumed from an earlier checkpoint.
            self.seen[number] = len(rows)


def _history(folder: Path) -> list[dict[str, float]]:
    try:
        with (folder / "history.csv").open(newline="") as stream:
            return [
                {name: float(value) for name, value in row.items()}
                for row in csv.DictReader(stream)
            ]
    except (OSError, ValueError, TypeError):
        return []
