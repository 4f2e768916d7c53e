"""The record of a run in run.json, and the refusal to mix experiments in one folder."""

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lus_keras import __version__
from lus_keras.core import config
from lus_keras.core.environment import PACKAGES, cores, package_version, processor_name
from lus_keras.core.errors import ConfigError
from lus_keras.core.multilabel import class_counts
from lus_keras.data.clip_source import ClipSource
from lus_keras.evaluation.run_record import facts, store
from lus_keras.evaluation.run_record.facts import Fact, Remark, Topic
from lus_keras.evaluation.run_record.record import (
    ChoiceRecord,
    DataRecord,
    DeviceRecord,
    Fingerprint,
    NetworkRecord,
    PaperRecord,
    RunRecord,
    VariantRecord,
    flat,
)
from lus_keras.evaluation.run_record.settings import Settings
from lus_keras.experiments.reproduce.count import video_counts
from lus_keras.experiments.reproduce.describe import open_choices
from lus_keras.experiments.reproduce.exclusions import exclusions
from lus_keras.experiments.reproduce.planning import Plan
from lus_keras.experiments.reproduce.prepare import Prepared
from lus_keras.experiments.reproduce.request import Request, data_name
from lus_keras.simulation.dataset import NAME as SIMULATED

# Sections of the settings whose effect is covered by the hashes of a fingerprint.
HASHED = {"data", "split"}


def record_run(out: Path, plan: Plan, request: Request, prepared: Sequence[Prepared]) -> None:
    """Adds a paper to run.json, which assigns the folder to this run.

    Args:
        out: Run directory; no other process may write its run.json at the same time.

    Raises:
        ConfigError: The folder belongs to another run.
        RunError: run.json is damaged.
    """
    name = plan.paper.name
    run = store.read_record(out) if (out / store.FILE).exists() else RunRecord()
    paper = _paper_record(plan, request, prepared)
    before = run.papers.get(name)
    if before:
        _refuse_other(out / store.FILE, name, before, paper)
        paper = _continued(before, paper)
    versions: dict[str, str | None] = {
        "python": platform.python_version(),
        "lus_keras": __version__,
        **{name: package_version(name) for name in PACKAGES},
    }
    store.write_record(
        out,
        RunRecord(
            papers={**run.papers, name: paper},
            seed=paper.seed,
            versions=versions,
            device=_device(),
            git_commit=_git_commit(),
        ),
    )


def fingerprint_of(prepared: Prepared, seed: int) -> Fingerprint:
    """Everything the results of a variant depend on.

    Returns:
        The fingerprint of the variant; `model` and `fold` are set only for single folds.
    """
    from lus_keras.experiments.training.network import resolve_precision

    settings = prepared.variant.config
    # Converted by JSON, as it will be read back: tuples become lists.
    plain = json.loads(json.dumps(settings.experiment()))
    return Fingerprint(
        settings={key: value for key, value in plain.items() if key not in HASHED},
        seed=seed,
        precision=resolve_precision(settings.fit.precision),
        split=prepared.split.sha256,
        data=_data_hash(prepared.source),
        versions={name: package_version(name) for name in ("keras", "tensorflow")},
        backend=os.environ.get("KERAS_BACKEND", "tensorflow"),
        lus_keras=__version__,
    )


def _continued(before: PaperRecord, paper: PaperRecord) -> PaperRecord:
    """The record of a resumed run, merged with its earlier content."""
    variants = {**before.variants, **paper.variants}
    known = {*before.models, *paper.models}
    titles = paper.model_titles | before.model_titles | paper.model_titles
    claims = {claim["id"]: claim for claim in (*paper.claims, *before.claims)}
    own = variants[""].data if "" in variants else DataRecord()
    found = [data for data in (own, paper.data, before.data) if data != DataRecord()]
    return paper.model_copy(
        update={
            "variants": variants,
            "models": [name for name in titles if name in known],
            "model_titles": titles,
            "changes": {**before.changes, **paper.changes},
            "networks": {**before.networks, **paper.networks},
            "claims": list(claims.values()),
            "targets": sorted({*(before.targets or ()), *(paper.targets or ())}),
            # The paper's own protocol is printed, whichever variant was run last.
            "data": next(iter(found), DataRecord()),
        }
    )


def _paper_record(plan: Plan, request: Request, prepared: Sequence[Prepared]) -> PaperRecord:
    settings = plan.config
    variants = {item.variant.name: _variant_record(plan, request, item) for item in prepared}
    first = next(iter(variants.values()), None)
    return PaperRecord(
        title=settings.title,
        authors=settings.authors,
        venue=settings.venue,
        doi=settings.doi or "",
        dataset=data_name(request.data),
        simulated=request.data == SIMULATED,
        preset=request.preset,
        seed=request.seed,
        command=request.command,
        labels=list(settings.labels),
        targets=sorted(plan.targets),
        models=[item.variant.entry(model) for item in prepared for model in item.variant.models],
        # With and without variants, in the order of the tables.
        model_titles={name: entry.title for name, entry in settings.models.items()}
        | settings.entries(),
        changes=_changes(plan, request, prepared),
        networks={
            name: NetworkRecord(**network.model_dump(), parameters=settings.models[name].parameters)
            for name, network in settings.networks.items()
        },
        folds=first.folds if first else settings.split.count,
        config=Settings.model_validate(settings.experiment()),
        choices=[ChoiceRecord.model_validate(c) for c in open_choices(plan, request)],
        published=settings.published,
        claims=[claim.model_dump() for claim in settings.claims],
        inconsistencies=list(settings.inconsistencies),
        data=first.data if first else DataRecord(),
        variants=variants,
    )


def _changes(plan: Plan, request: Request, prepared: Sequence[Prepared]) -> dict[str, str]:
    """Settings by network that differ from the preset, in words; without the user's networks."""
    from lus_keras.models import builders
    from lus_keras.models.options import changed

    known, found = builders(), {}
    for item in prepared:
        usual = config.load(plan.paper.name, request.preset, variant=item.variant.name).model
        for model in known.keys() & set(item.variant.models):
            values = changed(item.variant.config.model, usual, known[model])
            if values:
                said = (f"{key} {value}" for key, value in values.items())
                found[item.variant.entry(model)] = ", ".join(said)
    return found


def _variant_record(plan: Plan, request: Request, prepared: Prepared) -> VariantRecord:
    variant, index = prepared.variant, prepared.source.index
    settings = variant.config
    rows = np.arange(len(index))
    if len(prepared.source.stores) == 2:
        # Training uses another data set, which is not counted.
        rows = prepared.split.folds[0].rows(index, "test")
    labels = index.label[rows]
    return VariantRecord(
        title=variant.title,
        folds=len(prepared.split.folds),
        config=Settings.model_validate(settings.experiment()),
        leaks=prepared.split.leaks,
        data=DataRecord(
            patients=len(set(index.patient_id[rows])),
            videos=len(set(index.video_id[rows])),
            clips=len(rows),
            positives=int((labels > 0).sum()),
            classes=class_counts(labels, settings.labels, settings.label_column),
            frame_truth=bool((index.truth[rows] >= 0).any()),
            facts=[
                *plan.data_of(variant).facts,
                *_training_facts(plan, prepared),
                *(Remark(topic=Topic.PAPER, text=note) for note in variant.notes(plan.paper)),
                *exclusions(prepared.source, settings),
                *_protocol_facts(plan, request),
            ],
            license=plan.data_of(variant).license,
        ),
        videos=video_counts(prepared),
        fingerprint=fingerprint_of(prepared, request.seed),
    )


def _training_facts(plan: Plan, prepared: Prepared) -> Iterator[Fact]:
    variant = prepared.variant
    if variant.learned and len(prepared.source.stores) == 2:
        yield facts.LearntElsewhere(dataset=variant.learned.name, first=False)
    if variant.learned and prepared.pretraining:
        yield facts.LearntElsewhere(dataset=variant.learned.name, first=True)
    if plan.own_split == prepared.split:
        yield facts.OwnFolds(folds=len(prepared.split.folds))
    if prepared.split.leaks:
        yield facts.Leakage()
    if variant.config.fit.select == "test_loss":
        yield facts.ChosenOnTest()


def _protocol_facts(plan: Plan, request: Request) -> Iterator[Fact]:
    """Changes of the paper's protocol by preset and overrides."""
    paper = flat(config.load(plan.paper.name).experiment())
    ours = flat(plan.config.experiment())
    # The cohort is described with the data; transfer settings matter only for variants that train
    # on another data set.
    elsewhere = any(variant.learned for variant in plan.variants)
    silent = ("cohort.",) if elsewhere else ("cohort.", "transfer.")
    changes = [
        facts.Change(setting=key, value=_as_in_yaml(ours[key]), paper=_as_in_yaml(paper.get(key)))
        for key in ours
        if ours[key] != paper.get(key) and not key.startswith(silent)
    ]
    if changes:
        yield facts.OtherProtocol(preset=request.preset, changes=changes)


def _as_in_yaml(value: Any) -> str:
    return "null" if value is None else str(value)


def _data_hash(source: ClipSource) -> str:
    index = source.index
    digest = hashlib.sha256("\n".join(store.key for store in source.stores).encode())
    for column in (index.clip_id, index.patient_id):
        digest.update("\n".join(column).encode())
    digest.update(index.label.tobytes() + index.truth.tobytes())
    return digest.hexdigest()


def _refuse_other(path: Path, name: str, before: PaperRecord, paper: PaperRecord) -> None:
    """Refuses the folder of another run, whether or not that run has finished a fold.

    Raises:
        ConfigError: The folder belongs to another run.
    """
    changes = []
    if before.dataset != paper.dataset:
        changes.append(f"{path}: {name}: dataset was {before.dataset!r}, is now {paper.dataset!r}.")
    changes += [
        f"{path}: {name}: the function {key} has changed since its network was trained."
        for key, network in paper.networks.items()
        if key in before.networks and before.networks[key].sha256 != network.sha256
    ]
    for variant, entry in paper.variants.items():
        known = before.variants[variant].fingerprint if variant in before.variants else None
        if known and entry.fingerprint:
            place = f"{name}/{variant}" if variant else name
            changes += [
                f"{path}: {place}: {change}" for change in known.differences(entry.fingerprint)
            ]
    if changes:
        changes.append(
            "The folder contains a different run. Choose another one with --out, or delete "
            "this one."
        )
        raise ConfigError.from_problems(changes, most=len(changes))


def _device() -> DeviceRecord:
    return DeviceRecord(
        platform=platform.platform(),
        processor=processor_name(),
        cores=cores(),
        backend=os.environ.get("KERAS_BACKEND", "tensorflow"),
    )


def _git_commit() -> str | None:
    folder = Path(__file__).parent
    try:
        return subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
