"""Contract and model card of an exported model."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lus_keras import __version__, papers
from lus_keras.core import config
from lus_keras.core.environment import package_version
from lus_keras.core.errors import RunError
from lus_keras.data.cache.spec import FrameSpec
from lus_keras.evaluation.report.escape import code, escaped, in_cell
from lus_keras.evaluation.report.sentences import counted, sentence
from lus_keras.evaluation.run_record import DataRecord, PaperRecord, read_record
from lus_keras.evaluation.tables.cells import SKILL_FREE
from lus_keras.inference.checks import RESULTS
from lus_keras.inference.export.check import LEVELS, TOLERANCE
from lus_keras.inference.export.graph import input_shape, output_names
from lus_keras.inference.predict import Ensemble
from lus_keras.inference.predict.find import Description, run_folder

CROPS = {
    "sector": "crop the image to the bounding box of the ultrasound sector first",
    "none": "the whole image",
    "roi": "a tile of the region of interest, cut from the image resized to `picture_size`",
}
BY_AREA = "by area, or linearly if a side grows"
OUTPUTS = {
    "probabilities": "probabilities of the classes in `labels`, rows sum to 1; mean over folds",
    "logits": "unbounded, mean over folds; with several folds their softmax is not `probabilities`",
    "attention": "weights of the frames, rows sum to 1; mean over folds",
}
# For networks that predict each label separately.
APART = {
    "probabilities": "of each label in `labels` separately, none or several may apply; mean "
    "over folds",
    "logits": "unbounded, mean over folds; with several folds their sigmoid is not `probabilities`",
}
SAME_SOURCE = (
    "The results above are from patients of the same source who were not used for training. "
)
USE = (
    "For research only. It is not a medical device, has not been validated for clinical use and "
    "must not inform the care of a patient."
)


def contract(
    models: Ensemble, format: str, differences: Mapping[str, float], hashes: Mapping[str, str]
) -> dict[str, Any]:
    """contract.json: inputs and outputs of the model, and the SHA-256 of its files."""
    said = OUTPUTS | (APART if models.description.multilabel else {})
    return {
        "schema": 1,
        "model": models.name,
        "format": format,
        "folds": [folder.name for folder in models.folders],
        "labels": list(models.labels),
        "input": _scaled_input(models) if format == "keras" else _input(models),
        "signature": "serving_default" if format == "saved_model" else None,
        "outputs": {name: said[name] for name in output_names(models)},
        "calibration": list(models.calibrations),
        "check": {"allowed": TOLERANCE, "found": dict(differences)},
        "sha256": dict(hashes),
        "versions": {
            "lus_keras": __version__,
            **{name: package_version(name) for name in ("tensorflow", "keras")},
        },
        "use": USE,
    }


def _input(models: Ensemble) -> dict[str, Any]:
    clip = models.clip
    crop = FrameSpec.of(clip, cropped=models.description.cropped).crop
    return {
        "name": "clips",
        "dtype": "uint8",
        "axes": ["clip", "frame", "row", "column", "channel"],
        "shape": list(input_shape(models)),
        "values": "RGB, 0 … 255" if clip.colour else "gray levels, 0 … 255",
        "frames_per_second": clip.fps,
        "frames": clip.frames,
        "frames_note": {
            "video": "a whole video; longer ones are truncated, shorter ones padded with "
            + ("their last frame" if clip.padding == "last" else "0 after scaling"),
            "frame": "single frames: the axis has length 1",
        }.get(clip.unit, "exactly this number, resampled by time stamp"),
        "crop": crop,
        "crop_note": CROPS[crop],
        "picture_size": list(clip.size),
        "done_inside": [
            f"resized to {clip.picture[0]}×{clip.picture[1]}: "
            + ("bilinearly with antialiasing" if clip.resize == "bilinear" else BY_AREA),
            f"rounded to whole levels; within {LEVELS} level of training's resizing",
            f"scaled: {config.SCALINGS[clip.scaling]}",
        ],
    }


def _scaled_input(models: Ensemble) -> dict[str, Any]:
    clip = models.clip
    return {
        "name": "inputs",
        "dtype": "float32",
        "shape": [None, *clip.shape],
        "values": config.SCALINGS[clip.scaling],
        "frames_per_second": clip.fps,
        "note": "as returned by `lus_keras.data.pipeline.network_input`; "
        "loading needs lus_keras.models",
    }


def model_card(
    models: Ensemble,
    said: Mapping[str, Any],
    elsewhere: Mapping[str, Sequence[Mapping[str, Any]]] = {},
) -> str:
    """model_card.md: use, training data, performance and limits of a model.

    Args:
        models: The network.
        said: Its contract.
        elsewhere: Rows of results.json for further data sets on which it was tested, by name.
    """
    description = models.description
    settings = config.load(description.paper)
    run = run_folder(models.folders)
    record = paper_record(run, description.paper)
    entry = "/".join(filter(None, (description.variant, description.model)))
    variant = record.variants.get(description.variant) if record else None
    data = variant.data if variant else record.data if record else DataRecord()
    title, command = title_of(description, record), recipe(record)
    source = f"{settings.venue} {settings.doi}".strip()
    parts = [
        f"# {escaped(title)} ({escaped(models.name)})",
        " ".join(
            f"{part.rstrip('.')}." for part in (settings.title, settings.authors, source) if part
        ),
        f"**{USE}**",
        "## Use",
        _usage(models, said),
        "## Training data",
        *_data_lines(record, data),
        "## Recipe",
        f"```bash\n{command}\n```" if command else "The command was not recorded.",
        "## Performance",
        "Names are those of `results.json`; a baseline is a predictor without skill, or chance.",
        _metrics(measured_rows(run, description), entry),
        *(
            f"On `{name}`, which it was not trained on:\n\n{_metrics(rows, entry)}"
            for name, rows in elsewhere.items()
        ),
        _calibration(models),
        "## Limits",
        _limits(record),
        "## License",
        "The package is under the MIT license. The license of the training data "
        f"({escaped(data.license or 'not stated')}) may also apply to weights trained on them.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def title_of(description: Description, record: PaperRecord | None) -> str:
    """Printed name of a network: from the run, the paper, or its own name."""
    entry = config.load(description.paper).models.get(description.model)
    titles = record.model_titles if record else {}
    return titles.get(description.model) or (entry.title if entry else description.model)


def _usage(models: Ensemble, said: Mapping[str, Any]) -> str:
    given = said["input"]
    shape = " × ".join("any" if side is None else str(side) for side in given["shape"])
    outputs = ", ".join(f"`{name}`" for name in said["outputs"])
    folds = f"{len(models.folders)} fold" + "s" * (len(models.folders) > 1)
    labels = escaped(", ".join(models.labels))
    fps = given["frames_per_second"]
    rate = "at the frame rate of the file" if fps is None else f"at {fps} frames per second"
    kind = "Labels, none or several of which apply" if models.description.multilabel else "Classes"
    return (
        f"Input `{given['name']}`: {given['dtype']}, {shape}, {rate}. Outputs: {outputs}. "
        f"{kind}: {labels}. {folds}. "
        f"Details: `{'entry' if said['format'] == 'safetensors' else 'contract'}.json`."
    )


def _data_lines(record: PaperRecord | None, data: DataRecord) -> list[str]:
    if record is None:
        return ["Not recorded: the run's `run.json` was not found in the folder of the network."]
    found = {"patients": data.patients, "videos": data.videos, "clips": data.clips}
    counts = ", ".join(f"{count} {name}" for name, count in found.items() if count is not None)
    return [
        f"{code(record.dataset)}, preset {code(record.preset)}, seed {record.seed}: "
        f"{counts} ({escaped(counted(data.classes))}). "
        f"Split: {record.config.split.scheme or 'not recorded'}. "
        f"License: {escaped(data.license or 'not stated')}.",
        "\n".join(f"- {escaped(sentence(fact))}" for fact in data.facts),
    ]


def _calibration(models: Ensemble) -> str:
    """Temperature and operating point of each fold; empty without calibration."""
    lines = []
    for folder, said in zip(models.folders, models.calibrations, strict=False):
        line = f"- {folder.name}: logits divided by {said['temperature']:.3g}"
        if said["threshold"] is not None:
            line += (
                f"; threshold {said['threshold']:.3g} (sensitivity {said['sensitivity']:.2f}, "
                f"specificity {said['specificity']:.2f})"
            )
        lines.append(f"{line}, on {said['clips']} clips of {said['patients']} patients")
    head = "Calibrated on patients used neither for training nor for testing:\n\n"
    return head + "\n".join(lines) if lines else ""


def _limits(record: PaperRecord | None) -> str:
    scheme = record.config.split.scheme if record else ""
    tested = {
        **dict.fromkeys(("kfold", "holdout"), SAME_SOURCE),
        "as_published": "Clips of the same patient were used for training and for testing. ",
        "image": "Clips of the same patient were used for training and for testing. ",
    }.get(scheme, "How the results above were obtained is not recorded. ")
    return (
        f"{tested}Results may differ with another scanner, scanner setting, probe or patient "
        "group. They are those of single folds on their own test clips; the mean over folds was "
        "not tested."
    )


def recipe(record: PaperRecord | None) -> str:
    """The command that trained a network, without paths; empty if not recorded."""
    words = shlex.split(record.command) if record else []
    kept, dropped = [], False
    for word in words:
        if not dropped and not word.startswith(("--out=", "--root=")):
            dropped = word in ("--out", "--root")
            kept += [] if dropped else [word]
        else:
            dropped = False
    return shlex.join(kept)


def measured_rows(run: Path | None, description: Description) -> list[dict[str, Any]]:
    """Rows of results.json about a network that have a value; empty without a report."""
    entry = "/".join(filter(None, (description.variant, description.model)))
    whole = _tables_of(description.paper, entry)
    record = paper_record(run, description.paper)
    # Rows of other networks of the user, in tables whose rows are classes.
    others = [f"{name}/" for name in (record.networks if record else ()) if name != entry]
    return [
        row
        for row in _measured(run)
        if row.get("paper") == description.paper
        and (row["row"] == entry or row["row"].startswith(f"{entry}/") or row["table"] in whole)
        and not row["row"].startswith(tuple(others))
        and row.get("value") is not None
        and row["row"].rpartition("/")[2] not in SKILL_FREE
    ]


def _metrics(rows: Sequence[Mapping[str, Any]], entry: str) -> str:
    lines = [
        f"| {_place(row, entry)} | {_cell(row['metric'])} | {_number(row['value'])} | "
        f"{_interval(row)} | {_number(row['baseline'])} | {row['n_patients']} |"
        for row in rows
    ]
    if not lines:
        return (
            "Not recorded: the run's `report/results.json` was not found in the folder of the "
            "network."
        )
    head = "| table | metric | value | 95 % interval over patients | baseline | patients |"
    return "\n".join([head, "|---|---|---|---|---|---|", *lines])


def _tables_of(paper: str, entry: str) -> set[str]:
    """Tables of this network only, whose rows are classes or labels."""
    targets = papers.get(paper).targets.items()
    return {target.replace("-", "_") for target, entries in targets if entries == (entry,)}


def _place(row: Mapping[str, Any], entry: str) -> str:
    return _cell(row["table"] if row["row"] == entry else f"{row['table']}, {row['row']}")


def _cell(text: str) -> str:
    return in_cell(escaped(text))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row.get("ci_low"), row.get("ci_high")
    return "–" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def paper_record(run: Path | None, paper: str) -> PaperRecord | None:
    """Record of a paper in run.json; None if it cannot be read, which the card states."""
    try:
        return read_record(run).papers.get(paper) if run else None
    except RunError:
        return None


def _measured(run: Path | None) -> list[dict[str, Any]]:
    """Rows of results.json; empty if it cannot be read, which the card states."""
    try:
        return json.loads((run / RESULTS).read_text("utf-8"))["rows"] if run else []
    except (OSError, ValueError, KeyError, TypeError):
        return []
