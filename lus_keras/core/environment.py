"""What a run stands on: versions of packages, and TensorFlow, started quietly."""

import importlib.util
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from lus_keras.core.errors import ConfigError
from lus_keras.core.files import read_json

BFLOAT16_FLAGS = ("avx512_bf16", "amx_bf16")
PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "opencv-python-headless", "av")

# Backends of Keras and the modules they come from.
BACKENDS = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}
# What Keras imports only to wrap it, which takes a quarter of the time of its own import.
IMPORTED_BY_KERAS = ("sklearn", "matplotlib.pyplot")
# Of Keras' own file of settings, those that numbers depend on.
SETTINGS: dict[str, Any] = {
    "image_data_format": "channels_last",
    "floatx": "float32",
    "epsilon": 1e-7,
}


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


def processor_name() -> str:
    """The processor as the system names it; empty where it does not."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor()


def prefer_onednn() -> None:
    """Asks TensorFlow for oneDNN's kernels, unless the user has decided otherwise.

    TensorFlow takes them by itself only on processors with AVX-512 VNNI or AMX. On one with AVX2
    alone (AMD Zen 3) a training step of `c2d_lstm_a` takes less than half with them, one of
    `resnet3d_18` less than a hundredth. It has no effect once TensorFlow is imported.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def keras_file() -> dict[str, Any]:
    """What the user's `keras.json` says; nothing where there is none, or none that can be read."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    try:
        stated = read_json(Path(home) / "keras.json")
    except (OSError, ValueError, RuntimeError):
        return {}
    return stated if isinstance(stated, dict) else {}


def replaced_settings() -> str | None:
    """One line on settings of `keras.json` that are not followed; None if there is none."""
    stated = keras_file()
    other = {
        key: stated[key] for key in SETTINGS if stated.get(key, SETTINGS[key]) != SETTINGS[key]
    }
    if not other:
        return None
    theirs = ", ".join(f"{key}: {value}" for key, value in other.items())
    ours = ", ".join(str(SETTINGS[key]) for key in other)
    return f"keras.json sets {theirs}; {ours} is used, as for the published results."


def check_backend() -> None:
    """Refuses a backend of Keras that is not there, which Keras itself does with a traceback.

    Raises:
        ConfigError: `KERAS_BACKEND` or `keras.json` names one that is unknown or not installed.
    """
    in_file = keras_file().get("backend")
    backend = os.environ.get("KERAS_BACKEND") or in_file or "tensorflow"
    if "keras" in sys.modules or (
        backend in BACKENDS and importlib.util.find_spec(BACKENDS[backend]) is not None
    ):
        return
    where = "KERAS_BACKEND" if os.environ.get("KERAS_BACKEND") else "keras.json"
    cause = "is not installed" if backend in BACKENDS else "is not known"
    raise ConfigError(
        f"{where} names the backend {str(backend)!r}, which {cause}. Install it, or set "
        "KERAS_BACKEND=tensorflow."
    )


def require_tensorflow(needing: str) -> Any:
    """Gives the module TensorFlow.

    Args:
        needing: What needs it, with the verb, such as "export needs".

    Raises:
        ConfigError: Keras computes with another backend.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            f"KERAS_BACKEND is '{keras.backend.backend()}': {needing} 'tensorflow'. Set "
            "KERAS_BACKEND=tensorflow and start again; saved models load with either backend."
        )
    import tensorflow as tf

    return tf


@contextmanager
def fixed_settings() -> Iterator[None]:
    """Lends Keras the settings that networks are built with, whatever its `keras.json` says."""
    import keras

    config = keras.config
    before = config.image_data_format(), config.floatx(), config.dtype_policy()
    _fix_settings()
    try:
        yield
    finally:
        config.set_image_data_format(before[0])
        config.set_floatx(before[1])
        config.set_dtype_policy(before[2])


def _fix_settings() -> None:
    """Sets what `SETTINGS` has; a policy that was chosen, such as mixed_bfloat16, stays."""
    from keras import config

    chosen = config.dtype_policy()
    if chosen.name == config.floatx():
        config.set_dtype_policy("float32")
    config.set_image_data_format("channels_last")
    config.set_floatx("float32")


def start_tensorflow(threads: int | None = None) -> None:
    """Imports Keras and its backend, and finds TensorFlow's devices, without their notices.

    Its libraries write to the terminal before any log level can be set: file descriptor 2 is turned
    aside meanwhile, and shown if the import fails.

    Args:
        threads: TensorFlow's threads within and across operations; None leaves the choice to it.

    Keras computes with the settings of `SETTINGS` from then on.

    Raises:
        ConfigError: The backend is not installed.
        ImportError: Keras or its backend cannot be imported.
    """
    check_backend()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    prefer_onednn()
    with _stderr_turned_aside():
        with _hidden(*IMPORTED_BY_KERAS):
            import keras

        _fix_settings()
        keras.config.set_epsilon(SETTINGS["epsilon"])
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
def _hidden(*modules: str) -> Iterator[None]:
    """Makes modules look as if they were not installed, unless they are imported already."""
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


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
