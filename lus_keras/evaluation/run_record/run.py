"""Content of a run: papers, models, finished folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lus_keras.evaluation.run_record.record import Fingerprint, PaperRecord, VariantRecord
from lus_keras.evaluation.run_record.settings import Settings

BANNERS = {
    "smoke": "SMOKE RUN: it checks that every step works. Its networks have learned next to "
    "nothing; no number here means anything.",
    "quick": "QUICK RUN: smaller clips, fewer steps, other data than the paper's protocol.",
}


@dataclass(frozen=True)
class Attention:
    """Frame weights of test clips.

    Attributes:
        clip_ids: `(n,)` text, unique within a fold.
        folds: `(n,)` int64.
        weights: `(n, t)` float32 softmax over the frames.
        truth: `(n, t)` int8: 1 annotated, 0 not, -1 unknown.
    """

    clip_ids: NDArray[np.str_]
    folds: NDArray[np.int64]
    weights: NDArray[np.float32]
    truth: NDArray[np.int8]


@dataclass(frozen=True)
class Example:
    """Frames of a test clip, saved for figures.

    Attributes:
        frames: `(t, h, w)` uint8, without padding.
        step: Frames of the clip from one saved frame to the next.
        length: Number of frames of the clip, without padding.
        masks: `(t, h', w')` uint8 spatial masks of the frames, 255 for 1; None without masks.
    """

    clip_id: str
    fold: int
    frames: NDArray[np.uint8]
    step: int
    length: int
    masks: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class MaskedFrame:
    """A frame of a test clip and the spatial mask of a network.

    Attributes:
        frame: Index in the clip, from 0.
        pixels: `(h, w)` uint8.
        mask: `(h', w')` float32 in 0 … 1.
    """

    clip_id: str
    frame: int
    fold: int
    pixels: NDArray[np.uint8]
    mask: NDArray[np.float32]


@dataclass(frozen=True)
class ModelRun:
    """Results of the finished folds of one network.

    Attributes:
        name: Model, as in `list_models()`, or `variant/model`.
        predictions: Rows of all finished folds; None if none has finished.
        attention: Weights of all finished folds; None for models without attention.
        histories: Per finished fold, one row an epoch.
        gradients: Per fold, finished or diverged, one row a step: `epoch, batch, loss` and the norm
            of the gradient of every layer.
        diverged: Per diverged fold, `{"epoch", "batch", "message"}`.
        hashes: sha256 of every predictions.csv that was read, by its path in the run.
        fingerprints: Per finished fold that says so, what its numbers depend on.
        explanations: Saliency maps of test clips and what was measured on them, by name; None if
            the network was not explained.
        localization: What was measured of maps against findings, likewise.
        robustness: Probabilities of test clips that were disturbed, by nuisance and step, likewise.
    """

    name: str
    predictions: pd.DataFrame | None = None
    attention: Attention | None = None
    histories: Mapping[int, pd.DataFrame] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    masks: tuple[MaskedFrame, ...] = ()
    gradients: Mapping[int, pd.DataFrame] = field(default_factory=dict)
    folds_done: tuple[int, ...] = ()
    diverged: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[int, Fingerprint] = field(default_factory=dict)
    explanations: Mapping[str, NDArray[Any]] | None = None
    localization: Mapping[str, NDArray[Any]] | None = None
    robustness: Mapping[str, NDArray[Any]] | None = None


@dataclass(frozen=True)
class PaperRun:
    """One paper of a run.

    Attributes:
        models: Models by name, in the order they were asked for.
        seeds: Seeds of the runs that this one is among; empty for a run by itself.
        seeds_vary: What differs between the seeds, `training` or `cohort`; empty without seeds.
    """

    paper: str
    record: PaperRecord
    models: Mapping[str, ModelRun]
    seeds: tuple[int, ...] = ()
    seeds_vary: str = ""

    @property
    def dataset(self) -> str:
        """Name of the data set."""
        return self.record.dataset

    @property
    def simulated(self) -> bool:
        """Whether the videos are simulated, as recorded; the name of a manifest does not decide."""
        return self.record.simulated

    @property
    def preset(self) -> str:
        """Name of the preset."""
        return self.record.preset

    @property
    def banner(self) -> str:
        """Warning above the results of a preset that is not the paper's protocol; else empty."""
        return BANNERS.get(self.preset, "")

    @property
    def seed(self) -> int:
        """Seed of the run; also seeds the bootstrap."""
        return self.record.seed

    def folds_of(self, name: str) -> int:
        """Number of folds of a complete run of a network, `model` or `variant/model`."""
        variant = self.record.variant_of(name)
        return variant.folds if variant else self.record.folds

    @property
    def variants(self) -> Mapping[str, VariantRecord]:
        """Variants by name; the paper's own protocol has an empty one."""
        return self.record.variants

    @property
    def leaking(self) -> Sequence[str]:
        """Variants in which a patient may be in both training and test set."""
        return [name for name, variant in self.variants.items() if variant.leaks]

    @property
    def settings(self) -> Settings:
        """Settings of the run, without the changes of any variant."""
        return self.record.config

    def settings_of(self, name: str) -> Settings:
        """Settings of a network's variant; those of the run if the variant is unknown."""
        variant = self.record.variant_of(name)
        return (variant.config if variant else None) or self.settings

    def title_of(self, name: str) -> str:
        """Printed name of a network, `model` or `variant/model`; the title of its variant first."""
        key, _, model = name.rpartition("/")
        variant = self.variants.get(key) if key else None
        titles = (variant.title if variant else key, self.record.model_titles.get(model, model))
        return ", ".join(filter(None, titles))

    def with_own(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Adds the user's networks in the same variants: network → printed name."""
        variants = dict.fromkeys(name.rpartition("/")[0] for name in labels)
        own = {
            entry: self.record.model_titles.get(entry, name)
            for variant in variants
            for name in self.record.networks
            if (entry := f"{variant}/{name}" if variant else name) in self.models
        }
        return {**labels, **own}

    @property
    def published(self) -> Mapping[str, Any]:
        """The paper's own numbers: table → row → metric → number."""
        return self.record.published

    def published_value(self, table: str, row: str, metric: str) -> float | None:
        """Published number of a cell; None if the paper prints none."""
        value = self.published.get(table, {}).get(row, {}).get(metric)
        return None if value is None else float(value)

    def model(self, name: str) -> ModelRun:
        """Results of a network; empty results if it was not run."""
        return self.models.get(name, ModelRun(name))

    def status(self, name: str) -> str:
        """What a network lacks, such as `3/5 folds; fold 2 diverged at epoch 4`; else empty."""
        model = self.model(name)
        if name not in self.models:
            return "not run"
        parts = []
        if len(model.folds_done) < self.folds_of(name):
            parts.append(f"{len(model.folds_done)}/{self.folds_of(name)} folds")
        for fold, report in sorted(model.diverged.items()):
            epoch = report.get("epoch")
            parts.append(
                f"fold {fold} diverged" + (f" at epoch {epoch}" if epoch is not None else "")
            )
        return "; ".join(parts)
