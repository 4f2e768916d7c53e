"""Trains the folds of an arm that are not done yet."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from lus_keras import __version__, papers
from lus_keras.core.config import FitConfig, PaperConfig
from lus_keras.core.errors import VideoError
from lus_keras.core.files import atomic_write, file_names
from lus_keras.core.progress import Reporter, epoch_text
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.splits import Fold
from lus_keras.evaluation.run_record import Fingerprint, read_done
from lus_keras.evaluation.run_record.done import vouch_further
from lus_keras.experiments.reproduce.planning import Arm, Plan
from lus_keras.experiments.reproduce.prepare import Prepared
from lus_keras.experiments.reproduce.record import fingerprint_of
from lus_keras.experiments.reproduce.request import Request
from lus_keras.inference.overlay import overlay_video
from lus_keras.papers.own import architecture
from lus_keras.simulation import dataset as simulated

if TYPE_CHECKING:
    from lus_keras.experiments.training.fold import FoldJob
    from lus_keras.experiments.training.grid import Outcome

PRETRAINING = "pretraining"
OVERLAYS = "explanations"
SHARED = (
    "each batch is shared by all devices; normalisation takes its statistics of a device's share "
    "(its moving averages of the first one's), and the last, incomplete batch of an epoch is left "
    "out."
)
# Of clips that keep the rate of their files.
DEFAULT_FPS = 25.0


def train_arm(
    prepared: Prepared, plan: Plan, request: Request, out: Path, reporter: Reporter
) -> list[Outcome]:
    """Trains what is asked for and not done; first on the other data set, where there is one.

    Args:
        prepared: The arm.
        plan: What is asked of the paper.
        request: What was asked for.
        out: Run directory.
        reporter: Told of the progress.

    Returns:
        One outcome a job that was run.
    """
    from lus_keras.experiments.training.marks import refuse_foreign

    arm = prepared.arm
    mark = fingerprint_of(prepared, request.seed)
    outcomes = []
    if prepared.pretraining:
        source, split = prepared.pretraining
        learning = _learning(arm.config)
        jobs = [
            _job(
                plan, arm, model, split.folds[0], request, out, learning.fit, PRETRAINING, mark=mark
            )
            for model in arm.models
        ]
        refuse_foreign(jobs)
        outcomes += _run(plan, learning, source, _unfinished(jobs), request, reporter)
    settings = _learning(arm.config) if arm.config.transfer.train_on else arm.config
    jobs = []
    for model in arm.models:
        first = _weights(plan, arm, out, model) if prepared.pretraining else None
        for fold in prepared.split.folds:
            if request.fold not in (None, fold.fold):
                continue
            name = f"fold_{fold.fold}"
            jobs.append(
                _job(
                    *(plan, arm, model, fold, request, out, settings.fit, name),
                    initial=first,
                    mark=mark,
                )
            )
    refuse_foreign(jobs)
    missing = [job for job in jobs if job.initial and not job.initial.exists()]
    wanted = [job for job in _unfinished(jobs) if job not in missing]
    if not wanted:
        names = ", ".join(map(arm.entry, arm.models))
        reporter.note(f"{plan.paper.name}: {names}: 0 folds to train.")
    outcomes += _run(plan, settings, prepared.source, wanted, request, reporter)
    _explain(plan, prepared, jobs, out, reporter)
    return outcomes


def _explain(
    plan: Plan, prepared: Prepared, jobs: list[FoldJob], out: Path, reporter: Reporter
) -> None:
    """Lets trained networks be explained where a target of the paper asks for it."""
    module = papers.explanation(plan.paper.name)
    if module is None:
        return
    asked = {entry for target in plan.targets for entry in module.TARGETS.get(target, ())}
    for job in jobs:
        path = job.folder / "explanations.npz"
        name = prepared.arm.entry(job.model)
        if name not in asked or job.fold.fold != 0 or _unfinished([job]):
            continue
        # Folds of before version 2 do not vouch for maps.
        done = read_done(job.folder)
        if path.exists() and (path.name in done.sha256 or done.fingerprint is None):
            continue
        reporter.note(f"{plan.paper.name}: explaining {name} …")
        model = plan.paper.network(job.model, prepared.arm.config)
        model.load_weights(job.folder / "model.weights.h5")
        rows = job.fold.rows(prepared.source.index, "test")
        items = plan.data_of(prepared.arm).items
        arrays = module.explain(model, prepared.source, rows, prepared.arm.config, items)
        # The maps last: they mark that all of this is done.
        try:
            _write_overlays(plan, prepared, module, arrays, out)
        except VideoError as error:
            reporter.note(f"{plan.paper.name}: no video of the maps. {error}")
        with atomic_write(path) as temporary:
            np.savez_compressed(temporary, **arrays)
        vouch_further(job.folder, path.name)


def _write_overlays(
    plan: Plan, prepared: Prepared, module: ModuleType, arrays: dict[str, np.ndarray], out: Path
) -> None:
    """Writes the clips that a figure shows as videos, their maps beside them."""
    for figure, titles in getattr(module, "OVERLAYS", {}).items():
        ids = [str(clip_id) for clip_id in arrays["clip_id"][: len(arrays["frames"])]]
        for number, name in enumerate(file_names(ids).values()):
            overlay_video(
                out / plan.paper.name / OVERLAYS / f"{figure}_{name}.mp4",
                arrays["frames"][number],
                {title: arrays[key][number] for key, title in titles.items()},
                prepared.arm.config.clip.fps or DEFAULT_FPS,
                simulated=plan.data.name == simulated.NAME,
            )


def _learning(config: PaperConfig) -> PaperConfig:
    """Settings for training on the other data set."""
    fit = FitConfig.model_validate({**config.fit.model_dump(), **config.transfer.fit})
    return config.model_copy(update={"fit": fit})


def _weights(plan: Plan, arm: Arm, out: Path, model: str) -> Path:
    folder = out / plan.paper.name / arm.folder(plan.data.name) / model / PRETRAINING
    return folder / "model.weights.h5"


def _job(
    plan: Plan,
    arm: Arm,
    model: str,
    fold: Fold,
    request: Request,
    out: Path,
    fit: FitConfig,
    name: str,
    *,
    mark: Fingerprint,
    initial: Path | None = None,
) -> FoldJob:
    from lus_keras.experiments.training.fold import FoldJob

    return FoldJob(
        folder=out / plan.paper.name / arm.folder(plan.data.name) / model / name,
        model=model,
        fold=fold,
        fit=fit,
        seed=request.seed,
        description=_describe(plan, arm, model),
        initial=initial,
        multilabel=arm.config.multilabel,
        log=request.log,
        fingerprint=mark.of_fold(model, name),
        title=arm.entry(model) + ("" if name.startswith("fold_") else f" {name}"),
    )


def _unfinished(jobs: list[FoldJob]) -> list[FoldJob]:
    from lus_keras.experiments.training.marks import is_done, tidy

    unfinished = [job for job in jobs if not is_done(job.folder)]
    for job in jobs:
        if job not in unfinished:
            tidy(job.folder)
    return unfinished


def _run(
    plan: Plan,
    config: PaperConfig,
    source: ClipSource,
    jobs: list[FoldJob],
    request: Request,
    reporter: Reporter,
) -> list[Outcome]:
    if not jobs:
        return []
    from lus_keras.experiments.training.cluster import Cluster, run_on_cluster
    from lus_keras.experiments.training.grid import run_jobs

    name = plan.paper.name
    at_a_time = f", {request.workers} at a time" if (request.workers or 1) > 1 else ""
    reporter.note(f"{name}: {len(jobs)} folds to train{at_a_time}.")
    if request.mirrored:
        reporter.note(f"{name}: {SHARED}")
    report, mirrored = partial(_report, reporter, name), request.mirrored
    if request.engine == "ray":
        cluster = Cluster(request.ray_address, request.job_cpus, request.job_gpus)
        outcomes = run_on_cluster(
            name, config, source, jobs, cluster, report=report, mirrored=mirrored
        )
    else:
        outcomes = run_jobs(
            name,
            config,
            source,
            jobs,
            workers=request.workers or 1,
            report=report,
            mirrored=mirrored,
        )
    for outcome in outcomes:
        if outcome.status != "done":
            reporter.note(f"{plan.paper.name}: {outcome.message}")
    return outcomes


def _report(
    reporter: Reporter, paper: str, name: str, done: int, total: int, row: dict[str, Any]
) -> None:
    reporter.advance(f"{paper} {name}", done, total, epoch_text(row))


def _describe(plan: Plan, arm: Arm, model: str) -> dict[str, Any]:
    """What is needed to build the network again and to feed it."""
    clip = arm.config.clip
    return {
        "schema": 1,
        "paper": plan.paper.name,
        "arm": arm.name,
        "model": model,
        "input_shape": list(clip.shape),
        "options": arm.config.model,
        "labels": list(arm.config.labels),
        "clip": clip.model_dump(mode="json"),
        # Videos that were cropped by their source are not cropped again.
        "cropped": plan.data.cropped,
        **({"multilabel": True} if arm.config.multilabel else {}),
        **({"network": _own(arm.config, model)} if model in arm.config.networks else {}),
        "lus_keras": __version__,
    }


def _own(settings: PaperConfig, model: str) -> dict[str, Any]:
    """A network of the user: where it came from, and its layers as Keras writes them."""
    network = settings.networks[model]
    return {**network.model_dump(), "layers": architecture(network, settings)}
