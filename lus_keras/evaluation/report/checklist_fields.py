"""What a run can say of its networks and results, one function an answer; see `answers_data`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lus_keras.core.labels import MULTILABEL
from lus_keras.evaluation.report.cells import Cell, Table
from lus_keras.evaluation.report.checklist_data import (
    ANSWERS,
    Record,
    answer,
    clip_settings,
    label_column,
)
from lus_keras.evaluation.report.section import Section, interval, number, plain

__all__ = ["ANSWERS"]

SELECTIONS = {
    "last": "The weights after the last epoch; none were chosen.",
    "val_loss": "Weights of the epoch with the lowest loss on patients kept back from training.",
    "val_accuracy": "Weights of the epoch with the highest accuracy on patients kept back.",
    "test_loss": "Weights of the epoch with the lowest loss on the test set, as the paper did: "
    "optimistic.",
}


def _fit(section: Section) -> Mapping[str, Any]:
    return section.run.config.get("fit", {})


def _networks(section: Section) -> str:
    titles = section.run.record.get("model_titles", {})
    return ", ".join(str(titles.get(name, name)) for name in section.run.models)


@answer
def _technology(section: Section, record: Record) -> str:
    return f"Deep learning on lung-ultrasound videos: {_networks(section)}."


@answer
def _hypotheses(section: Section, record: Record) -> str:
    claims = "; ".join(f"{claim.text.rstrip('.')} ({claim.verdict})" for claim in section.claims)
    return f"Claims of the paper, tested: {claims}." if claims else ""


@answer
def _goal(section: Section, record: Record) -> str:
    return (
        f"Reproduction of \"{section.title}\" ({section.citation}), preset '{section.run.preset}'."
    )


@answer
def _model(section: Section, record: Record) -> str:
    clip, options = clip_settings(section), plain(section.run.config.get("model", {}))
    time = () if clip.get("unit") == "frame" else (clip.get("frames"),)
    shape = (*time, *(clip.get("tile") or clip.get("size", ())), clip.get("channels", 1))
    return (
        f"{_networks(section)}; input {' × '.join(map(str, shape))}; options {options}. "
        "Every layer stands in lus_keras.models of the version named under software."
    )


@answer
def _software(section: Section, record: Record) -> str:
    versions = ", ".join(
        f"{name} {version}" for name, version in record.get("versions", {}).items()
    )
    machine = record.get("device", {})
    shown = ", ".join(str(machine[key]) for key in ("platform", "processor") if machine.get(key))
    return f"{versions}. {shown}." if versions else ""


@answer
def _initial(section: Section, record: Record) -> str:
    config = section.run.config
    weights = config.get("options", {}).get("weights")
    before = config.get("transfer", {}).get("pretrain")
    source = f"weights in {weights}" if weights else "random values, seeded"
    return f"{source}{f', then training on {before} videos' if before else ''}.".capitalize()


@answer
def _training(section: Section, record: Record) -> str:
    fit = ", ".join(f"{name} {plain(value)}" for name, value in _fit(section).items())
    if not fit:
        return ""
    folds = section.run.folds
    return f"{fit}; seed {section.run.seed}; {folds} network(s) a row."


@answer
def _selection(section: Section, record: Record) -> str:
    return SELECTIONS.get(_fit(section).get("select", ""), "")


@answer
def _metrics(section: Section, record: Record) -> str:
    names = [table.metric_labels[metric] for table in section.tables for metric in table.headline]
    return f"{', '.join(dict.fromkeys(names))}; beside each its baseline." if names else ""


@answer
def _explainability(section: Section, record: Record) -> str:
    models = section.run.models.values()
    found = [
        "attention over time" if any(model.attention for model in models) else "",
        "spatial masks" if any(model.masks for model in models) else "",
        "saliency and SmoothGrad, held against random weights"
        if any(model.explanations for model in models)
        else "",
    ]
    shown = ", ".join(filter(None, found))
    return f"{shown[0].upper()}{shown[1:]}." if shown else ""


@answer
def _performance(section: Section, record: Record) -> str:
    found = []
    for table in section.tables:
        cells = [c for c in table.cells if c.metric in table.headline and _measured(c)]
        # What a paper proposes stands last in its tables, and its summary metric, too.
        found += [_sentence(table, cell) for cell in cells[-1:]]
    return f"{' '.join(found)} All rows: tables/*.csv and *.tex." if found else ""


def _measured(cell: Cell) -> bool:
    return None not in (cell.value, cell.ci_low, cell.baseline)


def _sentence(table: Table, cell: Cell) -> str:
    digits = table.digits(cell.metric)
    return (
        f"{table.id}, {table.row_labels[cell.row]}: {table.metric_labels[cell.metric]} "
        f"{number(cell.value, digits)} {interval(cell, digits)}, "
        f"baseline {number(cell.baseline, digits)}."
    )


@answer
def _failures(section: Section, record: Record) -> str:
    names = [
        drawing.title
        for drawing in section.drawings
        if "confusion" in drawing.title.lower() or drawing.id == "mistakes"
    ]
    return f"Figures: {'; '.join(dict.fromkeys(names))}." if names else ""


@answer
def _limitations(section: Section, record: Record) -> str:
    notes = [note for note in section.data_notes if "SIMULATED" in note or "protocol" in note]
    return " ".join([*notes, *section.warnings])


@answer
def _protocol(section: Section, record: Record) -> str:
    command = section.run.record.get("command")
    return f"`{command}`; run.json holds every setting." if command else ""


@answer
def _availability(section: Section, record: Record) -> str:
    version, commit = record.get("versions", {}).get("lus_keras"), record.get("git_commit")
    at = f", commit {commit}" if commit else ""
    return f"Code: lus_keras {version}{at}, MIT. {ANSWERS['data_source'](section, record)}"


@answer
def _output(section: Section, record: Record) -> str:
    classes = ", ".join(map(str, section.run.record.get("labels", [])))
    if label_column(section) in MULTILABEL:
        return f"Probabilities of {classes}, each by itself, for each clip; yes is above 0.5."
    return f"Probabilities of {classes} for each clip; the likeliest is the answer."


@answer
def _imbalance(section: Section, record: Record) -> str:
    weights = section.run.config.get("options", {}).get("class_weights")
    done = f"Class weights {plain(weights)} in the loss." if weights else "Nothing was done."
    return f"{done} Probabilities are not recalibrated."


@answer
def _folds(section: Section, record: Record) -> str:
    return "Standard deviation across folds, in the tables." if section.run.folds > 1 else ""
