"""run.json of earlier versions, in the form of today's.

Version 1 had no types and kept facts as sentences. These stay sentences, as their numbers cannot
all be had back; what each is about is told by how version 1 began it. Version 2 had other names.
"""

import re
from collections.abc import Mapping
from typing import Any

from lus_keras.core.former_names import renamed_entry, renamed_field, renamed_keys
from lus_keras.evaluation.run_record.facts import Topic
from lus_keras.evaluation.run_record.record import (
    ChoiceRecord,
    DataRecord,
    DeviceRecord,
    PaperRecord,
    VariantRecord,
)

# Sentences of version 1, in the words of that version.
PATTERNS = {
    r"SIMULATED ": Topic.SIMULATION,
    r"\d+ of \d+ videos cannot be decoded whole": Topic.EXCLUSION,
    r"\d+ videos have no label in ": Topic.EXCLUSION,
    r"\d+ videos are shorter or smaller than one clip": Topic.EXCLUSION,
    r"\d+ videos are longer than \d+ frames": Topic.EXCLUSION,
    r"Preset '.*' is not the paper's protocol": Topic.PROTOCOL,
    r"Learnt from |Trained on |The \d+ folds are |LEAKAGE|OPTIMISTIC": Topic.TRAINING,
}


def migrated(content: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Brings a run.json of an earlier version to the form of version 3.

    Args:
        content: The file's content. Keys of version 1 without a place in it are left out.

    Raises:
        KeyError: `models` of a paper is missing.
        TypeError: A part is not what it has to be.
    """
    content = _from_1(content) if version == 1 else content
    papers = {name: _renamed(paper) for name, paper in content["papers"].items()}
    return {**content, "version": 3, "papers": papers}


def _renamed(paper: Mapping[str, Any]) -> dict[str, Any]:
    """A paper of version 2 in the words of version 3."""
    kept = {key: value for key, value in paper.items() if key != "arms"}
    titles = paper.get("model_titles", {})
    return {
        **kept,
        "config": renamed_keys(paper.get("config", {})),
        "models": [renamed_entry(name) for name in paper["models"]],
        "model_titles": {renamed_entry(name): title for name, title in titles.items()},
        "choices": [
            {**choice, "field": renamed_field(choice["field"])}
            for choice in paper.get("choices", [])
        ],
        "variants": {
            renamed_entry(name): {**arm, "config": renamed_keys(arm.get("config"))}
            for name, arm in paper.get("arms", {}).items()
        },
    }


def _from_1(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "papers": {name: _paper(name, paper) for name, paper in content["papers"].items()},
        "seed": content.get("seed", 0),
        "versions": content.get("versions", {}),
        "device": _known(DeviceRecord, content.get("device", {})),
        "git_commit": content.get("git_commit"),
    }


def _paper(name: str, paper: Mapping[str, Any]) -> dict[str, Any]:
    dataset = str(paper.get("dataset", ""))
    simulated = paper.get("simulated")
    return {
        **_known(PaperRecord, paper),
        "title": paper.get("title", name),
        "doi": paper.get("doi") or "",
        "dataset": dataset,
        "simulated": dataset.startswith("simulated") if simulated is None else simulated,
        "preset": paper.get("preset", ""),
        "seed": paper.get("seed", 0),
        "models": paper["models"],
        "folds": paper.get("folds", 0),
        "choices": [_known(ChoiceRecord, choice) for choice in paper.get("choices", [])],
        "data": _data(paper.get("data", {})),
        "arms": {key: _arm(arm, paper) for key, arm in paper.get("arms", {}).items()},
    }


def _arm(arm: Mapping[str, Any], paper: Mapping[str, Any]) -> dict[str, Any]:
    kept = _known(VariantRecord, arm) | {"folds": arm.get("folds", paper.get("folds", 0))}
    kept["data"] = _data(arm.get("data", {}))
    if "fingerprint" in arm:
        kept["fingerprint"] = _fingerprint(arm["fingerprint"])
    return kept


def _fingerprint(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 kept settings beside the rest, and hashes in the place of `data` and `split`."""
    named = ("seed", "precision", "split", "data", "versions", "backend", "lus_keras")
    settings = {key: value for key, value in flat.items() if key not in named}
    return {"settings": settings, **{key: flat[key] for key in named}}


def _data(data: Mapping[str, Any]) -> dict[str, Any]:
    facts = [
        {"kind": "remark", "topic": _topic(str(text)), "text": str(text)}
        for text in data.get("notes", [])
    ]
    return {**_known(DataRecord, data), "facts": facts}


def _topic(text: str) -> Topic:
    found = (topic for pattern, topic in PATTERNS.items() if re.match(pattern, text))
    return next(found, Topic.DATASET)


def _known(record: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key in record.model_fields}
