"""The actions of a request and its settings in words."""

from typing import Any

from lus_keras.core import config
from lus_keras.core.config import PaperConfig
from lus_keras.data.clips import cut_video
from lus_keras.data.manifest import Video
from lus_keras.data.manifest.balance import one_class_warnings
from lus_keras.experiments.reproduce.data import Data
from lus_keras.experiments.reproduce.estimate import peak_gb, training_seconds
from lus_keras.experiments.reproduce.planning import Plan, Variant, plan
from lus_keras.experiments.reproduce.request import Request, run_folder
from lus_keras.simulation import dataset as simulated


def describe(request: Request) -> list[str]:
    """The actions of a request as lines to print; nothing is rendered, decoded or trained."""
    lines = [f"run directory: {run_folder(request)}"]
    for paper_plan in plan(request):
        lines += describe_plan(paper_plan)
    return lines


def open_choices(plan: Plan, request: Request) -> list[dict[str, Any]]:
    """Settings that the paper states or leaves open, with label and reason, for printing.

    Settings of the cohort are omitted if the data are not simulated. For values changed by preset
    or override, the reason says so, and the label refers to the value of the paper.

    Returns:
        Mappings of `field`, `value`, `label` and `why`.
    """
    paper = config.load(plan.paper.name).labeled_choices()
    choices = []
    for choice, stated in zip(plan.config.labeled_choices(), paper, strict=True):
        if request.data != simulated.NAME and choice["field"].startswith("cohort."):
            continue
        if choice["value"] != stated["value"]:
            why = f"changed by this run from {stated['value']}; {choice['why']}"
            choice = {**choice, "why": why}
        choices.append(choice)
    return choices


def describe_plan(plan: Plan) -> list[str]:
    """Networks, folds, clips, time and memory of a plan, as lines to print."""
    count = sum(len(variant.models) for variant in plan.variants)
    lines = [f"{plan.paper.name}: {_counted(count, 'network')}"]
    if not plan.variants:
        lines.append("  nothing to train")
    for variant in plan.variants:
        lines += _describe_variant(variant, plan)
    return lines


def _describe_variant(variant: Variant, plan: Plan) -> list[str]:
    settings, data = variant.config, plan.data_of(variant)
    folds = len(plan.own_split.folds) if plan.own_split else settings.split.count
    clips, amount = _amount(variant, data)
    title = f"{variant.title}: " if variant.title else ""
    if not variant.models:
        return [f"  {title}nothing to train", f"    data: {amount}"]
    parts = (len(variant.models), "network"), (folds, "fold"), (settings.fit.epochs, "epoch")
    lines = [
        f"  {title}{' × '.join(_counted(*part) for part in parts)}",
        f"    networks: {', '.join(_named(name, settings) for name in variant.models)}",
        f"    data: {amount}",
        f"    memory: about {peak_gb(settings, variant.models):.1f} GB per fold",
    ]
    rows = [item for item in data.items if isinstance(item, Video)]
    lines += [f"    WARNING: {text}" for text in one_class_warnings(rows, [settings.label_column])]
    if variant.learned:
        lines.append(
            f"    trains on: {_amount(variant, variant.learned)[1]} of {variant.learned.name}"
        )
    if clips:
        kfold = settings.split.scheme == "kfold"
        share = (folds - 1) / folds if kfold else 1 - settings.split.test_fraction
        if settings.fit.patients:
            owners: list[Any] = [getattr(item, "plan", item) for item in data.items]
            patients = len({owner.patient_id for owner in owners})
            share = min(share, settings.fit.patients / patients)
        seconds = training_seconds(settings, variant.models, clips * share * folds)
        lines.append(f"    time: about {seconds / 60:.0f} min on two cores")
    return lines


def _named(model: str, settings: PaperConfig) -> str:
    """Title of a network, for the user's own networks with the number of parameters."""
    counted = f" ({settings.models[model].parameters:,} parameters)"
    return model + counted * (model in settings.networks)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _amount(variant: Variant, data: Data) -> tuple[int, str]:
    """Number of clips, 0 if unknown, and the amount of data in words."""
    clip = variant.config.clip
    computed = [item for item in data.items if not isinstance(item, Video)]
    if not computed:
        return 0, f"{len(data.items)} videos; clips are counted when decoded"
    counts = [source.frame_count(clip.fps) for source in computed]
    text = f"{len(computed)} videos, {sum(counts)} frames"
    if clip.crop == "roi":
        return 0, f"{text}; clips are counted when rendered"
    clips = sum(1 for count in counts for _ in cut_video(count, clip.size, clip))
    return clips, f"{text}, {clips} clips"
