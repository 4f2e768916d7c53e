"""Number of folds to train in parallel, unless given by the user."""

import math
import operator
import os
from collections.abc import Sequence

from lus_keras.core.environment import cores
from lus_keras.experiments.reproduce.estimate import peak_gb, training_seconds
from lus_keras.experiments.reproduce.prepare import Prepared
from lus_keras.experiments.reproduce.request import Request

# A process takes half a minute to start and to trace its graphs; for less work than this, it is not
# worthwhile. Compared with `training_seconds`, which excludes fixed costs per step.
LEAST_WORK_S = 120.0
# Smallest number of folds per process; with fewer, processes wait too long for the last one.
LEAST_FOLDS = 4


def choose_workers(prepared: Sequence[Prepared], request: Request) -> int:
    """Number of folds to train in parallel on this machine.

    The networks of these papers are small: two in parallel with one thread each finish sooner than
    two in sequence with two threads (measured, see docs/scale.md). The number depends on the
    request, not on the remaining work, so that a resumed run uses the same number of threads.

    Args:
        prepared: Variants of all papers that are trained together.
        request: The request; its `workers` takes precedence if given.

    Returns:
        1 or more.
    """
    if request.workers is not None:
        return request.workers
    if request.mirrored or request.engine == "ray":
        return 1
    # A job of a batch system that trains a single fold has the machine to itself.
    counts = [
        len(item.variant.models)
        * sum(request.fold in (None, fold.fold) for fold in item.split.folds)
        for item in prepared
    ]
    return workers_that_pay(
        folds=sum(counts),
        seconds=sum(map(operator.mul, counts, map(seconds_a_fold, prepared))),
        peak_gb=max((peak_gb(i.variant.config, i.variant.models) for i in prepared), default=0.0),
        cores=cores(),
        memory_gb=_half_of_memory_gb(),
        accelerators=_accelerators(),
    )


def seconds_a_fold(prepared: Prepared) -> float:
    """Mean time in seconds to train one network of a variant on one fold."""
    settings, models = prepared.variant.config, prepared.variant.models
    folds = prepared.split.folds
    clips = sum(len(fold.rows(prepared.source.index, "train")) for fold in folds)
    return training_seconds(settings, models, clips) / max(1, len(models) * len(folds))


def workers_that_pay(
    *, folds: int, seconds: float, peak_gb: float, cores: int, memory_gb: float, accelerators: int
) -> int:
    """The rule behind `choose_workers`.

    Args:
        folds: Number of folds to train, over all networks.
        seconds: Total training time.
        peak_gb: Memory per process in 10⁹ bytes.
        cores: Number of processor cores.
        memory_gb: Memory available to all processes; infinite if unknown.
        accelerators: Number of accelerators; one process takes all of their memory.

    Returns:
        1 or more.
    """
    # Without folds, as for drawings of networks, there is no process to give memory to.
    if accelerators or not folds:
        return 1
    most = min(cores, folds // LEAST_FOLDS, seconds / LEAST_WORK_S, memory_gb / peak_gb)
    return max(1, math.floor(most))


def _half_of_memory_gb() -> float:
    """Half of the total memory, not of the free memory, so that a resumed run decides the same."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2e9
    except (AttributeError, ValueError, OSError):  # not available on this system
        return math.inf


def _accelerators() -> int:
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return len(tf.config.list_logical_devices("GPU"))
    if keras.backend.backend() == "jax":
        import jax

        return sum(device.platform != "cpu" for device in jax.devices())
    return 0
