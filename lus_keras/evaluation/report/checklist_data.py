"""What a run can say of its data, one function an answer; empty where it does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lus_keras.core.config import SCALINGS
from lus_keras.evaluation.report.section import Section

Record = Mapping[str, Any]
Answer = Callable[[Section, Record], str]
# Answers of a paper's section and run.json, by the name that checklists give under `fill`.
ANSWERS: dict[str, Answer] = {}

UNITS = {
    "window": "windows of {frames} frames every {stride} frames",
    "tile": "tiles of {tile} pixels, {frames} frames long, every {stride} frames",
    "video": "whole videos, padded ({padding}) or cut to {frames} frames",
    "frame": "single frames, {per_video} of a video",
}
SCHEMES = {
    "kfold": "{folds} folds by patient, stratified by label",
    "holdout": "a share of {test_fraction:g} of the patients is tested on, {repeats} time(s)",
    "as_published": "clips, not patients, are divided, as the published counts imply",
    "image": "pictures, not patients, are divided",
}


def answer(function: Answer) -> Answer:
    """Lets items of the checklists name a function.

    Args:
        function: Of a paper's section and run.json, to a sentence.

    Returns:
        The function.
    """
    ANSWERS[function.__name__.lstrip("_")] = function
    return function


def clip_settings(section: Section) -> Mapping[str, Any]:
    """How videos of a run were cut; empty if run.json does not say."""
    return section.run.config.get("clip", {})


def _data(section: Section) -> Mapping[str, Any]:
    return section.run.record.get("data", {})


@answer
def _data_source(section: Section, record: Record) -> str:
    where = "simulated videos, no patients" if section.simulated else section.run.dataset
    licence = _data(section).get("license")
    return f"Data set: {where}.{f' Licence: {licence}.' if licence else ''}"


@answer
def _left_out(section: Section, record: Record) -> str:
    notes = [note for note in section.data_notes if "give none" in note or "lose their end" in note]
    return " ".join(notes) or "All videos of the data set that hold a clip are used."


@answer
def _preprocessing(section: Section, record: Record) -> str:
    clip = clip_settings(section)
    if not clip:
        return ""
    rate = f"resampled by time stamp to {clip['fps']:g} fps" if clip.get("fps") else "own rate"
    parts = [
        f"Decoded, {rate}",
        f"crop: {clip['crop']}" if "crop" in clip else "",
        f"{'×'.join(map(str, clip['size']))} pixels by area" if "size" in clip else "",
        f"{clip['channels']} channel(s)" if "channels" in clip else "",
        SCALINGS.get(clip.get("scaling", ""), ""),
    ]
    return f"{'; '.join(filter(None, parts))}."


def label_column(section: Section) -> str:
    """Column of the label: the paper's, or that of the only arm that was run."""
    arms = list(section.run.record.get("arms", {}).values())
    config = arms[0].get("config", {}) if len(arms) == 1 else {}
    return str({**section.run.config, **config}.get("label_column", ""))


@answer
def _subsets(section: Section, record: Record) -> str:
    clip = clip_settings(section)
    return f"Clips: {UNITS[clip['unit']].format(**clip)}." if clip.get("unit") in UNITS else ""


@answer
def _acquisition(section: Section, record: Record) -> str:
    if not section.simulated:
        return ""
    return "Simulated: probes, depths and frame rates as docs/simulator.md of lus_keras has them."


@answer
def _reference(section: Section, record: Record) -> str:
    column = label_column(section)
    classes = ", ".join(map(str, section.run.record.get("labels", [])))
    how = " It is known from the simulation." if section.simulated else ""
    return f"Label '{column}' of the data set: {classes}.{how}" if column else ""


@answer
def _reference_source(section: Section, record: Record) -> str:
    return "The simulator; nobody annotated." if section.simulated else ""


@answer
def _partitions(section: Section, record: Record) -> str:
    split = section.run.config.get("split", {})
    if split.get("scheme") not in SCHEMES:
        return ""
    kept = split.get("validation_fraction", 0)
    back = f" Of those to train on, {kept:g} are kept back to choose an epoch." if kept else ""
    how = SCHEMES[split["scheme"]].format(**split)
    return f"{how[0].upper()}{how[1:]}; seed {split.get('seed')}. The split is in split.json.{back}"


@answer
def _disjoint(section: Section, record: Record) -> str:
    scheme = section.run.config.get("split", {}).get("scheme")
    if scheme in ("kfold", "holdout"):
        return "Patients: none is on two sides; verified each time the split is read."
    return "Clips: a patient may be on both sides, so numbers are optimistic." if scheme else ""


@answer
def _counts(section: Section, record: Record) -> str:
    data = _data(section)
    names = ("patients", "videos", "clips", "positives")
    counts = ", ".join(f"{data[name]} {name}" for name in names if name in data)
    classes = ", ".join(f"{name} {count}" for name, count in data.get("classes", {}).items())
    return f"{counts}{f' ({classes})' if classes else ''}." if counts else ""


@answer
def _sample_size(section: Section, record: Record) -> str:
    return f"Not calculated: as many as the data set has. {_counts(section, record)}"


@answer
def _partition_counts(section: Section, record: Record) -> str:
    for arm in section.run.record.get("arms", {}).values():
        sides = arm.get("videos", {}).get("sides")
        if sides:
            parts = [
                f"{side}: {', '.join(f'{name} {count}' for name, count in counts.items())}"
                for side, counts in sides[0].items()
            ]
            return f"Videos by class, first fold: {'; '.join(parts)}."
    return ""


@answer
def _internal(section: Section, record: Record) -> str:
    return f"{_partitions(section, record)} Results: the tables of report.md."


@answer
def _external(section: Section, record: Record) -> str:
    learnt = section.run.config.get("transfer", {}).get("train_on")
    if learnt:
        return f"Learnt from {learnt} videos alone, tested on {section.run.dataset}."
    return "Not done: networks are tested on other patients of the data set they learnt from."


@answer
def _ethics(section: Section, record: Record) -> str:
    return "Simulated videos: no patient, no approval needed." if section.simulated else ""
