"""run.json: what was run, on what, with what; and the refusal to mix experiments in one folder."""

from __future__ import annotations

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
from lus_keras.core.config import PaperConfig
from lus_keras.core.environment import PACKAGES, cores, package_version
from lus_keras.core.errors import LEAKAGE, ConfigError, RunError
from lus_keras.core.files import atomic_write
from lus_keras.core.multilabel import class_counts
from lus_keras.data.clip_source import ClipSource
from lus_keras.experiments.reproduce.count import video_counts
from lus_keras.experiments.reproduce.describe import open_choices
from lus_keras.experiments.reproduce.exclusions import left_out_notes
from lus_keras.experiments.reproduce.planning import Plan
from lus_keras.experiments.reproduce.prepare import Prepared
from lus_keras.experiments.reproduce.request import Request, data_name
from lus_keras.simulation.dataset import NAME as SIMULATED


def write_record(out: Path, plan: Plan, request: Request, prepared: Sequence[Prepared]) -> None:
    """Adds the paper's entry to run.json; a folder of another experiment is refused.

    Args:
        out: Run directory.
        plan: What is asked of the paper.
        request: What was asked for.
        prepared: The paper's arms.

    Raises:
        ConfigError: The folder holds a run of another experiment.
        RunError: run.json is damaged.
    """
    path, paper = out / "run.json", plan.paper.name
    record = _paper_record(plan, request, prepared)
    run: dict[str, Any] = {"schema": 1, "papers": {}}
    if path.exists():
        try:
            run = json.loads(path.read_text())
            before = run["papers"].get(paper)
        except (ValueError, KeyError, AttributeError):
            raise RunError(f"{path}: damaged. Delete it; finished folds are kept.") from None
        if before:
            _refuse_other(path, paper, before, record, out)
            record["arms"] = {**before.get("arms", {}), **record["arms"]}
            known = {*before["models"], *record["models"]}
            record["models"] = [name for name in record["model_titles"] if name in known]
            record["targets"] = sorted({*before.get("targets", []), *record["targets"]})
            # The paper's own protocol is what is printed, whichever arm came last.
            own = record["arms"].get("", {}).get("data")
            record["data"] = own or record["data"] or before.get("data", {})
    run["papers"][paper] = record
    run |= {
        "seed": record["seed"],
        "versions": {"python": platform.python_version(), "lus_keras": __version__}
        | {name: package_version(name) for name in PACKAGES},
        "device": _device(),
        "git_commit": _git_commit(),
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(run, indent=1) + "\n")


def _paper_record(plan: Plan, request: Request, prepared: Sequence[Prepared]) -> dict[str, Any]:
    """The paper's entry in run.json."""
    settings = plan.config
    arms = {item.arm.name: _arm_record(plan, request, item) for item in prepared}
    first = next(iter(arms.values()), {})
    return {
        "title": settings.title,
        "authors": settings.authors,
        "venue": settings.venue,
        "doi": settings.doi,
        "dataset": data_name(request.data),
        "simulated": request.data == SIMULATED,
        "preset": request.preset,
        "seed": request.seed,
        "command": request.command,
        "labels": list(settings.labels),
        "targets": sorted(plan.targets),
        "models": [item.arm.entry(model) for item in prepared for model in item.arm.models],
        "model_titles": _titles(settings),
        "folds": first.get("folds", settings.split.count),
        "config": settings.experiment(),
        "choices": open_choices(plan, request),
        "published": settings.published,
        "claims": [claim.model_dump() for claim in settings.claims],
        "inconsistencies": list(settings.inconsistencies),
        "data": first.get("data", {}),
        "arms": arms,
    }


def _titles(settings: PaperConfig) -> dict[str, str]:
    """What is printed of every network, in and out of arms, in the order of the tables."""
    return {name: entry.title for name, entry in settings.models.items()} | settings.entries()


def _arm_record(plan: Plan, request: Request, prepared: Prepared) -> dict[str, Any]:
    from lus_keras.experiments.training.network import resolve_precision

    arm, index = prepared.arm, prepared.source.index
    settings = arm.config
    tested = index
    if len(prepared.source.stores) == 2:
        notes = [f"Learnt from {arm.learnt.name if arm.learnt else ''} videos alone."]
        rows = prepared.split.folds[0].rows(index, "test")
    else:
        notes, rows = [], np.arange(len(index))
    if prepared.pretraining and arm.learnt:
        notes.append(f"Trained on {arm.learnt.name} videos first, then within the folds.")
    if plan.own_split == prepared.split:
        notes.append(f"The {len(prepared.split.folds)} folds are the user's own (--split).")
    if prepared.split.leaks:
        notes.append(LEAKAGE)
    if settings.fit.select == "test_loss":
        notes.append("OPTIMISTIC: the epoch is chosen on the very clips that are tested.")
    labels = tested.label[rows]
    return {
        "title": arm.title,
        "folds": len(prepared.split.folds),
        "config": settings.experiment(),
        "leaks": prepared.split.leaks,
        "data": {
            "patients": len(set(tested.patient_id[rows])),
            "videos": len(set(tested.video_id[rows])),
            "clips": len(rows),
            "positives": int((labels > 0).sum()),
            "classes": class_counts(labels, settings.labels, settings.label_column),
            "frame_truth": bool((tested.truth[rows] >= 0).any()),
            "notes": [
                *plan.data_of(arm).notes,
                *notes,
                *arm.notes(plan.paper),
                *left_out_notes(prepared.source, settings),
                *_scale_notes(plan, request),
            ],
            "license": plan.data_of(arm).license,
        },
        "videos": video_counts(prepared),
        "fingerprint": {
            **settings.experiment(),
            "seed": request.seed,
            "precision": resolve_precision(settings.fit.precision),
            "split": prepared.split.sha256,
            "data": _data_hash(prepared.source),
            "versions": {name: package_version(name) for name in ("keras", "tensorflow")},
            "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
            "lus_keras": __version__,
        },
    }


def _scale_notes(plan: Plan, request: Request) -> list[str]:
    """What preset and overrides change of the paper's protocol."""
    paper = _flat(config.load(plan.paper.name).experiment())
    ours = _flat(plan.config.experiment())
    changes = [
        f"{key} {ours.get(key)} (paper: {paper.get(key)})"
        for key in ours
        if ours[key] != paper.get(key) and not key.startswith("cohort.")
    ]
    if not changes:
        return []
    return [
        f"Preset '{request.preset}' is not the paper's protocol: {'; '.join(changes)}. A claim "
        "tested at another scale says little about the paper's."
    ]


def _data_hash(source: ClipSource) -> str:
    index = source.index
    digest = hashlib.sha256("\n".join(store.key for store in source.stores).encode())
    for column in (index.clip_id, index.patient_id):
        digest.update("\n".join(column).encode())
    digest.update(index.label.tobytes() + index.truth.tobytes())
    return digest.hexdigest()


def _refuse_other(
    path: Path, paper: str, before: dict[str, Any], record: dict[str, Any], out: Path
) -> None:
    started = any((out / paper).glob("*/*/*/*"))
    if not started:
        return
    changes = []
    if before.get("dataset") != record["dataset"]:
        changes.append(
            f"{path}: {paper}: dataset was {before.get('dataset')!r}, is now {record['dataset']!r}."
        )
    for arm, entry in record["arms"].items():
        if arm in before.get("arms", {}):
            place = f"{paper}/{arm}" if arm else paper
            changes += _changes(path, place, before["arms"][arm]["fingerprint"], entry)
    if changes:
        changes.append("Choose another folder with --out, or delete this one.")
        raise ConfigError("\n".join(changes))


def _changes(
    path: Path, place: str, before: dict[str, Any], entry: dict[str, Any]
) -> Iterator[str]:
    # Through JSON, as the file was: tuples become lists.
    old, new = _flat(before), json.loads(json.dumps(_flat(entry["fingerprint"])))
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield f"{path}: {place}: {key} was {old.get(key)!r}, is now {new.get(key)!r}."


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            result |= _flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def _device() -> dict[str, Any]:
    processor = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return {
        "platform": platform.platform(),
        "processor": processor,
        "cores": cores(),
        "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
    }


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
