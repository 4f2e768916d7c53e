"""Finding the folds of one network in a run, or naming those that could be meant."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from lus_keras.core.config import ClipConfig, did_you_mean
from lus_keras.core.errors import ConfigError, RunError
from lus_keras.core.files import read_json, sha256_of
from lus_keras.core.former_names import renamed_entry
from lus_keras.evaluation.run_record import read_done
from lus_keras.models.pretrained import registry

CALIBRATION = "calibration.json"
NEEDED = ("model.json", "model.weights.h5")


class Description(BaseModel):
    """What model.json says: all that a network's shape and its input depend on.

    Attributes:
        multilabel: Whether each label is predicted separately, so that none or several may apply.
        cropped: Whether the videos showed only the sector, so that they were not cropped to it.
        network: File, function and hash of a network of the user's own, and its `layers`.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: Literal[1] = Field(alias="schema")
    paper: str
    variant: Annotated[
        str,
        AfterValidator(renamed_entry),
        Field(validation_alias=AliasChoices("variant", "arm")),  # former name
    ]
    model: str
    options: dict[str, Any]
    labels: tuple[str, ...]
    clip: ClipConfig
    multilabel: bool = False
    cropped: bool = False
    network: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """`paper/model`, or `paper/variant/model`."""
        return "/".join(filter(None, (self.paper, self.variant, self.model)))

    def matches(self, paper: str | None, model: str | None, variant: str | None) -> bool:
        """Whether this is the requested network; None matches any."""
        if model and "/" in model and not f"/{self.name}".endswith(f"/{model}"):
            return False
        plain = model.rpartition("/")[2] if model else None
        asked = ((paper, self.paper), (plain, self.model), (variant, self.variant))
        return all(value in (None, own) for value, own in asked)

    @property
    def shared(self) -> dict[str, Any]:
        """What all folds of a network share; Keras numbers layers of the user's in each of them."""
        said = self.model_dump()
        return said | {"network": {**said["network"], "layers": None} if said["network"] else None}


@dataclass(frozen=True)
class Found:
    """Finished folds of a network in a run.

    Attributes:
        description: What one of the folds says; the others say the same.
        described: That fold, whose files are known to be those of its DONE; it need not be among
            `folders`.
    """

    description: Description
    folders: tuple[Path, ...]
    described: Path


@dataclass(frozen=True)
class FoundPretrained:
    """Folds of a network that ships with the package or that the user registered.

    Attributes:
        files: Files of weights by their stems; they are not yet compared with the entry.
    """

    registered: registry.Registered
    files: dict[str, registry.WeightsFile]

    @property
    def description(self) -> Description:
        """What the network is."""
        return Description.model_validate(self.registered.entry.description)


def find_named(
    path: Path,
    *,
    paper: str | None = None,
    model: str | None = None,
    variant: str | None = None,
    fold: int | None = None,
) -> Found | FoundPretrained:
    """Finds a network of a run or a pretrained one, without importing Keras.

    Args:
        path: As for `find_network`, or the name of a pretrained network.

    Raises:
        RunError: As `find_network`.
        ConfigError: As `find_network` or `find_registered`.
        DataError: The entry of a pretrained network is damaged.
    """
    if not path.exists() and registry.is_registered(path.as_posix()):
        return find_registered(path.as_posix(), fold=fold)
    return find_network(path, paper=paper, model=model, variant=variant, fold=fold)


def find_registered(name: str, *, fold: int | None = None) -> FoundPretrained:
    """Finds a network that ships with the package or that the user registered.

    Args:
        name: One of `registry.names()`.
        fold: Number of a single fold; all folds if not given.

    Raises:
        ConfigError: There is no such network or fold, or only its recipe is here.
        DataError: The entry is damaged.
    """
    found = registry.find(name)
    if found.entry.kind != "network":
        raise ConfigError(
            f"'{name}' is a backbone for initialization, not a complete network. Use it with "
            f"--set options.weights={name}"
        )
    files = {Path(file.name).stem: file for file in registry.needed_files(found)}
    if fold is None:
        return FoundPretrained(found, files)
    if f"fold_{fold}" not in files:
        raise ConfigError(f"'{name}' has no fold_{fold}. It has: {', '.join(files)}.")
    return FoundPretrained(found, {f"fold_{fold}": files[f"fold_{fold}"]})


def find_network(
    path: Path,
    *,
    paper: str | None = None,
    model: str | None = None,
    variant: str | None = None,
    fold: int | None = None,
) -> Found:
    """Finds the finished folds of one network.

    Args:
        path: Run directory, any folder within it down to a fold's.
        paper: Only networks of this paper; None is any, likewise below.
        model: Network; also `variant/model` or `paper/model`, as `reproduce` and messages name it.
        variant: Only this variant; "" is the networks without one.
        fold: Number of a single fold; all finished folds if None.

    Raises:
        RunError: There is no such folder, it contains no finished fold, or files are damaged.
        ConfigError: There is no such network, or several match; they are listed.
    """
    networks = _networks(path)
    wanted = {"paper": paper, "model": model, "variant": variant}
    chosen = [network for network in networks if network.description.matches(**wanted)]
    there = ", ".join(network.description.name for network in networks)
    if not chosen:
        asked = ", ".join(f"--{name} {value}" for name, value in wanted.items() if value)
        raise ConfigError(f"{path}: contains no network for {asked}. It contains: {there}.")
    if len(chosen) > 1:
        named = ", ".join(network.description.name for network in chosen)
        raise ConfigError(
            f"{path}: contains {len(chosen)} networks: {named}. Choose one with --paper, --model "
            "or --variant, or give its folder."
        )
    found = chosen[0]
    _refuse_foreign(found)
    if fold is None:
        return found
    folders = tuple(folder for folder in found.folders if folder.name == f"fold_{fold}")
    if not folders:
        numbers = ", ".join(folder.name.removeprefix("fold_") for folder in found.folders)
        raise ConfigError(
            f"{path}: {found.description.name} has no finished fold {fold}. It has: {numbers}."
        )
    return replace(found, folders=folders)


def _networks(path: Path) -> list[Found]:
    if not path.is_dir():
        raise RunError(
            f"{path}: is not a folder. Give a run directory, the folder of a network in it, or the "
            f"name of a pretrained network.{did_you_mean(path.as_posix(), registry.names())}"
        )
    folders = [path] if (path / "model.json").is_file() else _fold_folders(path)
    if not folders:
        unfinished = any(path.rglob("checkpoint_*.npz"))
        advice = (
            "Its training is not finished: run the same `reproduce` command again to continue."
            * unfinished
        )
        raise RunError(
            f"{path}: contains no finished network. "
            + (advice or "Train one with `lus-keras reproduce`.")
        )
    groups: dict[Path, list[Path]] = {}
    for folder in folders:
        groups.setdefault(folder.parent, []).append(folder)
    return [
        Found(read_description(group[0]), tuple(group), described=group[0])
        for group in groups.values()
    ]


def _refuse_foreign(found: Found) -> None:
    """Refuses folders that hold other folds than they are named for, and folds of several runs.

    Raises:
        RunError: There are some; all are named. Folds of several versions may stand together.
    """
    marks = {folder: read_done(folder).fingerprint for folder in found.folders}
    known = {folder: mark for folder, mark in marks.items() if mark}
    problems = []
    for folder, mark in known.items():
        first = next(iter(known.values()))
        # A fold that was copied for itself may have any name.
        number = folder.name if folder.name.startswith("fold_") else mark.fold
        own = {"versions": mark.versions, "lus_keras": mark.lus_keras, "fold": number}
        expected = first.model_copy(update={**own, "model": found.description.model})
        problems += [
            f"{folder / 'DONE'}: belongs to another run: {text}"
            for text in expected.differences(mark)
        ]
    if problems:
        advice = "Delete these folds, or copy those of one run; --fold does not select a run."
        raise RunError.from_problems([*problems, advice], most=len(problems) + 1)


def _fold_folders(path: Path) -> list[Path]:
    """Folders of finished folds, network by network, in the order of their numbers."""
    found = [
        done.parent
        for done in path.rglob("fold_*/DONE")
        if done.parent.name.removeprefix("fold_").isdigit()
    ]
    return sorted(found, key=lambda folder: (folder.parent, int(folder.name[5:])))


def read_description(folder: Path) -> Description:
    """Reads and checks model.json of a finished fold, and that its files are those of DONE.

    Raises:
        RunError: The fold is not finished, or a file is damaged or not the one that was trained.
    """
    _check_hashes(folder)
    path = folder / "model.json"
    try:
        return Description.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise RunError(f"{path}: cannot be used ({_first_line(error)}). Train it again.") from error


def read_calibration(folder: Path) -> dict[str, Any] | None:
    """Calibration of a fold, see `fit.calibrate`; None if it was not calibrated.

    Raises:
        RunError: The file does not match its hash in DONE.
    """
    vouched = read_json(folder / "DONE")["sha256"].get(CALIBRATION)
    if vouched is None:
        return None
    path = folder / CALIBRATION
    if not path.is_file() or sha256_of(path) != vouched:
        raise RunError(f"{path}: does not match its hash in DONE. Retrain the fold.")
    return read_json(path)


def _check_hashes(folder: Path) -> None:
    try:
        done = read_json(folder / "DONE")
        vouched = done["sha256"]
        if set(NEEDED) & {*done.get("exclusions", ()), *done.get("left_out", ())}:  # former name
            raise RunError(
                f"{folder}: is part of an archive, which contains no weights. Train it again."
            )
        changed = [name for name in NEEDED if sha256_of(folder / name) != vouched[name]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder}: is not a finished fold ({type(error).__name__}: {_first_line(error)}). Run "
            "the same `reproduce` command again to continue."
        ) from error
    if changed:
        raise RunError(
            f"{folder}: {' and '.join(changed)} do not match their hashes in DONE. Copy the folder "
            "again, or delete it and retrain the fold."
        )


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"'{'.'.join(map(str, first['loc']))}': {first['msg']}"
    return str(error).partition("\n")[0]


def run_folder(folders: Sequence[Path]) -> Path | None:
    """Run directory that folds lie in: the nearest folder above that has a run.json, or None."""
    above = folders[0].absolute().parents
    return next((parent for parent in above if (parent / "run.json").is_file()), None)
