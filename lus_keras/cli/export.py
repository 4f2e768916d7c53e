"""`lus-keras export|pretrain`: trained networks as files for other software, and by name."""

import shlex
from pathlib import Path
from typing import Any

import click

from lus_keras.cli.networks import RUN, choice, load, named
from lus_keras.cli.options import OUT_FOLDER, PATH, WHOLE
from lus_keras.cli.output import Command, echo, name_files, number_of
from lus_keras.core.errors import ConfigError
from lus_keras.core.files import check_writable

COMMAND = ["lus-keras", "reproduce"]


@click.command(cls=Command, short_help="Export a network to run without this package.")
@RUN
@choice
@click.option(
    "--format",
    "file_format",
    default="saved_model",
    show_default=True,
    help="File format: saved_model, onnx or keras.",
)
@click.option("--out", type=OUT_FOLDER, help="Output folder.")
@click.option(
    "--as",
    "name",
    metavar="PAPER/NAME",
    help="Register the network under this name instead of writing --out.",
)
@click.option(
    "--into",
    type=OUT_FOLDER,
    help="With --as: folder of pretrained networks.  [default: the user's]",
)
@click.option(
    "--backbone",
    is_flag=True,
    help="With --as: register only the AlexNet layers, to initialize other networks.",
)
@click.option(
    "--recipe-only",
    is_flag=True,
    help="With --as: register the recipe without weights, for `pretrain`.",
)
@click.option(
    "--measured",
    multiple=True,
    type=PATH,
    help="With --as: run or `predict` folder with results on other data, for the model card "
    "(repeatable).",
)
def export(
    run: Path,
    file_format: str,
    out: Path | None,
    name: str | None,
    into: Path | None,
    backbone: bool,
    recipe_only: bool,
    measured: tuple[Path, ...],
    **options: Any,
) -> None:
    r"""Export the network of RUN, averaged over folds, as a model that runs without lus_keras.

    The model takes uint8 clips of any size; resizing and scaling are included. Before it is
    written, a fresh process reloads it and compares it with the network. --as registers it under a
    name for `predict`, `explain` and Python. For research only.

    \b
    lus-keras export runs/simulated-quick --model c2d_lstm_a --out models/bline/1
    lus-keras export runs/simulated-quick --model c2d_lstm_a --fold 0 --format onnx --out onnx
    lus-keras export runs/simulated-quick --model c2d_lstm_a --fold 0 --as mine/c2d_lstm_a
    """
    if (out is None) == (name is None):
        raise ConfigError("export: give --out FOLDER, or --as PAPER/NAME to register it.")
    from lus_keras.inference.checks import check_export_folder, check_format, check_measured
    from lus_keras.models.pretrained import registry

    if name is not None:
        registry.check_name(name)
        if into is None:
            check_writable(registry.user_root())
    check_format(file_format)
    if out is not None:
        check_export_folder(out)
    network = named(run, options)
    check_measured(measured, network.description.name)
    models = load(network)
    if name is not None:
        from lus_keras.inference.pretrained import register

        files = register(
            models, name, root=into, backbone=backbone, weights=not recipe_only, others=measured
        )
        echo(f"{models.name}, {number_of(len(models.networks), 'fold')}, is registered as {name}.")
        name_files(files)
        return
    from lus_keras.inference.export import export_models

    files, found = export_models(models, out or Path(), format=file_format)
    differences = ", ".join(f"{name} {value:.1g}" for name, value in found.items())
    folds = number_of(len(models.networks), "fold")
    echo(f"{models.name}, {folds}, reloaded: differs by {differences}.")
    name_files(files)


@click.command(cls=Command, short_help="Retrain a pretrained network by its recipe.")
@click.argument("name")
@click.option("--fold", type=WHOLE, help="Register only this fold, counted from 0.")
@click.pass_context
def pretrain(context: click.Context, name: str, fold: int | None) -> None:
    r"""Retrain the pretrained network NAME by its recipe and register it.

    The run is stored in the cache; run the same command again to resume.

    \b
    lus-keras pretrain bline/c2d_lstm_a
    """
    from lus_keras.core.files import cache_root
    from lus_keras.models.pretrained import registry

    entry = registry.find(name).entry
    words = shlex.split(entry.recipe.command)
    if words[:2] != COMMAND:
        raise ConfigError(f"'{name}': its recipe was not recorded. Choose another network.")
    out = cache_root() / "pretrained" / name
    parent = context.find_root()
    reproduce = parent.command.commands["reproduce"]  # type: ignore[attr-defined]
    try:
        with reproduce.make_context("reproduce", [*words[2:], "--out", str(out)], parent) as inner:
            reproduce.invoke(inner)
    except SystemExit as done:
        if done.code:
            raise
    said = entry.description
    chosen = {key: said[key] for key in ("paper", "model", "variant")}
    from lus_keras.inference.pretrained import register

    models = load(named(out, {**chosen, "fold": _fold(entry.files, fold)}))
    name_files(register(models, name, backbone=entry.kind == "backbone"))


def _fold(files: Any, fold: int | None) -> int | None:
    """The requested fold, or that of the registered entry."""
    numbers = [Path(file.name).stem.removeprefix("fold_") for file in files]
    if fold is None and len(numbers) == 1:
        return int(numbers[0]) if numbers[0].isdigit() else 0
    return fold
