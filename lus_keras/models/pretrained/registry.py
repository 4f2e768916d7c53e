"""Named weights: those shipped with the package and those registered by the user.

<root>/<name>/entry.json           network, preprocessing, recipe, measured numbers, sha256
              fold_<k>.safetensors  weights: matrices and kernels in half precision
              card.md               model card

The user's folder takes precedence. Nothing is downloaded.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lus_keras.core.config import did_you_mean
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.files import replaced_folder, sha256_of
from lus_keras.models.pretrained.torch_files.safetensors import read_safetensors

SHIPPED = Path(__file__).parent / "weights"
FILE, CARD = "entry.json", "card.md"
BACKBONE: Final = "backbone.safetensors"
_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)+")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WeightsFile(_Part):
    """A file of weights: its name, its hash, its size in bytes."""

    name: str
    sha256: str
    size: int


class Recipe(_Part):
    """How a network was trained: command, seed, versions and commit; empty if not recorded."""

    command: str = ""
    seed: int | None = None
    versions: dict[str, str | None] = {}
    git_commit: str | None = None


class Measured(_Part):
    """Rows of results.json about the network, and the data on which they were measured."""

    dataset: str
    simulated: bool
    preset: str
    rows: tuple[dict[str, Any], ...]


class Entry(_Part):
    """Content of entry.json.

    Attributes:
        name: Name, such as `bline/c2d_lstm_a`.
        kind: A whole network, or a backbone as initial weights for training.
        description: Architecture and preprocessing, as in model.json.
        contract: Inputs and outputs, as in contract.json of an exported model.
        parameters: Number of parameters of one network, including those that are not trained.
        files: Files of weights, one per fold; empty if only the recipe is available.
        data: Counts and license of the training data.
        calibrations: Calibration of each network, in the order of `files`; empty without.
        measured: Performance on one or several data sets.
    """

    version: Literal[1] = Field(default=1, alias="schema")
    name: str
    kind: Literal["network", "backbone"] = "network"
    title: str
    description: dict[str, Any]
    contract: dict[str, Any]
    parameters: int
    files: tuple[WeightsFile, ...] = ()
    recipe: Recipe = Recipe()
    data: dict[str, Any] = {}
    calibrations: tuple[dict[str, Any], ...] = ()
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True)
class Registered:
    """An entry and its folder; `ships` is true for entries of the package."""

    entry: Entry
    folder: Path
    ships: bool

    @property
    def size(self) -> int:
        """Size of all weights in bytes."""
        return sum(file.size for file in self.entry.files)


def user_root() -> Path:
    """Folder of the user's own entries: `LUS_KERAS_WEIGHTS`, else the user's data folder."""
    if os.environ.get("LUS_KERAS_WEIGHTS"):
        return Path(os.environ["LUS_KERAS_WEIGHTS"])
    import platformdirs

    return Path(platformdirs.user_data_dir("lus_keras")) / "weights"


def names() -> list[str]:
    """Names of all entries, sorted; the entries are not read."""
    found = {
        path.parent.relative_to(root).as_posix()
        for root in (user_root(), SHIPPED)
        for path in root.rglob(FILE)
    }
    return sorted(name for name in found if _NAME.fullmatch(name))


def check_name(name: str) -> None:
    """Rejects an invalid name of an entry.

    Raises:
        ConfigError: The name is not of the form `paper/network`.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise ConfigError(f"--as {name}: must be PAPER/NAME of letters, digits, '_', '-' and '.'.")


def is_registered(name: str) -> bool:
    """Whether there is an entry with this name."""
    return bool(_NAME.fullmatch(name)) and ".." not in name and _folder(name) is not None


def _folder(name: str) -> Path | None:
    places = (root / name for root in (user_root(), SHIPPED))
    return next((place for place in places if (place / FILE).is_file()), None)


def find(name: str) -> Registered:
    """Reads an entry.

    Args:
        name: One of `names()`.

    Returns:
        The entry; the user's if the package also has one with this name.

    Raises:
        ConfigError: There is no such entry.
        DataError: entry.json is damaged.
    """
    folder = _folder(name) if is_registered(name) else None
    if folder is None:
        raise ConfigError(f"unknown pretrained network '{name}'.{did_you_mean(name, names())}")
    try:
        entry = Entry.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise DataError(
            f"{folder / FILE}: cannot be used ({reason}). Install the package again, or export "
            "the network again."
        ) from error
    return Registered(entry, folder, folder.is_relative_to(SHIPPED))


def read_arrays(found: Registered, file: WeightsFile) -> dict[str, np.ndarray]:
    """Reads a file of weights after verifying its hash.

    Returns:
        float32 arrays by name, sorted.

    Raises:
        DataError: The file is missing or damaged, or its hash differs from that in the entry.
    """
    path = found.folder / Path(file.name).name
    try:
        changed = sha256_of(path) != file.sha256
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}). Download or copy it again."
        ) from error
    if changed:
        raise DataError(
            f"{path}: sha256 is not that of {FILE}: the file was changed or damaged. Install the "
            "package again, or export the network again."
        )
    arrays = read_safetensors(path)
    return {name: arrays[name].astype(np.float32) for name in sorted(arrays)}


def load_backbone(name: str) -> dict[str, np.ndarray]:
    """Initial weights of a backbone, under PyTorch's names.

    Args:
        name: Name of a registered backbone, such as `severity/alexnet`.

    Returns:
        float32 arrays by name, for `load_torch_weights`.

    Raises:
        ConfigError: There is no such entry, it is a whole network, or only its recipe is available.
        DataError: A file is damaged or does not match the hash in the entry.
    """
    found = find(name)
    if found.entry.kind != "backbone":
        raise ConfigError(f"'{name}' is a complete network. Choose a backbone for initialization.")
    (file,) = needed_files(found)
    return read_arrays(found, file)


def needed_files(found: Registered) -> tuple[WeightsFile, ...]:
    """Files of weights of an entry.

    Raises:
        ConfigError: Only its recipe is available.
    """
    name = found.entry.name
    if not found.entry.files:
        raise ConfigError(
            f"'{name}' ships as a recipe, without weights. Train it: lus-keras pretrain {name}"
        )
    return found.entry.files


def halved(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays for storage: kernels in half precision, vectors and arrays that overflow in single.

    Vectors are biases and statistics of normalization: few numbers with a wide range.
    """
    stored = {}
    for name, values in arrays.items():
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        keep = values.ndim < 2 or not np.isfinite(half).all()
        stored[name] = np.ascontiguousarray(values.astype(np.float32) if keep else half)
    return stored


def write_entry(
    root: Path, entry: Entry, weights: Mapping[str, Mapping[str, np.ndarray]], card: str
) -> list[Path]:
    """Writes an entry to a temporary folder, then moves it into place; replaces an existing one.

    Args:
        root: Folder of the entries.
        entry: The entry; its `files` are replaced by those written.
        weights: File name → arrays, see `halved`.
        card: Text of card.md.

    Returns:
        Files written.
    """
    from safetensors.numpy import save_file

    out = root / entry.name
    with replaced_folder(out) as unfinished:
        files = []
        for name, arrays in weights.items():
            path = unfinished / name
            save_file(dict(arrays), path)
            size = path.stat().st_size
            files.append(WeightsFile(name=name, sha256=sha256_of(path), size=size))
        said = entry.model_copy(update={"files": tuple(files)})
        text = said.model_dump_json(indent=1, by_alias=True)
        (unfinished / FILE).write_text(text + "\n", "utf-8")
        (unfinished / CARD).write_text(card, "utf-8")
    return sorted(out.iterdir())
