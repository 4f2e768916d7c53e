"""From a plan to stored frames, clips and splits, one variant at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lus_keras.core.config import PaperConfig
from lus_keras.core.environment import cores
from lus_keras.core.errors import LEAKAGE, MAX_LISTED, ConfigError, DataError, LeakageError
from lus_keras.core.former_names import renamed_entry
from lus_keras.core.multilabel import class_counts, rarest_first
from lus_keras.core.progress import Reporter
from lus_keras.data import splits
from lus_keras.data.cache import FrameSpec, FrameStore, open_store
from lus_keras.data.cache.copies import copies_warning
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.clips import index_clips
from lus_keras.data.splits import Split
from lus_keras.evaluation.report.sentences import sentence
from lus_keras.experiments.reproduce.data import Data
from lus_keras.experiments.reproduce.exclusions import exclusions
from lus_keras.experiments.reproduce.planning import Plan, Variant
from lus_keras.simulation import dataset as simulated


@dataclass(frozen=True)
class Prepared:
    """A variant with stored frames and a split of its clips.

    Attributes:
        pretraining: Clips and split of the data set for pretraining, if there is one.
    """

    variant: Variant
    source: ClipSource
    split: Split
    pretraining: tuple[ClipSource, Split] | None = None


def prepare(plan: Plan, out: Path, reporter: Reporter) -> list[Prepared]:
    """Stores frames, cuts clips and splits them by variant; `keep_splits` writes split.json.

    Returns:
        The variants in the order of the plan.

    Raises:
        DataError: A video cannot be decoded, there is no clip, or the split leaks.
    """
    return [_prepare_variant(variant, plan, out, reporter) for variant in plan.variants]


def _prepare_variant(variant: Variant, plan: Plan, out: Path, reporter: Reporter) -> Prepared:
    stores = [_open_store(plan.data_of(variant), variant, plan, reporter)]
    pretraining = None
    if variant.learned:
        learned = _open_store(variant.learned, variant, plan, reporter)
        if variant.config.transfer.train_on:
            stores.insert(0, learned)
        else:
            source = _source(variant, [learned])
            pretraining = (source, _draw(variant, source, "holdout"))
    source = _source(variant, stores)
    split = _split(plan, variant, source, out)
    index = source.index
    title = f"{variant.title}: " if variant.title else ""
    reporter.note(
        f"{plan.paper.name}: {title}{len(index)} clips of {len(set(index.video_id))} videos of "
        f"{len(set(index.patient_id))} patients, {_class_counts(variant.config, index.label)}."
    )
    for warning in _one_class_folds(variant.config, source, split):
        reporter.note(f"  WARNING: {warning}")
    for fact in exclusions(source, variant.config):
        reporter.note(f"  {sentence(fact)}")
    if split.leaks:
        reporter.note(f"  {LEAKAGE}")
    return Prepared(variant, source, split, pretraining)


def _one_class_folds(settings: PaperConfig, source: ClipSource, split: Split) -> Iterator[str]:
    """Warnings about folds whose training or test clips lack a class of the data set."""
    labels, column = source.index.label, settings.label_column
    there = {name for name, count in _counted(settings, labels).items() if count}
    for side, purpose in (("train", "learns from"), ("test", "is tested on")):
        lacking: dict[str, list[str]] = {}
        for fold in split.folds:
            counts = _counted(settings, labels[fold.rows(source.index, side)])
            if missing := sorted(name for name in there if not counts[name]):
                lacking.setdefault(", ".join(missing), []).append(str(fold.fold))
        for absent, folds in lacking.items():
            which = f"fold {folds[0]}" if len(folds) == 1 else f"each of folds {', '.join(folds)}"
            yield f"{which} {purpose} no clip of {absent} ({column}). Set fewer split.folds."
    if len(there) == 1 and not settings.multilabel:
        yield f"all clips are {there.pop()} ({column}): no network can learn the difference."


def _counted(settings: PaperConfig, labels: np.ndarray) -> dict[str, int]:
    return class_counts(labels, settings.labels, settings.label_column)


def _class_counts(settings: PaperConfig, labels: np.ndarray) -> str:
    return ", ".join(f"{count} {name}" for name, count in _counted(settings, labels).items())


def _open_store(data: Data, variant: Variant, plan: Plan, reporter: Reporter) -> FrameStore:
    clip = variant.config.clip
    spec = FrameSpec.of(clip, cropped=data.cropped)
    if data.name == simulated.NAME:
        # Simulated videos are rendered in gray at the requested size.
        spec = replace(spec, channels=1, resize="area")
    verb = "rendering" if data.name == simulated.NAME else "decoding"

    def progress(done: int, total: int) -> None:
        if reporter.live or done == total:
            reporter.advance(f"{plan.paper.name}: {verb} videos", done, total)

    store = open_store(
        data.items, spec, on_bad=variant.config.data.on_bad, workers=cores(), progress=progress
    )
    if told := copies_warning(store):
        reporter.note(f"  WARNING: {data.name}: {told}")
    return store


def _source(variant: Variant, stores: Sequence[FrameStore]) -> ClipSource:
    index = index_clips(
        [video for store in stores for video in store.videos],
        [count for store in stores for count in store.counts],
        [size for store in stores for size in store.sizes],
        variant.config.clip,
        variant.config.label_column,
    )
    return ClipSource(tuple(stores), index, variant.config.clip)


def _split(plan: Plan, variant: Variant, source: ClipSource, out: Path) -> Split:
    path, name = out / "split.json", _split_name(plan, variant)
    known = _known_splits(path, plan)
    own = plan.own_split if len(source.stores) == 1 and variant.divides_patients else None
    if name in known and own and own.sha256 != known[name].sha256:
        raise ConfigError(
            f"{path}: {name}: contains other folds than --split. Choose another folder with --out."
        )
    split = known.get(name) or own
    if split and split == own and not plan.allow_leak:
        _refuse_shared_patients(split, source)
    if split:
        try:
            splits.verify(split, _divided(source, split), allow_leak=plan.allow_leak)
        except DataError as error:
            raise type(error)(
                f"{path}: {name}: belongs to a run with other data. {error}"
            ) from None
    else:
        split = _draw(variant, source, variant.config.split.scheme)
    return split


def keep_splits(plan: Plan, out: Path, prepared: Sequence[Prepared]) -> None:
    """Adds new splits to split.json, once the folder is known to belong to this run.

    Args:
        out: Run directory; no other process may write its split.json at the same time.

    Raises:
        DataError: The existing file is damaged.
    """
    path = out / "split.json"
    known = _known_splits(path, plan)
    new = {_split_name(plan, item.variant): item.split for item in prepared}
    if new.keys() - known.keys():
        splits.write_split(path, {**new, **known})


def _known_splits(path: Path, plan: Plan) -> dict[str, Split]:
    found = splits.read_splits(path, allow_leak=plan.allow_leak)
    return {renamed_entry(name): split for name, split in found.items()}


def _split_name(plan: Plan, variant: Variant) -> str:
    return f"{plan.paper.name}/{variant.name}" if variant.name else plan.paper.name


def _refuse_shared_patients(split: Split, source: ClipSource) -> None:
    """Refuses a user's split by clip that leaks patients, which the file alone does not reveal.

    Raises:
        LeakageError: Patients are on both sides.
    """
    index = source.index
    patients = dict(zip(index.clip_id.tolist(), index.patient_id.tolist(), strict=True))
    found = list(splits.shared_patients(split, patients))
    if found:
        remedy = "Split by patient, not by clip."
        advice = f"{remedy} (For teaching, --allow-leak accepts it and labels every table.)"
        shown = [f"--split: {text}" for text in found[:MAX_LISTED]]
        if len(found) > MAX_LISTED:
            shown.append(f"… and {len(found) - MAX_LISTED} more.")
        raise LeakageError.from_problems([*shown, advice], most=len(shown) + 1)


def _divided(source: ClipSource, split: Split) -> np.ndarray:
    """Ids of the units of a split, clips or patients, `(n,)` text with one entry per clip."""
    index = source.index
    return index.clip_id if split.by_clip else index.patient_id


def _draw(variant: Variant, source: ClipSource, scheme: str) -> Split:
    settings, index = variant.config.split, source.index
    classes = _strata(variant, source, scheme)
    if len(source.stores) == 2:
        patients = [{video.patient_id for video in store.videos} for store in source.stores]
        networks = variant.config.transfer.networks
        return splits.make_transfer(*patients, networks=networks, seed=settings.seed)
    if scheme == "kfold":
        return splits.make_kfold(
            index.patient_id, classes, folds=settings.folds, seed=settings.seed
        )
    drawn = settings.model_dump(include={"test_fraction", "seed", "repeats", "validation_fraction"})
    if scheme == "holdout":
        kept = settings.test_patients
        return splits.make_holdout(index.patient_id, classes, **drawn, test_patients=kept)
    return splits.make_clipwise(index.clip_id, classes, scheme=scheme, **drawn)


def _strata(variant: Variant, source: ClipSource, scheme: str) -> np.ndarray:
    """`(n,)` classes for stratification; the rarest label of clips with several labels."""
    index = source.index
    if not variant.config.multilabel:
        return index.label
    groups = index.patient_id if scheme in ("kfold", "holdout") else index.clip_id
    return rarest_first(groups, index.label)
