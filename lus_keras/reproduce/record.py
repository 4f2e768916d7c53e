"""run.json: what was run, on what, with what; and the refusal to mix experiments in one folder."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from lus_keras import __version__, config
from lus_keras.cache import FrameStore
from lus_keras.clips import ClipIndex
from lus_keras.environment import PACKAGES, package_version
from lus_keras.errors import ConfigError, RunError
from lus_keras.files import atomic_write
from lus_keras.reproduce.planning import Plan, open_choices
from lus_keras.reproduce.request import Request, data_name
from lus_keras.splits import Split


def paper_record(
    plan: Plan,
    request: Request,
    store: FrameStore,
    index: ClipIndex,
    split: Split,
) -> dict[str, Any]:
    """The paper's entry in run.json."""
    from lus_keras.training.network import resolve_precision

    settings = plan.config
    return {
        "title": settings.title,
        "authors": settings.authors,
        "venue": settings.venue,
        "doi": settings.doi,
        "dataset": data_name(request.data),
        "preset": request.preset,
        "seed": request.seed,
        "command": request.command,
        "labels": list(settings.labels),
        "models": list(plan.models),
        "model_titles": {name: entry.title for name, entry in settings.models.items()},
        "folds": len(split.folds),
        "config": settings.experiment(),
        "choices": open_choices(plan, request),
        "published": settings.published,
        "claims": [claim.model_dump() for claim in settings.claims],
        "inconsistencies": list(settings.inconsistencies),
        "data": {
            "patients": len(set(index.patient_id)),
            "videos": len(store.videos),
            "clips": len(index),
            "positives": int((index.label > 0).sum()),
            "frame_truth": bool((index.truth >= 0).any()),
            "notes": [*plan.notes, *_length_notes(store, index), *_scale_notes(plan, request)],
            "license": plan.license,
        },
        "fingerprint": {
            **settings.experiment(),
            "seed": request.seed,
            "precision": resolve_precision(settings.fit.precision),
            "split": split.sha256,
            "data": _data_hash(store, index),
            "versions": {name: package_version(name) for name in ("keras", "tensorflow")},
            "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
            "lus_keras": __version__,
        },
    }


def write_record(out: Path, paper: str, record: dict[str, Any]) -> None:
    """Adds the paper's entry to run.json; a folder of another experiment is refused."""
    path = out / "run.json"
    run: dict[str, Any] = {"schema": 1, "papers": {}}
    if path.exists():
        try:
            run = json.loads(path.read_text())
            before = run["papers"].get(paper)
        except (ValueError, KeyError, AttributeError):
            raise RunError(f"{path}: damaged. Delete it; finished folds are kept.") from None
        if before:
            _refuse_other(path, paper, before, record, out)
            record["models"] = [
                name
                for name in record["model_titles"]
                if name in {*before["models"], *record["models"]}
            ]
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


def _length_notes(store: FrameStore, index: ClipIndex) -> list[str]:
    lengths = zip(store.videos, store.counts, strict=True)
    short = [video.video_id for video, count in lengths if count < index.frames]
    if not short:
        return []
    return [
        f"{len(short)} videos are shorter than one clip and give none: {', '.join(short[:10])}."
    ]


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


def _data_hash(store: FrameStore, index: ClipIndex) -> str:
    digest = hashlib.sha256(store.key.encode())
    for column in (index.clip_id, index.patient_id):
        digest.update("\n".join(column).encode())
    digest.update(index.label.tobytes() + index.truth.tobytes())
    return digest.hexdigest()


def _refuse_other(
    path: Path, paper: str, before: dict[str, Any], record: dict[str, Any], out: Path
) -> None:
    old, new = _flat(before.get("fingerprint", {})), _flat(record["fingerprint"])
    # Through JSON, as the file was: tuples become lists.
    new = json.loads(json.dumps(new))
    changes = [
        f"{path}: {paper}: {key} was {old.get(key)!r}, is now {new.get(key)!r}."
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    folder = out / paper / before.get("dataset", "")
    started = any(folder.glob("*/fold_*/*"))
    if changes and started:
        changes.append("Choose another folder with --out, or delete this one.")
        raise ConfigError("\n".join(changes))


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
        "cores": os.cpu_count(),
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
