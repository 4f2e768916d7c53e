"""What a run stands on: versions of packages, and TensorFlow, started quietly."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")
PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "opencv-python-headless", "av")


def package_version(package: str) -> str | None:
    """Installed version of a package, or None if it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def computes_in_bfloat16() -> bool:
    """Whether this machine's processor multiplies in bfloat16."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return any(flag in flags for flag in BFLOAT16_FLAGS)


def cores() -> int:
    """Cores this process may use, which a batch system may have limited."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def prefer_onednn() -> None:
    """Asks TensorFlow for oneDNN's kernels, unless the user has decided otherwise.

    TensorFlow takes them by itself only on processors with AVX-512 VNNI or AMX. On one with AVX2
    alone (AMD Zen 3) a training step of `c2d_lstm_a` takes a third of the time with them, one of
    `resnet3d_18` less than a hundredth. It has no effect once TensorFlow is imported.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def start_tensorflow(threads: int | None = None) -> None:
    """Imports Keras and its backend, and finds TensorFlow's devices, without their notices.

    Its libraries write to the terminal before any log level can be set: file descriptor 2 is turned
    aside meanwhile, and shown if the import fails.

    Args:
        threads: TensorFlow's threads within and across operations; None leaves the choice to it.

    Raises:
        ImportError: Keras or its backend cannot be imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    prefer_onednn()
    with _stderr_turned_aside():
        import keras

        if keras.backend.backend() != "tensorflow":
            with suppress(ImportError):  # Keras looks for it later, whatever the backend
                import tensorflow  # noqa: F401
            return
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        if threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        tf.config.list_logical_devices()


@contextmanager
def _stderr_turned_aside() -> Iterator[None]:
    sys.stderr.flush()
    with tempfile.TemporaryFile() as notices:
        kept = os.dup(2)
        os.dup2(notices.fileno(), 2)
        try:
            yield
        except BaseException:
            notices.seek(0)
            os.write(kept, notices.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
