"""How many folds to train at a time, where the user leaves it open."""

from __future__ import annotations

import math
import os

from lus_keras.environment import cores
from lus_keras.reproduce.planning import Arm
from lus_keras.reproduce.prepare import Prepared
from lus_keras.reproduce.request import Request

# A process takes half a minute to start and to trace its graphs; less work than this does not pay.
# It is compared with `training_seconds`, which says half of what small pictures take.
LEAST_WORK_S = 60.0
# Folds a process, at least: with fewer, some processes wait for the last one for too long.
LEAST_FOLDS = 4
# Measured peaks of c3d_a: 1.2 GB at 32 × 32 pixels, 2.7 GB at 64 × 64; `peak_gb` says 1.3, 2.8.
FIXED_GB = 0.8
FLOAT32_BYTES = 4


def choose_workers(prepared: Prepared, request: Request) -> int:
    """How many folds of an arm to train at a time on this machine.

    Networks of these papers are small: two trained at a time with a thread each are done sooner
    than one after the other with two (measured, see docs/scale.md). It depends on the whole arm,
    not on what is left of it, so that a resumed run computes with the threads it began with.

    Args:
        prepared: The arm.
        request: What was asked for; its `workers` decides where it is given.

    Returns:
        1 or more.
    """
    if request.workers is not None:
        return request.workers
    if request.mirrored or request.engine == "ray":
        return 1
    arm, split = prepared.arm, prepared.split
    clips = sum(len(fold.rows(prepared.source.index, "train")) for fold in split.folds)
    return workers_that_pay(
        folds=len(arm.models) * len(split.folds),
        seconds=training_seconds(arm, clips),
        peak_gb=peak_gb(arm),
        cores=cores(),
        memory_gb=_half_of_memory_gb(),
        accelerators=_accelerators(),
    )


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


def training_seconds(arm: Arm, clips: float) -> float:
    """What all networks of an arm take to train on two cores, roughly.

    Args:
        arm: The arm.
        clips: Clips an epoch, of all folds together.

    Returns:
        Seconds.
    """
    settings = arm.config
    copies = 2 if settings.fit.augment == "flip" else 1
    pixels = clips * copies * settings.fit.epochs * math.prod(settings.clip.shape[:-1])
    return sum(pixels * settings.models[name].ns_per_pixel * 1e-9 for name in arm.models)


def peak_gb(arm: Arm) -> float:
    """Peak of a process that trains an arm's largest network, in gigabytes, roughly."""
    settings = arm.config
    batch = FLOAT32_BYTES * settings.fit.batch_size * math.prod(settings.clip.shape)
    factor = max((settings.models[name].memory_factor for name in arm.models), default=0)
    return FIXED_GB + factor * batch / 1e9


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
