"""From a target to a report: data, split, jobs, run directory."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from lus_keras import __version__, config, datasets, papers, splits
from lus_keras.cache import FrameSpec, FrameStore, Item, open_store
from lus_keras.clips import ClipIndex, index_clips, windows
from lus_keras.config import PaperConfig, did_you_mean
from lus_keras.datasets import simulated
from lus_keras.errors import ConfigError, DataError, RunError
from lus_keras.files import atomic_write
from lus_keras.papers import Paper
from lus_keras.progress import Reporter, epoch_text
from lus_keras.simulate import VideoPlan
from lus_keras.splits import Split

PACKAGES = ("keras", "tensorflow", "numpy", "scikit-learn", "opencv-python-headless", "av")


@dataclass(frozen=True)
class Request:
    """What the user asked for; fields are the options of `lus-keras reproduce`."""

    targets: tuple[str, ...]
    papers: tuple[str, ...] = ()
    data: str = "simulated"
    preset: str = "paper"
    models: tuple[str, ...] = ()
    fold: int | None = None
    overrides: tuple[str, ...] = ()
    seed: int = 0
    workers: int = 1
    out: Path | None = None
    root: Path | None = None
    command: str = ""


@dataclass(frozen=True)
class Plan:
    """One paper's share of a request, before any work is done.

    Attributes:
        paper: The paper.
        config: Its configuration, preset and overrides applied.
        models: Networks to train, in the paper's order.
        items: Videos or plans of videos.
        notes: What has to be said of the data.
        license: Licence of the data.
        crop: How frames are cropped; videos that show the sector alone are not.
    """

    paper: Paper
    config: PaperConfig
    models: tuple[str, ...]
    items: list[Item]
    notes: tuple[str, ...]
    license: str
    crop: str


@dataclass
class Result:
    """What came of a request."""

    out: Path
    targets: set[tuple[str, str]] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)
    outcomes: list[Any] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 if every job is done, 5 if one diverged, 4 if one failed."""
        statuses = {outcome.status for outcome in self.outcomes}
        return 4 if "failed" in statuses else 5 if "diverged" in statuses else 0


def plan(request: Request) -> list[Plan]:
    """Resolves targets, configuration and data of a request; nothing is rendered, decoded or trained.

    Args:
        request: What was asked for.

    Returns:
        One plan a paper.

    Raises:
        ConfigError: A target, paper, model, preset or setting is wrong.
        DataError: The data are absent or break a rule.
    """
    wanted = _targets(request)
    return [_plan_paper(name, targets, request) for name, targets in wanted.items()]


def default_workers() -> int:
    """Folds trained at a time unless `--workers` says otherwise."""
    return 1


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


def run_folder(request: Request) -> Path:
    """Folder of the run: `--out`, or a name that is the same for the same experiment."""
    if request.out:
        return request.out
    data = Path(request.data).stem if request.data.endswith(".csv") else request.data
    name = f"{data}-{request.preset}"
    if request.seed:
        name += f"-seed{request.seed}"
    if request.overrides:
        settings = json.dumps(sorted(request.overrides))
        name += f"-{hashlib.sha256(settings.encode()).hexdigest()[:6]}"
    return Path("runs") / name


def reproduce(request: Request, reporter: Reporter) -> Result:
    """Does everything a request needs: data, split, training of what is not done yet, report.

    Args:
        request: What was asked for.
        reporter: Told of the progress.

    Returns:
        Folder, files and outcomes.

    Raises:
        ConfigError: As `plan`; or the folder holds a run of another experiment.
        DataError: As `plan`; or a video cannot be decoded, or the split leaks.
        RunError: Another process works in the folder.
    """
    plans = plan(request)
    out = run_folder(request)
    out.mkdir(parents=True, exist_ok=True)
    wanted = {(name, target) for name, targets in _targets(request).items() for target in targets}
    result = Result(out, wanted)
    try:
        with FileLock(out / ".lock", timeout=0):
            for paper_plan in plans:
                result.outcomes += _reproduce_paper(paper_plan, request, out, reporter)
            from lus_keras.report import write_report

            reporter.note("Writing the report …")
            result.files = write_report(out)
    except Timeout:
        raise RunError(
            f"{out}: another process works in this folder. Wait for it, or choose another with --out."
        ) from None
    return result


def _targets(request: Request) -> dict[str, list[str]]:
    """Targets by paper; `table1` is every paper's, `bline/table1` one paper's."""
    names = request.papers or tuple(papers.names())
    available = {name: papers.get(name).targets for name in names}
    everything = sorted({target for targets in available.values() for target in targets})
    wanted: dict[str, list[str]] = {}
    for target in request.targets:
        paper, _, rest = target.rpartition("/")
        chosen = {paper: papers.get(paper).targets} if paper else available
        found = {
            name: list(targets) if rest == "all" else [rest]
            for name, targets in chosen.items()
            if rest == "all" or rest in targets
        }
        if not found:
            hint = did_you_mean(rest, [*everything, "all"])
            raise ConfigError(f"unknown target '{target}'.{hint}")
        for name, targets in found.items():
            wanted.setdefault(name, []).extend(targets)
    return wanted


def _plan_paper(name: str, targets: Sequence[str], request: Request) -> Plan:
    paper = papers.get(name)
    settings = config.load(name, request.preset, request.overrides)
    needed = {model for target in targets for model in paper.targets[target]}
    for model in request.models:
        if model not in settings.models:
            raise ConfigError(f"unknown model '{model}'.{did_you_mean(model, settings.models)}")
    chosen = set(request.models) or needed
    models = tuple(model for model in settings.models if model in chosen)
    if request.fold is not None and not 0 <= request.fold < settings.split.folds:
        raise ConfigError(f"--fold {request.fold}: must be 0 … {settings.split.folds - 1}.")
    crop = settings.clip.crop
    if request.data == simulated.NAME:
        items: list[Item] = list(simulated.plan(name, settings.cohort, request.seed))
        return Plan(paper, settings, models, items, simulated.NOTES, simulated.LICENSE, crop)
    data = datasets.load(request.data, root=request.root)
    items, notes = _labelled(data, settings.label_column)
    crop = "none" if data.cropped else crop
    return Plan(paper, settings, models, items, (*data.notes, *notes), data.license, crop)


def _labelled(data: datasets.Dataset, column: str) -> tuple[list[Item], list[str]]:
    """Videos that have the label, and a note on those that have not."""
    videos: list[Item] = [video for video in data.videos if getattr(video, column) is not None]
    if not videos:
        raise DataError(f"{data.name}: no video has a label in '{column}'. Fill in that column.")
    missing = [video.video_id for video in data.videos if getattr(video, column) is None]
    if not missing:
        return videos, []
    listed = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
    return videos, [f"{len(missing)} videos have no label in '{column}' and are left out: {listed}."]


def _reproduce_paper(plan: Plan, request: Request, out: Path, reporter: Reporter) -> list[Any]:
    name, settings = plan.paper.name, plan.config
    reporter.note(f"{name}: {settings.title} ({settings.authors}, {settings.venue})")
    for note in plan.notes:
        reporter.note(f"  {note}")
    for choice in settings.labelled_choices():
        reporter.note(
            f"  [{choice['label']}] {choice['field']} = {choice['value']}: {choice['why']}"
        )
    _check_model(plan)
    store = _open_store(plan, request, reporter)
    index = _index(plan, store)
    split = _split(plan, index, out)
    _write_record(out, name, _record(plan, request, store, index, split))
    jobs = _jobs(plan, request, split, out)
    reporter.note(
        f"{name}: {len(index)} clips of {len(store.videos)} videos of {len(set(index.patient_id))} "
        f"patients, {int((index.label > 0).sum())} positive; {len(plan.models)} networks × "
        f"{len(split.folds)} folds, {len(jobs)} folds to train."
    )
    return _train(plan, request, store, index, jobs, reporter)


def _open_store(plan: Plan, request: Request, reporter: Reporter) -> FrameStore:
    clip = plan.config.clip
    spec = FrameSpec(clip.size, clip.fps, plan.crop, clip.channels)
    verb = "rendering" if request.data == simulated.NAME else "decoding"

    def progress(done: int, total: int) -> None:
        if reporter.live or done == total:
            reporter.advance(f"{plan.paper.name}: {verb} videos", done, total)

    return open_store(plan.items, spec, workers=os.cpu_count() or 1, progress=progress)


def _index(plan: Plan, store: FrameStore) -> ClipIndex:
    clip = plan.config.clip
    return index_clips(
        store.videos,
        store.starts,
        store.counts,
        fps=clip.fps,
        frames=clip.frames,
        stride=clip.stride,
        label_column=plan.config.label_column,
        min_frames=clip.min_frames,
    )


def _split(plan: Plan, index: ClipIndex, out: Path) -> Split:
    path, settings, name = out / "split.json", plan.config.split, plan.paper.name
    known = splits.read_splits(path)
    if name in known:
        try:
            splits.verify(known[name], index.patient_id)
        except DataError as error:
            raise type(error)(f"{path}: {name}: of other data than this run's. {error}") from None
        return known[name]
    if settings.scheme == "kfold":
        made = splits.make_kfold(
            index.patient_id, index.label, folds=settings.folds, seed=settings.seed
        )
    else:
        made = splits.make_holdout(
            index.patient_id, index.label, test_fraction=settings.test_fraction, seed=settings.seed
        )
    splits.write_split(path, {**known, name: made})
    return made


def _jobs(plan: Plan, request: Request, split: Split, out: Path) -> list[Any]:
    """Folds that are asked for and neither done nor known to diverge."""
    from lus_keras.training import FoldJob, is_done

    jobs = []
    for model in plan.models:
        for fold in split.folds:
            if request.fold not in (None, fold.fold):
                continue
            folder = out / plan.paper.name / _slug(request.data) / model / f"fold_{fold.fold}"
            job = FoldJob(
                folder=folder,
                model=model,
                fold=fold,
                fit=plan.config.fit,
                seed=request.seed,
                description=_describe(plan, model),
            )
            if not is_done(folder):
                jobs.append(job)
    return jobs


def _train(
    plan: Plan,
    request: Request,
    store: FrameStore,
    index: ClipIndex,
    jobs: list[Any],
    reporter: Reporter,
) -> list[Any]:
    if not jobs:
        return []
    from lus_keras.pipeline import ClipSource
    from lus_keras.training.grid import run_jobs

    def report(name: str, done: int, total: int, row: dict[str, Any]) -> None:
        reporter.advance(f"{plan.paper.name} {name}", done, total, epoch_text(row))

    outcomes = run_jobs(
        plan.paper.name,
        plan.config,
        ClipSource(store, index, plan.config.clip.scaling),
        jobs,
        workers=request.workers,
        report=report,
    )
    for outcome in outcomes:
        if outcome.status != "done":
            reporter.note(f"{plan.paper.name}: {outcome.message}")
    return outcomes


def _describe_plan(plan: Plan) -> list[str]:
    settings, clip = plan.config, plan.config.clip
    folds = settings.split.folds if settings.split.scheme == "kfold" else 1
    if plan.items and isinstance(plan.items[0], VideoPlan):
        frames = sum(item.frames for item in plan.items if isinstance(item, VideoPlan))
        clips = sum(
            len(windows(item.frames, clip.frames, clip.stride))
            for item in plan.items
            if isinstance(item, VideoPlan)
        )
        amount = f"{len(plan.items)} videos, {frames} frames, {clips} clips"
    else:
        clips, amount = 0, f"{len(plan.items)} videos; clips are counted by decoding"
    batch = 4 * settings.fit.batch_size * clip.frames * clip.size[0] * clip.size[1] * clip.channels
    lines = [
        f"{plan.paper.name}: {len(plan.models)} networks × {folds} folds × {settings.fit.epochs} epochs",
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


def _check_model(plan: Plan) -> None:
    """Refuses wrong `model:` settings before anything is rendered or decoded."""
    from lus_keras.models import builders

    known = builders()
    problems = []
    for model in plan.models:
        options = [
            name for name in inspect.signature(known[model]).parameters if name != "input_shape"
        ]
        problems += [
            f"configs/{plan.paper.name}.yaml: unknown key 'model.{key}'.{did_you_mean(key, options)}"
            for key in plan.config.model
            if key not in options
        ]
    if problems:
        raise ConfigError.from_problems(dict.fromkeys(problems))
    for model in plan.models[:1]:
        try:
            plan.paper.build(model, plan.config)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"configs/{plan.paper.name}.yaml: model: {error}") from None


def _describe(plan: Plan, model: str) -> dict[str, Any]:
    """What is needed to build the network again and to feed it."""
    clip = plan.config.clip
    return {
        "schema": 1,
        "paper": plan.paper.name,
        "model": model,
        "input_shape": [clip.frames, *clip.size, clip.channels],
        "options": plan.config.model,
        "labels": list(plan.config.labels),
        "clip": clip.model_dump(mode="json"),
        "lus_keras": __version__,
    }


def _record(
    plan: Plan,
    request: Request,
    store: FrameStore,
    index: ClipIndex,
    split: Split,
) -> dict[str, Any]:
    """The paper's entry in run.json."""
    from lus_keras.training import resolve_precision

    settings = plan.config
    return {
        "title": settings.title,
        "authors": settings.authors,
        "venue": settings.venue,
        "doi": settings.doi,
        "dataset": _slug(request.data),
        "preset": request.preset,
        "seed": request.seed,
        "command": request.command,
        "labels": list(settings.labels),
        "models": list(plan.models),
        "model_titles": {name: entry.title for name, entry in settings.models.items()},
        "folds": len(split.folds),
        "config": settings.experiment(),
        "choices": settings.labelled_choices(),
        "published": settings.published,
        "claims": [claim.model_dump() for claim in settings.claims],
        "inconsistencies": list(settings.inconsistencies),
        "data": {
            "patients": len(set(index.patient_id)),
            "videos": len(store.videos),
            "clips": len(index),
            "positives": int((index.label > 0).sum()),
            "frame_truth": bool((index.truth >= 0).any()),
            "notes": [*plan.notes, *_length_notes(store, index)],
            "license": plan.license,
        },
        "fingerprint": {
            **settings.experiment(),
            "seed": request.seed,
            "precision": resolve_precision(settings.fit.precision),
            "split": split.sha256,
            "data": _data_hash(store, index),
            "versions": {name: _version(name) for name in ("keras", "tensorflow")},
            "lus_keras": __version__,
        },
    }


def _length_notes(store: FrameStore, index: ClipIndex) -> list[str]:
    short = [v.video_id for v, count in zip(store.videos, store.counts) if count < index.frames]
    if not short:
        return []
    return [
        f"{len(short)} videos are shorter than one clip and give none: {', '.join(short[:10])}."
    ]


def _data_hash(store: FrameStore, index: ClipIndex) -> str:
    digest = hashlib.sha256(store.key.encode())
    for column in (index.clip_id, index.patient_id):
        digest.update("\n".join(column).encode())
    digest.update(index.label.tobytes() + index.truth.tobytes())
    return digest.hexdigest()


def _write_record(out: Path, paper: str, record: dict[str, Any]) -> None:
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
        | {name: _version(name) for name in PACKAGES},
        "device": _device(),
        "git_commit": _git_commit(),
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(run, indent=1) + "\n")


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


def _slug(data: str) -> str:
    return Path(data).stem if data.lower().endswith(".csv") else data


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


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
