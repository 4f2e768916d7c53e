"""The machine on which a benchmark ran, and its peak performance."""

import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lus_keras import __version__
from lus_keras.core.environment import cores, package_version, processor_name

PACKAGES = (
    *("tensorflow", "keras", "tf_keras", "torch", "tf-keras-vis", "numpy"),
    *("opencv-python-headless", "av", "ray"),
)
# Environment variables that affect the speed of the libraries.
VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_ENABLE_ONEDNN_OPTS")
MATRIX = 1536
COPY_BYTES = 1 << 28
REPEATS = 5


def describe_machine() -> dict[str, Any]:
    """Processor, cores, load, versions and settings, by name."""
    return {
        "processor": processor_name(),
        "cores": cores(),
        "load_average": list(os.getloadavg()) if hasattr(os, "getloadavg") else None,
        "memory_gb": _memory_gb(),
        "platform": platform.platform(),
        "versions": {"lus_keras": __version__, "python": platform.python_version()}
        | {name: package_version(name) for name in PACKAGES},
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def limits() -> dict[str, float]:
    """Peak performance: float32 multiplication and memory copies, each the best of several."""
    rng = np.random.default_rng(0)
    matrix = rng.random((MATRIX, MATRIX), dtype=np.float32)
    product = np.empty_like(matrix)
    source = np.zeros(COPY_BYTES, np.uint8)
    copied = np.ones_like(source)
    seconds = _best(lambda: np.matmul(matrix, matrix, out=product))
    return {
        "matmul_gflops": 2 * MATRIX**3 / seconds / 1e9,
        # Counts bytes read and written.
        "copy_gb_per_s": 2 * COPY_BYTES / _best(lambda: np.copyto(copied, source)) / 1e9,
    }


def _best(work: Callable[[], Any]) -> float:
    found = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def _memory_gb() -> float | None:
    try:
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    return round(pages / 1e9, 1)
