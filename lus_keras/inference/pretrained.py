"""Networks by name: registered from a trained run, loaded from a plain installation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lus_keras.core.errors import ConfigError, RunError
from lus_keras.core.files import read_json
from lus_keras.evaluation.run_record import PaperRecord, RunRecord, read_record
from lus_keras.inference.checks import METRICS, no_results
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
from lus_keras.models.pretrained import registry
from lus_keras.models.pretrained.registry import BACKBONE, Entry, Measured, Recipe
from lus_keras.models.pretrained.torch_weights import to_torch_state

# By how much half precision may change a probability of a clip of noise.
TOLERANCE = 0.02


def list_pretrained() -> dict[str, Entry]:
    """Pretrained networks by name: those shipped with the package and the user's own.

    Returns:
        Entry of each network: architecture, contract, recipe and measured performance.

    Raises:
        DataError: An entry is damaged.
    """
    return {name: registry.find(name).entry for name in registry.names()}


def load_pretrained(name: str, *, fold: int | None = None) -> keras.Model:
    """Loads a pretrained network; nothing is downloaded.

    Args:
        name: One of `list_pretrained()`.
        fold: Number of the fold; the first if not given.

    Returns:
        Uncompiled model from scaled clips (`data.pipeline.network_input`) to logits. Its attribute
        `contract` describes inputs, outputs and permitted use.

    Raises:
        ConfigError: There is no such network or fold, or only its recipe is available.
        DataError: A file is damaged or does not match the hash in the entry.
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
    """Registers a trained network: weights in half precision, contract, recipe, performance.

    Args:
        models: Networks of the folds of a run.
        name: Name of the entry, `paper/network`.
        root: Folder of the entries; the user's if not given.
        backbone: Whether only the image backbone is kept, as initial weights for training.
        weights: Whether the weights are written; otherwise only the recipe.
        others: Runs that tested the same network on other data; their results are added.

    Returns:
        Files written.

    Raises:
        ConfigError: The name is invalid, or the network has no such backbone.
        RunError: The run has no report, or half precision changes a probability by more than 0.02.
    """
    registry.check_name(name)
    description, run = models.description, run_folder(models.folders)
    if run is None:
        raise RunError(
            f"{models.folders[0]}: is not in a run directory, which contains the results."
        )
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
    """Results for a network in a run, or in a folder written by `predict`.

    Raises:
        RunError: There are none.
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
        raise no_results(folder, models.name)
    return Measured(**source, rows=rows)


def _recipe(record: PaperRecord | None, run: RunRecord) -> Recipe:
    return Recipe(
        command=recipe(record), seed=run.seed, versions=run.versions, git_commit=run.git_commit
    )


def _source(run: Path, models: Ensemble) -> dict[str, Any]:
    record = paper_record(run, models.description.paper)
    if record is None:
        raise RunError(f"{run}: contains no run of the paper {models.description.paper}.")
    return {"dataset": record.dataset, "simulated": record.simulated, "preset": record.preset}


def _data(record: Any, variant: str) -> dict[str, Any]:
    if record is None:
        return {}
    data = record.variants[variant].data if variant in record.variants else record.data
    kept = {"patients", "videos", "clips", "classes", "license"}
    return {"dataset": record.dataset, **data.model_dump(mode="json", include=kept)}


def _stored(models: Ensemble, *, backbone: bool) -> dict[str, dict[str, np.ndarray]]:
    """File name → stored arrays; those of a network are in the order of its weights."""
    if backbone:
        if len(models.networks) > 1:
            raise ConfigError("--backbone: requires a single network. Choose its --fold.")
        state = to_torch_state(models.networks[0])
        features = {key: values for key, values in state.items() if key.startswith("features.")}
        if not features:
            raise ConfigError(
                f"--backbone: {models.name} has no AlexNet layers. Choose another network."
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
    """Largest change of a probability due to half precision, on clips of noise.

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
            f"{models.name}: half precision (float16) changes probabilities by {gap:.2g} (allowed "
            f"{TOLERANCE:g}). Nothing was written; train it longer, or with fit.precision=float32."
        )
    return {"probabilities": gap}
