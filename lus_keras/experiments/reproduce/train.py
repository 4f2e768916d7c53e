"""Trains the unfinished folds of variants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from lus_keras import __version__
from lus_keras.core.config import FitConfig, PaperConfig
from lus_keras.core.errors import VideoError
from lus_keras.core.files import atomic_write, file_names
from lus_keras.core.progress import Reporter, epoch_text
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.splits import Fold
from lus_keras.evaluation.run_record import Fingerprint
from lus_keras.evaluation.run_record.done import vouch_further
from lus_keras.experiments.reproduce.explained import FOLD, Explanation, explanations
from lus_keras.experiments.reproduce.planning import Plan, Variant
from lus_keras.experiments.reproduce.prepare import Prepared
from lus_keras.experiments.reproduce.request import Request
from lus_keras.experiments.reproduce.weights import WEIGHTS
from lus_keras.experiments.reproduce.workers import choose_workers, seconds_a_fold
from lus_keras.inference.overlay import overlay_video
from lus_keras.inference.predict.find import read_calibration
from lus_keras.papers import localization, robustness
from lus_keras.papers.own import architecture
from lus_keras.simulation import dataset as simulated

if TYPE_CHECKING:
    from lus_keras.experiments.training.fold import FoldJob
    from lus_keras.experiments.training.grid import Batch, Outcome

PRETRAINING = "pretraining"
OVERLAYS = "explanations"
SHARED = (
    "Each batch is split across all devices. Normalization statistics are those of each device's "
    "share (moving averages: of the first device), and the last, incomplete batch of an epoch is "
    "dropped."
)
# Frame rate of overlays of clips that keep the frame rate of their files.
DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class Training:
    """The folds of a variant and their training.

    Attributes:
        mark: Everything the results depend on.
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
        """Reports a message about the paper."""
        self.reporter.note(f"{self.plan.paper.name}: {text}")

    def job(
        self, model: str, fold: Fold, fit: FitConfig, name: str, initial: Path | None = None
    ) -> FoldJob:
        """One training; it starts from the weights in `initial`, if given."""
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

    def pretraining(self) -> list[FoldJob]:
        """Pretraining of every network on the other data set, if there is one."""
        if not self.prepared.pretraining:
            return []
        _, split = self.prepared.pretraining
        fit = _learning(self.variant.config).fit
        return [self.job(model, split.folds[0], fit, PRETRAINING) for model in self.variant.models]

    @property
    def settings(self) -> PaperConfig:
        """Settings for training the folds."""
        config = self.variant.config
        return _learning(config) if config.transfer.train_on else config

    def jobs(self) -> list[FoldJob]:
        """The requested folds of every network."""
        pretrained = bool(self.prepared.pretraining)
        return [
            self.job(
                *(model, fold, self.settings.fit, f"fold_{fold.fold}"),
                initial=self.folder(model) / PRETRAINING / WEIGHTS if pretrained else None,
            )
            for model in self.variant.models
            for fold in self.prepared.split.folds
            if self.request.fold in (None, fold.fold)
        ]

    def batch(self, workers: int) -> Batch:
        """The unfinished folds, except those whose pretraining failed."""
        jobs = [job for job in self.jobs() if not job.initial or job.initial.exists()]
        unfinished = _unfinished(jobs)
        if not unfinished:
            self._announce(0, workers)
        return self._batch(self.settings, self.prepared.source, unfinished, workers)

    def pretraining_batch(self, workers: int) -> Batch:
        """The unfinished pretraining on the other data set."""
        source, _ = self.prepared.pretraining or (self.prepared.source, None)
        unfinished = _unfinished(self.pretraining())
        return self._batch(_learning(self.variant.config), source, unfinished, workers)

    def _batch(
        self, config: PaperConfig, source: ClipSource, jobs: list[FoldJob], workers: int
    ) -> Batch:
        from lus_keras.experiments.training.grid import Batch

        if jobs:
            self._announce(len(jobs), workers)
        return Batch(self.plan.paper.name, config, source, jobs)

    def _announce(self, folds: int, workers: int) -> None:
        names = ", ".join(map(self.variant.entry, self.variant.models))
        at_a_time = f", {workers} at a time" if folds and workers > 1 else ""
        self.note(f"{names}: {folds} fold{'s' if folds != 1 else ''} to train{at_a_time}.")

    def explain(self) -> None:
        """Explains trained networks if a target of the paper requires it."""
        jobs = self.jobs()
        for explanation in explanations(self.plan.paper):
            _explain(self, jobs, explanation)


def train(trainings: Sequence[Training], request: Request, reporter: Reporter) -> list[Outcome]:
    """Trains the requested unfinished folds, after pretraining if required.

    Returns:
        One outcome per job run.

    Raises:
        ConfigError: A folder contains folds of another run.
    """
    from lus_keras.experiments.training.marks import refuse_foreign

    trainings = [training for training in trainings if training.variant.models]
    workers = choose_workers([training.prepared for training in trainings], request)
    if workers > 1:
        # Processes wait for the last folds, which should therefore be short.
        trainings = sorted(trainings, key=lambda item: -seconds_a_fold(item.prepared))
    elif request.engine != "ray":
        trainings = _by_network(trainings)
    refuse_foreign(job for training in trainings for job in training.pretraining())
    refuse_foreign(job for training in trainings for job in training.jobs())
    if request.mirrored:
        reporter.note(SHARED)
    pretrained = [training for training in trainings if training.prepared.pretraining]
    outcomes = []
    for batches in (
        (training.pretraining_batch(workers) for training in pretrained),
        (training.batch(workers) for training in trainings),
    ):
        outcomes += _run([batch for batch in batches if batch.jobs], workers, request, reporter)
    for outcome in outcomes:
        if outcome.status != "done":
            reporter.note(outcome.message)
    for training in trainings:
        training.explain()
    return outcomes


def _by_network(trainings: Sequence[Training]) -> list[Training]:
    """Trainings ordered by network and input shape, so that each graph is traced only once."""
    parts = [
        replace(training, prepared=replace(training.prepared, variant=variant))
        for training in trainings
        for variant in training.variant.by_model()
    ]

    def feed(part: Training) -> tuple[str, tuple[int, ...]]:
        return part.plan.paper.name, part.variant.config.clip.shape

    feeds = [feed(part) for part in parts]
    models = [part.variant.models for part in parts]
    return sorted(
        parts, key=lambda part: (feeds.index(feed(part)), models.index(part.variant.models))
    )


def _run(
    batches: Sequence[Batch], workers: int, request: Request, reporter: Reporter
) -> list[Outcome]:
    """Trains jobs on this machine or on the cluster."""
    if not batches:
        return []
    from lus_keras.experiments.training.cluster import Cluster, run_on_cluster
    from lus_keras.experiments.training.grid import run_jobs

    report = partial(_report, reporter)
    if request.engine == "ray":
        cluster = Cluster(request.ray_address, request.job_cpus, request.job_gpus)
        return run_on_cluster(batches, cluster, report=report, mirrored=request.mirrored)
    return run_jobs(batches, workers=workers, report=report, mirrored=request.mirrored)


def _explain(training: Training, jobs: list[FoldJob], explanation: Explanation) -> None:
    """Computes and writes the maps of trained networks that a target of the paper requires."""
    plan, prepared, config = training.plan, training.prepared, training.variant.config
    module, further = explanation.module, dict[str, Any]()
    if module is localization:
        further["findings"] = plan.paper.findings
    for job in jobs:
        name = training.variant.entry(job.model)
        if job.fold.fold != FOLD or not explanation.showing(name, plan.targets):
            continue
        if _unfinished([job]) or explanation.is_written(job.folder):
            continue
        training.note(f"{'disturbing clips of' if module is robustness else 'explaining'} {name} …")
        model = plan.paper.network(job.model, config)
        model.load_weights(job.folder / WEIGHTS)
        if getattr(module, "CALIBRATED", False):
            further["temperature"] = (read_calibration(job.folder) or {}).get("temperature", 1.0)
        rows = job.fold.rows(prepared.source.index, "test")
        items = plan.data_of(training.variant).items
        arrays = module.explain(model, prepared.source, rows, config, items, **further)
        # The maps are written last: they mark that everything before is done.
        try:
            _write_overlays(training, module, arrays)
        except VideoError as error:
            training.note(f"no video of the maps was written. {error}")
        with atomic_write(job.folder / explanation.file) as temporary:
            np.savez_compressed(temporary, **arrays)
        vouch_further(job.folder, explanation.file)


def _write_overlays(training: Training, module: ModuleType, arrays: dict[str, np.ndarray]) -> None:
    """Writes the clips shown by a figure as videos with their maps beside them."""
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
    """Everything needed to rebuild the network and to prepare its input."""
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
        # Videos already cropped by their source are not cropped again.
        "cropped": plan.data.cropped,
        **({"multilabel": True} if variant.config.multilabel else {}),
        **({"network": _own(variant.config, model)} if model in variant.config.networks else {}),
        "lus_keras": __version__,
    }


def _own(settings: PaperConfig, model: str) -> dict[str, Any]:
    """One of the user's networks: its origin, and its layers as serialized by Keras."""
    network = settings.networks[model]
    return {**network.model_dump(), "layers": architecture(network, settings)}
