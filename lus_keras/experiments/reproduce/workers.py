"""How many folds to train at a time, where the user leaves it open."""

import math
import operator
import os
from collections.abc import Sequence

from lus_keras.core.environment import cores
from lus_keras.experiments.reproduce.estimate import peak_gb, training_seconds
from lus_keras.experiments.reproduce.prepare import Prepared
from lus_keras.experiments.reproduce.request import Request

# A process takes half a minute to start and to trace its graphs; less work than this does not pay.
# It is compared with `training_seconds`, which leaves out a step's fixed costs.
LEAST_WORK_S = 120.0
# Folds a process, at least: with fewer, some processes wait for the last one for too long.
LEAST_FOLDS = 4


def choose_workers(prepared: Sequence[Prepared], request: Request) -> int:
    """How many folds to train at a time on this machine.

    Networks of these papers are small: two trained at a time with a thread each are done sooner
    than one after the other with two (measured, see docs/scale.md). It depends on what was asked
    for, not on what is left of it: the same command again computes with the threads it began with.

    Args:
        prepared: Variants of all papers that are trained together.
        request: What was asked for; its `workers` decides where it is given.

    Returns:
        1 or more.
    """
    if request.workers is not None:
        return request.workers
    if request.mirrored or request.engine == "ray":
        return 1
    # A job of a batch system that trains one fold has the machine to itself.
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
    """What training one network of a variant on one fold takes on average, in seconds."""
    settings, models = prepared.variant.config, prepared.variant.models
    folds = prepared.split.folds
    clips = sum(len(fold.rows(prepared.source.index, "train")) for fold in folds)
    return training_seconds(settings, models, clips) / max(1, len(models) * len(folds))


def workers_that_pay(
    *, folds: int, seconds: float, peak_gb: float, cores: int, memory_gb: float, accelerators: int
) -> int:
    """The rule behind `choose_workers`.

    Args:
        folds: Folds to train, of all networks.
        seconds: What they take together.
        peak_gb: Memory one takes.
        cores: Of the processor.
        memory_gb: Memory they may take together; infinite if unknown.
        accelerators: Devices beside the processor; one process takes all memory of them.

    Returns:
        1 or more.
    """
    if accelerators:
        return 1
    most = min(cores, folds // LEAST_FOLDS, seconds / LEAST_WORK_S, memory_gb / peak_gb)
    return max(1, math.floor(most))


def _half_of_memory_gb() -> float:
    """Of all there is, not of what is free now: a resumed run has to decide as the first one."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2e9
    except (AttributeError, ValueError, OSError):  # not on this system
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
