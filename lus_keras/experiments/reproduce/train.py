"""Trains the folds of a variant that are not done yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from lus_keras.data.splits import Fold, Split
from lus_keras.evaluation.run_record import Fingerprint, read_done
from lus_keras.evaluation.run_record.done import vouch_further
from lus_keras.experiments.reproduce.planning import Plan, Variant
from lus_keras.experiments.reproduce.prepare import Prepared
from lus_keras.experiments.reproduce.record import fingerprint_of
from lus_keras.experiments.reproduce.request import Request
from lus_keras.inference.overlay import overlay_video
from lus_keras.papers import localization, robustness
from lus_keras.papers.own import architecture
from lus_keras.simulation import dataset as simulated

if TYPE_CHECKING:
    from lus_keras.experiments.training.fold import FoldJob
    from lus_keras.experiments.training.grid import Outcome

PRETRAINING, WEIGHTS = "pretraining", "model.weights.h5"
OVERLAYS = "explanations"
SHARED = (
    "each batch is shared by all devices; normalization takes its statistics of a device's share "
    "(its moving averages of the first one's), and the last, incomplete batch of an epoch is left "
    "out."
)
# Of clips that keep the rate of their files.
DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class _Training:
    """The folds of a variant, and what is asked of them.

    Attributes:
        mark: What the numbers depend on.
    """

    prepared: Prepared
    plan: Plan
    request: Request
    out: Path
    reporter: Reporter
    mark: Fingerprint

    @property
    def variant(self) -> Variant:
        """The variant."""
        return self.prepared.variant

    def folder(self, model: str) -> Path:
        """Folder of a network."""
        parent = self.variant.folder(self.out, self.plan.paper.name, self.plan.data.name)
        return parent / model

    def note(self, text: str) -> None:
        """Says something of the paper."""
        self.reporter.note(f"{self.plan.paper.name}: {text}")

    def job(
        self, model: str, fold: Fold, fit: FitConfig, name: str, initial: Path | None = None
    ) -> FoldJob:
        """One training; its weights start from those in `initial`, if that is given."""
        from lus_keras.experiments.training.fold import FoldJob

        return FoldJob(
            folder=self.folder(model) / name,
            model=model,
            fold=fold,
            fit=fit,
            seed=self.request.seed,
            description=_describe(self.plan, self.variant, model),
            initial=initial,
            multilabel=self.variant.config.multilabel,
            log=self.request.log,
            fingerprint=self.mark.of_fold(model, name),
            title=self.variant.entry(model) + ("" if name.startswith("fold_") else f" {name}"),
        )

    def pretrain(self, source: ClipSource, split: Split) -> list[Outcome]:
        """Trains every network on the other data set."""
        from lus_keras.experiments.training.marks import refuse_foreign

        learning = _learning(self.variant.config)
        jobs = [
            self.job(model, split.folds[0], learning.fit, PRETRAINING)
            for model in self.variant.models
        ]
        refuse_foreign(jobs)
        return self.run(learning, source, _unfinished(jobs))

    def jobs(self, fit: FitConfig) -> list[FoldJob]:
        """The folds that are asked for, of every network."""
        pretrained = bool(self.prepared.pretraining)
        return [
            self.job(
                *(model, fold, fit, f"fold_{fold.fold}"),
                initial=self.folder(model) / PRETRAINING / WEIGHTS if pretrained else None,
            )
            for model in self.variant.models
            for fold in self.prepared.split.folds
            if self.request.fold in (None, fold.fold)
        ]

    def run(self, config: PaperConfig, source: ClipSource, jobs: list[FoldJob]) -> list[Outcome]:
        """Trains jobs here or on the cluster, and says which failed."""
        if not jobs:
            return []
        from lus_keras.experiments.training.cluster import Cluster, run_on_cluster
        from lus_keras.experiments.training.grid import run_jobs

        name, request = self.plan.paper.name, self.request
        at_a_time = f", {request.workers} at a time" if (request.workers or 1) > 1 else ""
        self.note(f"{len(jobs)} folds to train{at_a_time}.")
        if request.mirrored:
            self.note(SHARED)
        options: dict[str, Any] = {
            "report": partial(_report, self.reporter, name),
            "mirrored": request.mirrored,
        }
        if request.engine == "ray":
            cluster = Cluster(request.ray_address, request.job_cpus, request.job_gpus)
            outcomes = run_on_cluster(name, config, source, jobs, cluster, **options)
        else:
            workers = request.workers or 1
            outcomes = run_jobs(name, config, source, jobs, workers=workers, **options)
        for outcome in outcomes:
            if outcome.status != "done":
                self.note(outcome.message)
        return outcomes


def train_variant(
    prepared: Prepared, plan: Plan, request: Request, out: Path, reporter: Reporter
) -> list[Outcome]:
    """Trains what is asked for and not done; first on the other data set, where there is one.

    Returns:
        One outcome a job that was run.
    """
    from lus_keras.experiments.training.marks import refuse_foreign

    mark = fingerprint_of(prepared, request.seed)
    training = _Training(prepared, plan, request, out, reporter, mark)
    outcomes = training.pretrain(*prepared.pretraining) if prepared.pretraining else []
    settings = training.variant.config
    if settings.transfer.train_on:
        settings = _learning(settings)
    jobs = training.jobs(settings.fit)
    refuse_foreign(jobs)
    missing = [job for job in jobs if job.initial and not job.initial.exists()]
    wanted = [job for job in _unfinished(jobs) if job not in missing]
    if not wanted:
        names = ", ".join(map(training.variant.entry, training.variant.models))
        training.note(f"{names}: 0 folds to train.")
    outcomes += training.run(settings, prepared.source, wanted)
    module, paper = papers.explanation(plan.paper.name), plan.paper
    if module is not None:
        _explain(training, jobs, module, module.TARGETS)
    for study in (localization, robustness):
        if study.TARGET in paper.targets:
            _explain(training, jobs, study, {study.TARGET: paper.targets[study.TARGET]})
    return outcomes


def _explain(
    training: _Training,
    jobs: list[FoldJob],
    module: ModuleType,
    targets: Mapping[str, Sequence[str]],
) -> None:
    """Lets trained networks be explained where a target of the paper asks for it."""
    plan, prepared, config = training.plan, training.prepared, training.variant.config
    asked = {entry for target in plan.targets for entry in targets.get(target, ())}
    further = {"findings": plan.paper.findings} if module is localization else {}
    for job in jobs:
        path = job.folder / getattr(module, "FILE", "explanations.npz")
        name = training.variant.entry(job.model)
        if name not in asked or job.fold.fold != 0 or _unfinished([job]):
            continue
        # Folds of before version 2 do not vouch for maps.
        done = read_done(job.folder)
        if path.exists() and (path.name in done.sha256 or done.fingerprint is None):
            continue
        training.note(f"{'disturbing clips of' if module is robustness else 'explaining'} {name} …")
        model = plan.paper.network(job.model, config)
        model.load_weights(job.folder / WEIGHTS)
        rows = job.fold.rows(prepared.source.index, "test")
        items = plan.data_of(training.variant).items
        arrays = module.explain(model, prepared.source, rows, config, items, **further)
        # The maps last: they mark that all of this is done.
        try:
            _write_overlays(training, module, arrays)
        except VideoError as error:
            training.note(f"no video of the maps. {error}")
        with atomic_write(path) as temporary:
            np.savez_compressed(temporary, **arrays)
        vouch_further(job.folder, path.name)


def _write_overlays(training: _Training, module: ModuleType, arrays: dict[str, np.ndarray]) -> None:
    """Writes the clips that a figure shows as videos, their maps beside them."""
    folder = training.out / training.plan.paper.name / OVERLAYS
    for figure, titles in getattr(module, "OVERLAYS", {}).items():
        ids = [str(clip_id) for clip_id in arrays["clip_id"][: len(arrays["frames"])]]
        for number, name in enumerate(file_names(ids).values()):
            overlay_video(
                folder / f"{figure}_{name}.mp4",
                arrays["frames"][number],
                {title: arrays[key][number] for key, title in titles.items()},
                training.variant.config.clip.fps or DEFAULT_FPS,
                simulated=training.plan.data.name == simulated.NAME,
            )


def _learning(config: PaperConfig) -> PaperConfig:
    """Settings for training on the other data set."""
    fit = FitConfig.model_validate({**config.fit.model_dump(), **config.transfer.fit})
    return config.model_copy(update={"fit": fit})


def _unfinished(jobs: list[FoldJob]) -> list[FoldJob]:
    from lus_keras.experiments.training.marks import is_done, tidy

    unfinished = [job for job in jobs if not is_done(job.folder)]
    for job in jobs:
        if job not in unfinished:
            tidy(job.folder)
    return unfinished


def _report(
    reporter: Reporter, paper: str, name: str, done: int, total: int, row: dict[str, Any]
) -> None:
    reporter.advance(f"{paper} {name}", done, total, epoch_text(row))


def _describe(plan: Plan, variant: Variant, model: str) -> dict[str, Any]:
    """What is needed to build the network again and to feed it."""
    clip = variant.config.clip
    return {
        "schema": 1,
        "paper": plan.paper.name,
        "variant": variant.name,
        "model": model,
        "input_shape": list(clip.shape),
        "options": variant.config.model,
        "labels": list(variant.config.labels),
        "clip": clip.model_dump(mode="json"),
        # Videos that were cropped by their source are not cropped again.
        "cropped": plan.data.cropped,
        **({"multilabel": True} if variant.config.multilabel else {}),
        **({"network": _own(variant.config, model)} if model in variant.config.networks else {}),
        "lus_keras": __version__,
    }


def _own(settings: PaperConfig, model: str) -> dict[str, Any]:
    """A network of the user: where it came from, and its layers as Keras writes them."""
    network = settings.networks[model]
    return {**network.model_dump(), "layers": architecture(network, settings)}
