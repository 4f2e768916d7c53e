"""Networks of finished folds, rebuilt and combined."""

import inspect
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lus_keras import papers
from lus_keras.core import config
from lus_keras.core.errors import DataError, RunError
from lus_keras.data.pipeline import network_input
from lus_keras.inference.predict.find import (
    Description,
    Found,
    FoundPretrained,
    find_named,
    find_registered,
    read_calibration,
    read_description,
)
from lus_keras.models import builders
from lus_keras.models.predictor import WATCHED, predictor_of
from lus_keras.models.pretrained import registry
from lus_keras.papers.own import rebuilt


@dataclass(frozen=True)
class Ensemble:
    """The folds of one network; their predictions are averaged.

    Attributes:
        networks: Networks from inputs to logits, float32.
        predictors: The same networks with a dictionary of outputs: `logits` and those in `WATCHED`.
        calibrations: Calibration of each network; empty without.
    """

    description: Description
    folders: tuple[Path, ...]
    networks: tuple[keras.Model, ...]
    predictors: tuple[keras.Model, ...]
    calibrations: tuple[dict[str, Any], ...] = ()

    @property
    def temperatures(self) -> tuple[float, ...]:
        """Temperature of each network, by which its logits are divided; 1 without calibration."""
        if not self.calibrations:
            return (1.0,) * len(self.networks)
        return tuple(said["temperature"] for said in self.calibrations)

    @property
    def name(self) -> str:
        """`paper/model`, or `paper/variant/model`."""
        return self.description.name

    @property
    def clip(self) -> config.ClipConfig:
        """How videos are cut and scaled."""
        return self.description.clip

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.description.labels

    @property
    def watched(self) -> tuple[str, ...]:
        """The outputs in `WATCHED` that the network has."""
        return tuple(name for name in WATCHED if name in self.predictors[0].output)

    def decode(self, logits: np.ndarray) -> np.ndarray:
        """Logits `(n, k)` to probabilities `(n, classes)`, as in training."""
        description = self.description
        return papers.get(description.paper).decoder(description.multilabel)(logits)

    def predict(self, clips: np.ndarray, length: np.ndarray) -> dict[str, np.ndarray]:
        """Predicts a batch of clips.

        Args:
            clips: `(b, t, h, w, c)` uint8, as returned by `ClipSource.read`.
            length: `(b,)` number of frames of each clip without padding.

        Returns:
            `probabilities (b, classes)` float64, mean of the folds' probabilities; `logits (b, k)`
            and the outputs in `watched`, float32, means over folds.
        """
        values = network_input(clips, length, self.clip)
        outputs = [predictor.predict_on_batch(values) for predictor in self.predictors]
        found = {name: np.mean([o[name] for o in outputs], axis=0) for name in outputs[0]}
        chances = [
            self.decode(output["logits"] / temperature)
            for output, temperature in zip(outputs, self.temperatures, strict=True)
        ]
        return {"probabilities": np.mean(chances, axis=0), **found}


def load_models(
    path: str | os.PathLike[str],
    *,
    paper: str | None = None,
    model: str | None = None,
    variant: str | None = None,
    fold: int | None = None,
) -> Ensemble:
    """Loads the finished folds of one network of a run.

    Args:
        path: Run directory, a folder within it, or the name of a pretrained network.
        paper: Paper, if the run has several.
        model: Network, if the run has several.
        variant: Variant, if the run has several; "" is the paper's own protocol.
        fold: Number of a single fold; all finished folds if not given.

    Raises:
        RunError: There is no finished fold, a file is damaged, or weights do not fit the network.
        ConfigError: The requested network does not exist, or the request is ambiguous.
    """
    return load_found(find_named(Path(path), paper=paper, model=model, variant=variant, fold=fold))


def load_found(found: Found | FoundPretrained) -> Ensemble:
    """Loads a network that was found.

    Raises:
        RunError: A file of a run is damaged, or weights do not fit the network.
        DataError: A file of a pretrained network is damaged, does not match the hash in the entry,
            or does not fit the network.
    """
    return _load_pretrained(found) if isinstance(found, FoundPretrained) else _load_run(found)


def _load_run(found: Found) -> Ensemble:
    networks = []
    for folder in found.folders:
        known = folder == found.described
        description = found.description if known else read_description(folder)
        if description.shared != found.description.shared:
            raise RunError(
                f"{folder / 'model.json'}: contains a different network from {found.folders[0]}. "
                "Give --fold."
            )
        networks.append(_load(folder, description))
    said = [read_calibration(folder) for folder in found.folders]
    calibrated = [calibration for calibration in said if calibration]
    if calibrated and len(calibrated) < len(said):
        raise RunError(f"{found.folders[0].parent}: some folds are calibrated. Give --fold.")
    return ensemble(found.description, found.folders, networks, calibrated)


def load_registered(name: str, *, fold: int | None = None) -> Ensemble:
    """Loads a network that is shipped with the package or was registered by the user.

    Args:
        name: One of `registry.names()`.
        fold: Number of a single fold; all folds if not given.

    Raises:
        ConfigError: There is no such network or fold, or only its recipe is available.
        DataError: As `load_found`.
    """
    return load_found(find_registered(name, fold=fold))


def _load_pretrained(found: FoundPretrained) -> Ensemble:
    description, registered = found.description, found.registered
    networks = []
    for file in found.files.values():
        network = build_network(description)
        arrays = list(registry.read_arrays(registered, file).values())
        if [values.shape for values in arrays] != [tuple(w.shape) for w in network.weights]:
            raise DataError(
                f"{registered.folder / file.name}: the weights do not match {description.name}. "
                "If another version of lus_keras wrote it, export the network again."
            )
        network.set_weights(arrays)
        networks.append(network)
    folders = [registered.folder / stem for stem in found.files]
    stems = (Path(file.name).stem for file in registered.entry.files)
    known = dict(zip(stems, registered.entry.calibrations, strict=False))
    calibrations = [known[stem] for stem in found.files if stem in known]
    return ensemble(description, folders, networks, calibrations)


def ensemble(
    description: Description,
    folders: Sequence[Path],
    networks: Sequence[keras.Model],
    calibrations: Sequence[dict[str, Any]] = (),
) -> Ensemble:
    """Combines networks with the same description; either all are calibrated or none."""
    predictors = tuple(map(predictor_of, networks))
    parts = tuple(folders), tuple(networks), predictors, tuple(calibrations)
    return Ensemble(description, *parts)


def _check_options(description: Description) -> None:
    known = {
        option
        for name in config.load(description.paper).models
        for option in inspect.signature(builders()[name]).parameters
    }
    if unknown := sorted(description.options.keys() - known):
        raise RunError(
            f"{description.name}: cannot be built as model.json states (unknown options "
            f"{', '.join(unknown)}). If another version of lus_keras wrote it, use that version."
        )


def build_network(description: Description) -> keras.Model:
    """Rebuilds a network, with new weights.

    Shape and options are those of model.json; other settings, on which no network depends, are
    those of the paper's file.

    Raises:
        ConfigError: The paper is unknown.
        RunError: The paper has no such network, or the network rejects the options.
    """
    if description.network is not None:
        return _build_own(description)
    paper = papers.get(description.paper)
    _check_options(description)
    settings = config.load(description.paper).model_copy(
        update={
            "clip": description.clip,
            "model": dict(description.options),
            "labels": description.labels,
            "options": {},
        }
    )
    try:
        return paper.build(description.model, settings)
    except (ValueError, TypeError, KeyError) as error:
        raise RunError(
            f"{description.name}: cannot be built as model.json states ({error}). If another "
            "version of lus_keras wrote it, use that version."
        ) from error


def _build_own(description: Description) -> keras.Model:
    """Rebuilds a user's network from its layers; its file, which may be untrusted, is not run.

    Raises:
        RunError: It has layers defined only in its file, or cannot be built.
    """
    network = description.network or {}
    source = f"{network.get('file')}:{network.get('function')}"
    if network.get("layers") is None:
        raise RunError(
            f"{description.name}: has layers or functions that only {source} defines, so it cannot "
            "be built without that file. Use Keras layers, or register your own."
        )
    try:
        return rebuilt(network["layers"])
    except Exception as error:
        cause = str(error).strip().partition("\n")[0]
        raise RunError(
            f"{description.name}: cannot be built from model.json ({cause}). Train it again."
        ) from error


def _load(folder: Path, description: Description) -> keras.Model:
    network = build_network(description)
    path = folder / "model.weights.h5"
    try:
        with warnings.catch_warnings():
            # Keras only warns where a file lacks layers, which then keep random weights.
            warnings.simplefilter("error", UserWarning)
            network.load_weights(path)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        cause = str(error).strip().partition("\n")[0]
        raise RunError(
            f"{path}: the weights do not match {description.name} ({cause}). Train it again."
        ) from error
    return network
