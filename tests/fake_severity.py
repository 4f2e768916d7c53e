"""Writes a run of the severity paper as training would, from seeded noise: no network, no video."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from fake_run import revouch

from lus_keras.core import config
from lus_keras.evaluation.run_record import PaperRecord, RunRecord, write_record
from lus_keras.papers.severity import NAN_VARIANTS, NETWORK, RESULT_ROWS

SKILL = dict(zip(RESULT_ROWS, (0.2, 0.1, 2.0, 0.5, 0.5), strict=True))
# Videos of each score to test on: 23, so that the last batch of four is not full.
TESTED = (4, 5, 8, 6)
LAYERS = ("backbone_conv1", "attention_conv1", "logits")
DIVERGED = "nan_leaky"
SIDES = {
    "train": {"score_0": 7, "score_1": 6, "score_2": 15, "score_3": 8},
    "validation": {"score_0": 1, "score_1": 0, "score_2": 2, "score_3": 3},
    "test": dict(zip(("score_0", "score_1", "score_2", "score_3"), TESTED, strict=True)),
}


def write_run(run_dir: Path, *, rows=RESULT_ROWS, nan_variants=NAN_VARIANTS) -> Path:
    """Writes run.json and one finished fold a row; of the NaN study `DIVERGED` is not finished."""
    run_dir.mkdir(parents=True, exist_ok=True)
    names = [*rows, *(f"{variant}/{NETWORK}" for variant in nan_variants)]
    write_record(run_dir, record(names))
    for row in rows:
        write_fold(fold_dir(run_dir, row), row)
    for variant in nan_variants:
        folder = fold_dir(run_dir, f"{variant}/{NETWORK}")
        write_fold(folder, NETWORK)
        write_gradients(folder, diverges=variant == DIVERGED)
        if variant == DIVERGED:
            (folder / "DONE").unlink()
            report = {"epoch": 2, "batch": 3, "message": "the loss became nan"}
            (folder / "DIVERGED.json").write_text(json.dumps(report))
    return run_dir


def fold_dir(run_dir: Path, row: str) -> Path:
    variant, _, model = row.rpartition("/")
    return run_dir / "severity" / "-".join(filter(None, ("simulated", variant))) / model / "fold_0"


def record(names) -> RunRecord:
    settings = config.load("severity")
    variants = {}
    for name in names:
        variant = name.rpartition("/")[0]
        changed = config.load("severity", "paper", (), variant) if variant else settings
        variants[variant] = {
            "title": variant,
            "folds": 1,
            "config": changed.experiment(),
            "data": {},
        }
    lengths = {"score_0": {"20": 5}, "score_1": {"9": 2, "20": 9}, "score_2": {}, "score_3": {}}
    patients = {"p1": 20, "p2": 23}
    of_patients = {"p1": {"9": 5, "20": 15}, "p2": {"20": 23}}
    variants[""] = variants.get("", {"folds": 1}) | {
        "videos": {
            "sides": [SIDES],
            "lengths": lengths,
            "patients": patients,
            "patient_lengths": of_patients,
        }
    }
    paper = {
        **{key: getattr(settings, key) for key in ("title", "authors", "venue", "doi")},
        "dataset": "simulated",
        "simulated": True,
        "preset": "quick",
        "seed": 0,
        "config": settings.experiment(),
        "choices": settings.labeled_choices(),
        "models": list(names),
        "folds": 1,
        "data": {
            "videos": 59,
            "facts": [{"kind": "remark", "topic": "dataset", "text": "Simulated cohort, seed 0."}],
        },
        "variants": variants,
        "published": settings.published,
        "claims": [],
        "command": "lus-keras reproduce all --paper severity",
        "inconsistencies": list(settings.inconsistencies),
    }
    return RunRecord(papers={"severity": PaperRecord.model_validate(paper)})


def write_fold(folder: Path, row: str) -> None:
    """Writes one finished fold: truth is the same in all, skill is the row's."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(RESULT_ROWS.index(row))
    truth = np.random.default_rng(0).permutation(np.repeat(range(4), TESTED))
    if row == NETWORK:
        truth = truth[: len(truth) // 4 * 4]
    logits = SKILL[row] * 2 * np.eye(4)[truth] + noise.normal(0, 1, (len(truth), 4))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = [f"v{number:02d}" for number in range(len(truth))]
    table = pd.DataFrame({"clip_id": names, "video_id": names})
    table["patient_id"] = [f"p{number % 6}" for number in range(len(truth))]
    table = table.assign(fold=0, y_true=truth, **{f"p_{k}": chances[:, k] for k in range(4)})
    table.to_csv(folder / "predictions.csv", index=False)
    side = "test" if row == NETWORK else "val"
    epochs = {"epoch": [1, 2], "loss": [1.4, 1.3], "accuracy": [0.2, 0.3]}
    history = pd.DataFrame({**epochs, f"{side}_loss": [1.36, 1.32], f"{side}_accuracy": [0.2, 0.4]})
    history.to_csv(folder / "history.csv", index=False)
    pixels = noise.integers(0, 200, (8, 32, 32)).astype(np.uint8)
    arrays = {"pixels": pixels, "mask": noise.random((8, 7, 7), np.float32)}
    np.savez(folder / "masks.npz", clip_id=names[:8], frame=np.arange(8), **arrays)
    revouch(folder)


def write_gradients(folder: Path, *, diverges: bool) -> None:
    """Writes two epochs of three steps: norms 10^-epoch of the first layer, 1 of the last."""
    rows = [
        {"epoch": epoch, "batch": batch, "loss": 1.5 - epoch / 10}
        | dict(zip(LAYERS, (10.0**-epoch, 0.01 * batch, 1.0), strict=True))
        for epoch in (1, 2)
        for batch in (1, 2, 3)
    ]
    if diverges:
        rows[-1] |= {"backbone_conv1": np.nan, "attention_conv1": np.inf}
    pd.DataFrame(rows).to_csv(folder / "gradients.csv", index=False, na_rep="nan")
