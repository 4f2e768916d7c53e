"""From a request to plans: configuration, networks and videos; nothing is decoded or trained."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lus_keras import papers
from lus_keras.core import config
from lus_keras.core.config import PaperConfig, did_you_mean
from lus_keras.core.environment import start_tensorflow
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.former_names import variant_folder
from lus_keras.data.cache import check_regions
from lus_keras.data.clips import has_truth
from lus_keras.data.manifest import Video
from lus_keras.data.splits import Split, read_own_split
from lus_keras.evaluation.run_record.facts import Remark, Topic
from lus_keras.experiments.reproduce.data import Data, learned_data, load_data
from lus_keras.experiments.reproduce.request import (
    Request,
    check_engine,
    check_files,
    targets_by_paper,
)
from lus_keras.experiments.reproduce.weights import check_weights
from lus_keras.papers import Paper
from lus_keras.papers.own import with_networks


@dataclass(frozen=True)
class Variant:
    """One way to use the data, and the networks trained in it.

    Attributes:
        name: Key in the configuration's `variants`; empty if the paper has none.
        config: The configuration with the changes of the variant.
        learned: Another data set to train on, if the variant requires one.
        data: The data to test on, if the variant uses a label other than that of the plan's first.
    """

    name: str
    title: str
    config: PaperConfig
    models: tuple[str, ...]
    learned: Data | None = None
    data: Data | None = None

    def entry(self, model: str) -> str:
        """Name of a network: `variant/model`, or `model` if there are no variants."""
        return f"{self.name}/{model}" if self.name else model

    def by_model(self) -> list["Variant"]:
        """Copies of the variant, one for each of its networks."""
        return [replace(self, models=(model,)) for model in self.models]

    @property
    def divides_patients(self) -> bool:
        """Whether splits are by patient rather than by clip."""
        return self.config.split.scheme in ("kfold", "holdout")

    def notes(self, paper: Paper) -> list[str]:
        """Notes of the paper on the settings of the variant, shown in every output."""
        return paper.notes(self.config) if paper.notes else []

    def folder(self, run_dir: Path, paper: str, data: str) -> Path:
        """Folder with the networks of the variant."""
        return variant_folder(run_dir / paper, data, self.name)


@dataclass(frozen=True)
class Plan:
    """One paper's share of a request, before any work is done.

    Attributes:
        config: Configuration with preset and overrides, without the changes of variants.
        data: The data to test on; a variant may have its own.
        own_split: Folds given by the user instead of drawn ones.
        allow_leak: Whether these folds may leak.
    """

    paper: Paper
    targets: tuple[str, ...]
    config: PaperConfig
    variants: tuple[Variant, ...]
    data: Data
    own_split: Split | None = None
    allow_leak: bool = False

    def data_of(self, variant: Variant) -> Data:
        """The data a variant is tested on, since labels may be available for different videos."""
        return variant.data or self.data


def plan(request: Request) -> list[Plan]:
    """Resolves targets, configuration and data of a request; no video is opened.

    Raises:
        ConfigError: A target, paper, model, preset or setting is wrong, options conflict, or a
            finished fold lacks weights that a target needs.
        DataError: The data are missing or violate a rule.
    """
    check_engine(request)
    wanted = targets_by_paper(request)
    for option, given in (("--network", request.networks), ("--config", request.config)):
        if given and len(wanted) > 1:
            names = ", ".join(wanted)
            raise ConfigError(f"{option}: applies to one paper. Choose it with --paper: {names}.")
    named = {*request.papers, *(target.rpartition("/")[0] for target in request.targets)}
    check_files(request)
    plans, exclusions = [], {}
    for name in _with_asked_models(wanted, named, request):
        try:
            plans.append(_plan_paper(name, wanted[name], request))
        except DataError as error:
            # `table2` applies to every paper for which the data are suitable; for papers requested
            # by name, unsuitable data are an error.
            if name in named or len(wanted) == 1:
                raise
            exclusions[name] = error
    if not plans:
        raise next(iter(exclusions.values()))
    remarks = (
        Remark(topic=Topic.DATASET, text=f"{name} is skipped: {str(error).splitlines()[0]}")
        for name, error in exclusions.items()
    )
    check_weights(plans, request)
    first = plans[0]
    data = replace(first.data, facts=(*first.data.facts, *remarks))
    return [replace(first, data=data), *plans[1:]]


def _with_asked_models(
    wanted: Mapping[str, Sequence[str]], named: Set[str], request: Request
) -> list[str]:
    """Papers that are requested by name or have a network given by `--model`.

    Raises:
        ConfigError: A network is in no paper.
    """
    asked = {name: name.rpartition("/")[2] for name in request.models}
    known = {name: set(_load(name, request).models) for name in wanted}
    everything = sorted(set().union(*known.values()))
    for name, model in asked.items():
        if model not in everything:
            raise ConfigError(f"unknown model '{name}'.{did_you_mean(model, everything)}")
    models = set(asked.values())
    return [name for name in wanted if not models or name in named or models & known[name]]


def _plan_paper(name: str, targets: Sequence[str], request: Request) -> Plan:
    paper = papers.get(name)
    settings = _load(name, request)
    variants = tuple(_variants(paper, settings, targets, request))
    column = variants[0].config.label_column if variants else settings.label_column
    own = _own_split((name, column), request)
    folds = max((variant.config.split.count for variant in variants), default=settings.split.count)
    folds = len(own.folds) if own else folds
    if request.fold is not None and not 0 <= request.fold < folds:
        raise ConfigError(f"--fold {request.fold}: must be 0 … {folds - 1}.")
    data = load_data(name, settings.cohort, request, column)
    variants = tuple(
        variant
        if (variant.config.label_column, variant.config.cohort) == (column, settings.cohort)
        else replace(
            variant,
            data=load_data(name, variant.config.cohort, request, variant.config.label_column),
        )
        for variant in variants
    )
    if any(variant.config.clip.crop == "roi" for variant in variants):
        check_regions(data.items)
    lacking = _without_frames(paper, targets, data, column)
    if lacking and not any(target.rpartition("/")[2] == "all" for target in request.targets):
        raise DataError(lacking)
    if lacking:
        data = replace(data, facts=(*data.facts, Remark(topic=Topic.DATASET, text=lacking)))
        targets = [target for target in targets if target not in paper.needs_frame_truth]
    made = Plan(paper, tuple(targets), settings, variants, data, own, request.allow_leak)
    _check_settings(made, request)
    return made


def _without_frames(paper: Paper, targets: Sequence[str], data: Data, column: str) -> str:
    """Message on targets that need frame-level labels if no video has any; empty otherwise."""
    wanted = sorted(paper.needs_frame_truth.intersection(targets))
    known = (not isinstance(item, Video) or has_truth(item, column) for item in data.items)
    if not wanted or any(known):
        return ""
    return (
        f"{data.name}: no video has annotated frames, which {' and '.join(wanted)} of {paper.name} "
        "requires. Fill in the column 'segments' (`lus-keras data import-via`), or choose other "
        "targets, such as table1."
    )


def _own_split(names: tuple[str, str], request: Request) -> Split | None:
    if request.split is None:
        if request.allow_leak:
            raise ConfigError(
                "--allow-leak: applies only to your own folds. Give them with --split."
            )
        return None
    return read_own_split(request.split, names, allow_leak=request.allow_leak)


def _load(name: str, request: Request, variant: str = "") -> PaperConfig:
    overrides = list(request.overrides)
    for key in ("train_on", "pretrain"):
        if value := getattr(request, key):
            overrides.append(f"transfer.{key}={value}")
    own = request.own_networks

    def check(model: Mapping[str, Any]) -> list[str]:
        # Keras is imported only for changed settings; a test checks the settings shipped.
        usual = config.load(name, request.preset, variant=variant)
        if own or model == usual.model:
            return []
        start_tensorflow()
        from lus_keras.models import builders
        from lus_keras.models.options import problems

        known = builders()
        titles = {key: entry.title for key, entry in usual.models.items()}
        return problems(model, {key: known[key] for key in titles if key in known}, titles)

    paper = papers.get(name)
    settings = config.load(
        *(name, request.preset, overrides, variant, request.config),
        check_model=check,
        options=paper.options,
    )
    if paper.check:
        paper.check(settings)
    return with_networks(settings, own)


def _variants(
    paper: Paper, settings: PaperConfig, targets: Sequence[str], request: Request
) -> list[Variant]:
    needed = {entry for target in targets for entry in paper.targets[target]}
    by_variant: dict[str, set[str]] = {}
    for entry in needed:
        variant, _, model = entry.rpartition("/")
        by_variant.setdefault(variant, set()).add(model)
    asked = _asked_models(settings, request)
    variants = []
    for variant in ("", *settings.variants):
        if variant not in by_variant:
            continue
        chosen = by_variant[variant]
        if any(chosen) and _takes_own(variant, settings):
            chosen = chosen | settings.networks.keys()
        # Targets without networks only count clips, so that --model does not apply.
        if request.models and any(chosen):
            own = (settings.variants[variant].models if variant else None) or settings.models
            chosen = {
                model for name, model in asked if name == variant or (not name and model in own)
            }
            if not chosen:
                continue
        changed = _load(paper.name, request, variant) if variant else settings
        title = settings.variants[variant].title if variant else ""
        models = tuple(model for model in settings.models if model in chosen)
        variants.append(
            Variant(variant, title, changed, models, learned_data(paper.name, changed, request))
        )
    return variants


def _takes_own(variant: str, settings: PaperConfig) -> bool:
    """Whether the user's own networks are trained in addition to those of a variant."""
    models = settings.variants[variant].models if variant else None
    return models is None or bool(settings.networks.keys() & set(models))


def _asked_models(settings: PaperConfig, request: Request) -> list[tuple[str, str]]:
    """`--model` as pairs (variant, model); an empty variant means any variant."""
    asked = []
    for name in request.models:
        variant, _, model = name.rpartition("/")
        if model not in settings.models:
            continue  # belongs to another paper
        if variant and variant not in settings.variants:
            raise ConfigError(
                f"unknown variant '{variant}'.{did_you_mean(variant, settings.variants)}"
            )
        asked.append((variant, model))
    return asked


def check_models(plan: Plan) -> None:
    """Builds the first network to check its settings before anything is rendered or decoded.

    Raises:
        ConfigError: The builder rejects the settings.
    """
    for variant in [variant for variant in plan.variants if variant.models][:1]:
        try:
            plan.paper.network(variant.models[0], variant.config)
        except (ValueError, TypeError) as error:
            source = f"configs/{plan.paper.name}.yaml"
            raise ConfigError(f"{source}: model: {error}") from None


def _check_settings(plan: Plan, request: Request) -> None:
    """Refuses settings that no planned network has, because they would have no effect."""
    planned = [(item.config, item.models) for item in plan.variants if item.models]
    usual = config.load(plan.paper.name, request.preset)
    set_here = [key for key, value in plan.config.model.items() if usual.model.get(key) != value]
    if not planned or not set_here or plan.config.networks:
        return
    start_tensorflow()
    from lus_keras.models import builders
    from lus_keras.models.options import settable

    known = builders()
    names = list(dict.fromkeys(model for _, models in planned for model in models))
    having = {option for name in names for option in settable(known[name])}
    titles = ", ".join(plan.config.models[name].title for name in names)
    problems = [
        f"model.{key}: is not a setting of {titles}. Omit it, or choose other networks."
        for key in set_here
        if key not in having
    ]
    if problems:
        raise ConfigError.from_problems(problems)
