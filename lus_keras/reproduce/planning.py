"""From a request to plans: configuration, networks and videos; nothing is decoded or trained."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lus_keras import config, datasets, papers
from lus_keras.cache import Item
from lus_keras.clips import is_labelled, windows
from lus_keras.config import PaperConfig, did_you_mean
from lus_keras.datasets import simulated
from lus_keras.errors import ConfigError, DataError
from lus_keras.papers import Paper
from lus_keras.reproduce.request import Request, run_folder, targets_by_paper
from lus_keras.simulate import VideoPlan


@dataclass(frozen=True)
class Plan:
    """One paper's share of a request, before any work is done.

    Attributes:
        paper: The paper.
        targets: What is asked of it.
        config: Its configuration, preset and overrides applied.
        models: Networks to train, in the paper's order.
        items: Videos or plans of videos.
        notes: What has to be said of the data.
        license: Licence of the data.
        crop: How frames are cropped; videos that show the sector alone are not.
    """

    paper: Paper
    targets: tuple[str, ...]
    config: PaperConfig
    models: tuple[str, ...]
    items: list[Item]
    notes: tuple[str, ...]
    license: str
    crop: str


def plan(request: Request) -> list[Plan]:
    """Resolves targets, configuration and data of a request; no video is opened.

    Args:
        request: What was asked for.

    Returns:
        One plan a paper.

    Raises:
        ConfigError: A target, paper, model, preset or setting is wrong.
        DataError: The data are absent or break a rule.
    """
    wanted = targets_by_paper(request)
    return [_plan_paper(name, targets, request) for name, targets in wanted.items()]


def describe(request: Request) -> list[str]:
    """What a request would do, in words; nothing is rendered, decoded or trained.

    Args:
        request: What was asked for.

    Returns:
        Lines to print.

    Raises:
        ConfigError: As `plan`.
        DataError: As `plan`.
    """
    lines = [f"run directory: {run_folder(request)}"]
    for paper_plan in plan(request):
        lines += _describe_plan(paper_plan)
    return lines


def _plan_paper(name: str, targets: Sequence[str], request: Request) -> Plan:
    paper = papers.get(name)
    settings = config.load(name, request.preset, request.overrides)
    needed = {model for target in targets for model in paper.targets[target]}
    for model in request.models:
        if model not in settings.models:
            raise ConfigError(f"unknown model '{model}'.{did_you_mean(model, settings.models)}")
    chosen = set(request.models) or needed
    models = tuple(model for model in settings.models if model in chosen)
    last = settings.split.folds - 1 if settings.split.scheme == "kfold" else 0
    if request.fold is not None and not 0 <= request.fold <= last:
        raise ConfigError(f"--fold {request.fold}: must be 0 … {last}.")
    crop = settings.clip.crop
    if request.data == simulated.NAME:
        items: list[Item] = list(simulated.plan(name, settings.cohort, request.seed))
        return Plan(
            paper, tuple(targets), settings, models, items, simulated.NOTES, simulated.LICENSE, crop
        )
    data = datasets.load(request.data, root=request.root)
    items, notes = _labelled(data, settings.label_column)
    crop = "none" if data.cropped else crop
    return Plan(
        paper, tuple(targets), settings, models, items, (*data.notes, *notes), data.license, crop
    )


def _labelled(data: datasets.Dataset, column: str) -> tuple[list[Item], list[str]]:
    """Videos that have the label, and a note on those that have not."""
    videos: list[Item] = [video for video in data.videos if is_labelled(video, column)]
    if not videos:
        raise DataError(f"{data.name}: no video has a label in '{column}'. Fill in that column.")
    missing = [video.video_id for video in data.videos if not is_labelled(video, column)]
    if not missing:
        return videos, []
    listed = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
    return videos, [
        f"{len(missing)} videos have no label in '{column}' and are left out: {listed}."
    ]


def open_choices(plan: Plan, request: Request) -> list[dict[str, Any]]:
    """Settings that the paper leaves open or states, with label and reason; for printing.

    Those of the cohort are left out where it is not simulated. A value that preset or override
    changed says so: its label is that of the paper's value.
    """
    paper = config.load(plan.paper.name).labelled_choices()
    choices = []
    for choice, stated in zip(plan.config.labelled_choices(), paper, strict=True):
        if request.data != simulated.NAME and choice["field"].startswith("cohort."):
            continue
        if choice["value"] != stated["value"]:
            why = f"changed by this run from {stated['value']}; {choice['why']}"
            choice = {**choice, "why": why}
        choices.append(choice)
    return choices


def check_model(plan: Plan) -> None:
    """Refuses wrong `model:` settings before anything is rendered or decoded."""
    from lus_keras.models import builders

    known = builders()
    source = f"configs/{plan.paper.name}.yaml"
    problems = []
    for model in plan.models:
        options = [
            name for name in inspect.signature(known[model]).parameters if name != "input_shape"
        ]
        problems += [
            f"{source}: unknown key 'model.{key}'.{did_you_mean(key, options)}"
            for key in plan.config.model
            if key not in options
        ]
    if problems:
        raise ConfigError.from_problems(dict.fromkeys(problems))
    for model in plan.models[:1]:
        try:
            plan.paper.build(model, plan.config)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{source}: model: {error}") from None


def _describe_plan(plan: Plan) -> list[str]:
    settings, clip = plan.config, plan.config.clip
    folds = settings.split.folds if settings.split.scheme == "kfold" else 1
    plans = [item for item in plan.items if isinstance(item, VideoPlan)]
    if plans:
        counts = [round(item.frames * clip.fps / item.fps) for item in plans]
        clips = sum(len(windows(count, clip.frames, clip.stride)) for count in counts)
        amount = f"{len(plans)} videos, {sum(counts)} frames, {clips} clips"
    else:
        clips, amount = 0, f"{len(plan.items)} videos; clips are counted by decoding"
    # Measured peaks of c3d_a: 1.2 GB at 32 × 32 pixels, 2.7 GB at 64 × 64; this gives 1.3, 2.8.
    batch = 4 * settings.fit.batch_size * clip.frames * clip.size[0] * clip.size[1] * clip.channels
    lines = [
        f"{plan.paper.name}: {len(plan.models)} networks × {folds} folds × "
        f"{settings.fit.epochs} epochs",
        f"  networks: {', '.join(plan.models)}",
        f"  data: {amount}",
        f"  memory: about {0.8 + 200 * batch / 1e9:.1f} GB",
    ]
    if clips:
        share = (folds - 1) / folds if folds > 1 else 1 - settings.split.test_fraction
        copies = 2 if settings.fit.augment == "flip" else 1
        seen = clips * share * copies * settings.fit.epochs * folds
        pixels = clip.frames * clip.size[0] * clip.size[1]
        seconds = sum(
            seen * pixels * settings.models[name].ns_per_pixel * 1e-9 for name in plan.models
        )
        lines.append(f"  time: about {seconds / 60:.0f} min on two cores")
    return lines
