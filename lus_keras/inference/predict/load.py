"""Networks of finished folds, built again and put side by side."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from lus_keras import papers
from lus_keras.core import config
from lus_keras.core.errors import RunError
from lus_keras.data.pipeline import network_input
from lus_keras.inference.predict.find import Description, find_network, read_description
from lus_keras.models.predictor import WATCHED, predictor_of


@dataclass(frozen=True)
class Ensemble:
    """The folds of one network; what they say is averaged.

    Attributes:
        description: What model.json says.
        folders: Where each network was found.
        networks: From inputs to logits, float32.
        predictors: The same, to a dictionary of `logits` and what `WATCHED` names.
    """

    description: Description
    folders: tuple[Path, ...]
    networks: tuple[keras.Model, ...]
    predictors: tuple[keras.Model, ...]

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
        """Which of `WATCHED` the network has."""
        return tuple(name for name in WATCHED if name in self.predictors[0].output)

    def decode(self, logits: np.ndarray) -> np.ndarray:
        """Logits `(n, k)` to probabilities `(n, classes)`, as in training."""
        description = self.description
        return papers.get(description.paper).decoder(description.multilabel)(logits)

    def predict(self, clips: np.ndarray, length: np.ndarray) -> dict[str, np.ndarray]:
        """Predicts a batch of clips.

        Args:
            clips: `(b, t, h, w, c)` uint8, as `ClipSource.read` gives them.
            length: `(b,)` frames that exist.

        Returns:
            `probabilities (b, classes)` float64, the mean over folds of each fold's; `logits
            (b, k)` and what `watched` names, means over folds, float32.
        """
        values = network_input(clips, length, self.clip)
        outputs = [predictor.predict_on_batch(values) for predictor in self.predictors]
        found = {name: np.mean([o[name] for o in outputs], axis=0) for name in outputs[0]}
        chances = [self.decode(output["logits"]) for output in outputs]
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
        path: Run directory, or any folder within it down to a fold's.
        paper: Paper, where the run has several.
        model: Network, where the run has several.
        variant: Variant, where the run has several; "" is none.
        fold: Only this fold.

    Returns:
        The networks.

    Raises:
        RunError: There is no finished fold, a file is damaged, or weights do not fit the network.
        ConfigError: What is asked for is not there, or several networks are meant.
    """
    found = find_network(Path(path), paper=paper, model=model, variant=variant, fold=fold)
    networks = []
    for folder in found.folders:
        description = read_description(folder)
        if description != found.description:
            raise RunError(
                f"{folder / 'model.json'}: is of another network than that of "
                f"{found.folders[0]}. Give --fold."
            )
        networks.append(_load(folder, description))
    predictors = tuple(map(predictor_of, networks))
    return Ensemble(found.description, found.folders, tuple(networks), predictors)


def build_network(description: Description) -> keras.Model:
    """Builds a network again, with new weights.

    Shape and options are those of model.json. The paper's file fills in the rest of a
    configuration, which no network depends on.

    Args:
        description: What model.json says.

    Returns:
        The network, uncompiled, float32.

    Raises:
        ConfigError: The paper is not known.
        RunError: The paper has no such network, or it refuses the options.
    """
    paper = papers.get(description.paper)
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
            f"{description.name}: cannot be built as model.json says ({error}). Was it written by "
            "another version?"
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
            f"{path}: weights are not those of {description.name} ({cause}). Train it again."
        ) from error
    return network
