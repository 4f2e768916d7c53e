"""What can be wrong with a request for trained networks, told before Keras is imported.

TensorFlow takes seconds to start and networks take seconds to load; a misspelled option should not
wait for them. The command line and the functions of Python refuse by the same rules.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from lus_keras.core.config import did_you_mean
from lus_keras.core.errors import ConfigError, DataError, RunError
from lus_keras.core.files import check_writable
from lus_keras.data.manifest import Video

STANDARD = ("vanilla", "smooth", "grad-cam")
METHODS = (*STANDARD, "integrated")
FORMATS = ("saved_model", "onnx", "keras")
ONNX_PACKAGES = ("tf2onnx", "onnx", "onnxruntime")
CONTRACT = "contract.json"
# Where results of a network stand: in a run, and in a folder of `predict`.
RESULTS, METRICS = "report/results.json", "metrics.json"


def check_methods(methods: Sequence[str]) -> None:
    """Refuses methods of explanation that do not exist.

    Raises:
        ConfigError: There are some; all are named.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown:
        raise ConfigError.from_problems(
            f"--method: unknown method '{name}'.{did_you_mean(name, METHODS)}" for name in unknown
        )


def check_class(explained: str, labels: Sequence[str]) -> None:
    """Refuses a class that a network does not have; "" stands for the predicted one.

    Raises:
        ConfigError: It is not among the labels.
    """
    if explained and explained not in labels:
        raise ConfigError(
            f"--class: the network has no class '{explained}'.{did_you_mean(explained, labels)}"
        )


def check_format(name: str) -> None:
    """Refuses a format of exports that does not exist or whose packages are not installed.

    Raises:
        ConfigError: With the formats, or with how to install the packages.
    """
    if name not in FORMATS:
        raise ConfigError(f"--format: unknown format '{name}'.{did_you_mean(name, FORMATS)}")
    missing = [package for package in ONNX_PACKAGES if not importlib.util.find_spec(package)]
    if name == "onnx" and missing:
        raise ConfigError(
            f"--format onnx: {', '.join(missing)} not installed. "
            "Install them: pip install 'lus-keras[onnx]'."
        )


def check_export_folder(out: Path) -> None:
    """Refuses a folder that holds anything but an earlier export, or that cannot be written.

    Raises:
        ConfigError: With what to name instead.
    """
    if out.exists() and (
        not out.is_dir() or (any(out.iterdir()) and not (out / CONTRACT).is_file())
    ):
        raise ConfigError(f"{out}: contains files that are not an export. Choose a new folder.")
    check_writable(out)


def check_measured(folders: Sequence[Path], network: str) -> None:
    """Refuses folders without any results to be stated for a network.

    Raises:
        RunError: The first of them.
    """
    for folder in folders:
        if not any((folder / name).is_file() for name in (RESULTS, METRICS)):
            raise no_results(folder, network)


def no_results(folder: Path, network: str) -> RunError:
    """The error about a folder that has no results of a network."""
    return RunError(
        f"{folder}: has no results of {network} in {RESULTS} or {METRICS}. Write them with "
        "`lus-keras report`, or with `lus-keras predict --manifest`."
    )


def check_videos(rows: Sequence[Video]) -> None:
    """Refuses a request of which no video exists; if some exist, the others are reported later.

    Raises:
        DataError: None exists; all are named.
    """
    missing = [row.video for row in rows if row.video and not Path(row.video).exists()]
    if missing and len(missing) == len(rows):
        raise DataError.from_problems(
            f"{path}: cannot be read (No such file or directory). Check the path."
            for path in missing
        )
