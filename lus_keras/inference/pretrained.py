"""Networks by name: written from a trained run, loaded from a plain install."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lus_keras.core.errors import ConfigError, RunError
from lus_keras.core.files import read_json
from lus_keras.evaluation.run_record import PaperRecord, RunRecord, read_record
from lus_keras.inference.export.card import (
    contract,
    measured_rows,
    model_card,
    paper_record,
    recipe,
    title_of,
)
from lus_keras.inference.predict import Ensemble
from lus_keras.inference.predict.find import run_folder
from lus_keras.inference.predict.load import build_network, ensemble, load_registered
from lus_keras.inference.predict.metrics import FILE as METRICS
from lus_keras.models.pretrained import registry
from lus_keras.models.pretrained.registry import BACKBONE, Entry, Measured, Recipe
from lus_keras.models.pretrained.torch_weights import to_torch_state

# By how much half precision may change a probability of a clip of noise.
TOLERANCE = 0.02


def list_pretrained() -> dict[str, Entry]:
    """What there is by name: networks that ship with the package and those of the user.

    Returns:
        Entries: architecture, contract, recipe and measured numbers.

    Raises:
        DataError: An entry is damaged.
    """
    return {name: registry.find(name).entry for name in registry.names()}


def load_pretrained(name: str, *, fold: int | None = None) -> keras.Model:
    """Loads a pretrained network; nothing is downloaded.

    Args:
        name: One of `list_pretrained()`.
        fold: Which of its folds, where it has several; the first if not given.

    Returns:
        Model from scaled clips (`data.pipeline.network_input`) to logits, uncompiled. Its attribute
        `contract` says what it takes, what its outputs mean and what it may be used for.

    Raises:
        ConfigError: There is no such network or fold, or only its recipe is here.
        DataError: A file is damaged or not the one of the entry.
    """
    network = load_registered(name, fold=fold).networks[0]
    network.contract = registry.find(name).entry.contract
    return network


def register(
    models: Ensemble,
    name: str,
    *,
    root: Path | None = None,
    backbone: bool = False,
    weights: bool = True,
    others: Sequence[Path] = (),
) -> list[Path]:
    """Writes an entry from a trained run: weights in half precision, contract, recipe, numbers.

    Args:
        name: Name of the entry, `paper/network`.
        root: Folder of the entries; the user's if not given.
        backbone: Keep the layers of a picture network alone, for training to start from.
        weights: Whether weights are written, or the recipe alone.
        others: Runs that tested the same network on other data; their numbers are added.

    Raises:
        ConfigError: The name cannot be used, or the network has no such backbone.
        RunError: The run has no report, or half precision changes what the network says.
    """
    registry.check_name(name)
    description, run = models.description, run_folder(models.folders)
    if run is None:
        raise RunError(f"{models.folders[0]}: is not in a run directory, which its numbers are in.")
    measured = [_measured(folder, models) for folder in (run, *others)]
    stored = _stored(models, backbone=backbone)
    found = {} if backbone else _differences(models, stored)
    said = {**contract(models, "keras", found, {}), "format": "safetensors", "sha256": {}}
    said["check"]["allowed"] = TOLERANCE
    record = paper_record(run, description.paper)
    entry = Entry(
        schema=1,
        name=name,
        kind="backbone" if backbone else "network",
        title=title_of(description, record),
        description=description.model_dump(mode="json", by_alias=True),
        contract=said,
        parameters=sum(values.size for values in next(iter(stored.values())).values()),
        recipe=_recipe(record, read_record(run)),
        data=_data(record, description.variant),
        calibrations=models.calibrations,
        measured=tuple(measured),
    )
    card = model_card(models, said, {each.dataset: each.rows for each in measured[1:]})
    kept = stored if weights else {}
    return registry.write_entry(root or registry.user_root(), entry, kept, card)


def _measured(folder: Path, models: Ensemble) -> Measured:
    """What a run, or a folder that `predict` wrote, says of a network.

    Raises:
        RunError: It says nothing of it.
    """
    path = folder / METRICS
    if path.is_file():
        said = read_json(path)
        rows = tuple(said["rows"]) if said["model"] == models.name else ()
        source = {"dataset": said["dataset"], "simulated": False, "preset": ""}
    else:
        rows = tuple(measured_rows(folder, models.description))
        source = _source(folder, models)
    if not rows:
        raise RunError(
            f"{folder}: has no numbers of {models.name} in report/results.json or {METRICS}. Write "
            "them with `lus-keras report`, or with `lus-keras predict --manifest`."
        )
    return Measured(**source, rows=rows)


def _recipe(record: PaperRecord | None, run: RunRecord) -> Recipe:
    return Recipe(
        command=recipe(record), seed=run.seed, versions=run.versions, git_commit=run.git_commit
    )


def _source(run: Path, models: Ensemble) -> dict[str, Any]:
    record = paper_record(run, models.description.paper)
    if record is None:
        raise RunError(f"{run}: holds no run of the paper {models.description.paper}.")
    return {"dataset": record.dataset, "simulated": record.simulated, "preset": record.preset}


def _data(record: Any, variant: str) -> dict[str, Any]:
    if record is None:
        return {}
    data = record.variants[variant].data if variant in record.variants else record.data
    kept = {"patients", "videos", "clips", "classes", "license"}
    return {"dataset": record.dataset, **data.model_dump(mode="json", include=kept)}


def _stored(models: Ensemble, *, backbone: bool) -> dict[str, dict[str, np.ndarray]]:
    """File name → arrays as they are stored; those of a network in the order of its weights."""
    if backbone:
        if len(models.networks) > 1:
            raise ConfigError("--backbone: takes one network. Choose its --fold.")
        state = to_torch_state(models.networks[0])
        features = {key: values for key, values in state.items() if key.startswith("features.")}
        if not features:
            raise ConfigError(
                f"--backbone: {models.name} has no layers of AlexNet. Name another one."
            )
        return {BACKBONE: registry.halved(features)}
    return {
        f"{folder.name}.safetensors": registry.halved(
            {
                f"{number:04d} {weight.name}": np.asarray(weight)
                for number, weight in enumerate(network.weights)
            }
        )
        for folder, network in zip(models.folders, models.networks, strict=True)
    }


def _differences(
    models: Ensemble, stored: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, float]:
    """Largest change of a probability by half precision, on clips of noise.

    Raises:
        RunError: It is larger than `TOLERANCE`, or not finite.
    """
    clip, networks = models.clip, []
    for arrays in stored.values():
        network = build_network(models.description)
        network.set_weights([values.astype(np.float32) for values in arrays.values()])
        networks.append(network)
    halved = ensemble(models.description, models.folders, networks, models.calibrations)
    channels = clip.channels if clip.colour else 1
    shape = (2, clip.frames, *clip.picture, channels)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    length = np.full(2, clip.frames)
    first, second = (each.predict(noise, length)["probabilities"] for each in (models, halved))
    gap = float(np.abs(first - second).max())
    if not gap <= TOLERANCE:
        raise RunError(
            f"{models.name}: half precision changes probabilities by {gap:.2g} (allowed "
            f"{TOLERANCE:g}). Nothing was written; train it longer, or with fit.precision=float32."
        )
    return {"probabilities": gap}
