"""Carries a request out: frames, split, folds that are not done yet, report."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from lus_keras import __version__, splits
from lus_keras.cache import FrameSpec, FrameStore, open_store
from lus_keras.clips import ClipIndex, index_clips
from lus_keras.datasets import simulated
from lus_keras.errors import DataError
from lus_keras.files import atomic_write
from lus_keras.progress import Reporter, epoch_text
from lus_keras.reproduce.planning import Plan, check_model, open_choices, plan
from lus_keras.reproduce.record import paper_record, write_record
from lus_keras.reproduce.request import Request, data_name, run_folder
from lus_keras.splits import Split


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
        RunError: run.json is damaged.
    """
    plans = plan(request)
    out = run_folder(request)
    out.mkdir(parents=True, exist_ok=True)
    wanted = {(item.paper.name, target) for item in plans for target in item.targets}
    result = Result(out, wanted)
    for paper_plan in plans:
        result.outcomes += _reproduce_paper(paper_plan, request, out, reporter)
        if paper_plan.paper.architecture in paper_plan.targets:
            result.files += _write_architectures(paper_plan, out)
    from lus_keras.report import write_report

    reporter.note("Writing the report …")
    result.files += write_report(out)
    return result


def _reproduce_paper(plan: Plan, request: Request, out: Path, reporter: Reporter) -> list[Any]:
    name, settings = plan.paper.name, plan.config
    reporter.note(f"{name}: {settings.title} ({settings.authors}, {settings.venue})")
    for note in plan.notes:
        reporter.note(f"  {note}")
    for choice in open_choices(plan, request):
        reporter.note(
            f"  [{choice['label']}] {choice['field']} = {choice['value']}: {choice['why']}"
        )
    check_model(plan)
    store = _open_store(plan, request, reporter)
    index = _index(plan, store)
    # Processes that share a folder, one a fold say, make the split once.
    with FileLock(out / ".lock"):
        split = _split(plan, index, out)
        write_record(out, name, paper_record(plan, request, store, index, split))
    jobs = _jobs(plan, request, split, out)
    reporter.note(
        f"{name}: {len(index)} clips of {len(store.videos)} videos of {len(set(index.patient_id))} "
        f"patients, {int((index.label > 0).sum())} positive; {len(plan.models)} networks × "
        f"{len(split.folds)} folds, {len(jobs)} folds to train."
    )
    return _train(plan, request, store, index, jobs, reporter)


def _write_architectures(plan: Plan, out: Path) -> list[Path]:
    """Draws the networks of a paper as text: its figure of the architecture."""
    from lus_keras.models.architecture import describe_architecture

    files = []
    for model in plan.config.models:
        path = out / plan.paper.name / "architecture" / f"{model}.txt"
        with atomic_write(path) as temporary:
            temporary.write_text(describe_architecture(plan.paper.build(model, plan.config)))
        files.append(path)
    return files


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
    from lus_keras.training.fold import FoldJob, is_done

    jobs = []
    for model in plan.models:
        for fold in split.folds:
            if request.fold not in (None, fold.fold):
                continue
            folder = out / plan.paper.name / data_name(request.data) / model / f"fold_{fold.fold}"
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
    from lus_keras.source import ClipSource
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
