"""Writes a run directory as training would, from seeded noise: no network, no video."""

from pathlib import Path

import numpy as np
import pandas as pd

from lus_keras.evaluation.run_record import (
    DeviceRecord,
    Fingerprint,
    PaperRecord,
    RunRecord,
    vouch,
    write_record,
)

MODELS = ("c2d_a", "c3d_a", "c2d_lstm", "c2d_lstm_a")
SKILL = {"c2d_a": 0.1, "c3d_a": 0.5, "c2d_lstm": 0.6, "c2d_lstm_a": 0.9}
PUBLISHED = {
    "table1": {
        "c2d_a": {"precision": 0.57, "recall": 0.61, "f1": 0.58},
        "c3d_a": {"precision": 0.73, "recall": 0.82, "f1": 0.77},
        "c2d_lstm": {"precision": 0.75, "recall": 0.85, "f1": 0.79},
        "c2d_lstm_a": {"precision": 0.76, "recall": 0.89, "f1": 0.81},
    },
    "table2": {
        "c2d_a": {"iou_0.1": 36.2, "iou_0.2": 31.4, "iou_0.3": 28.6, "iou_0.4": 22.4},
        "c3d_a": {"iou_0.1": 63.3, "iou_0.2": 61.1, "iou_0.3": 54.0, "iou_0.4": 45.7},
        "c2d_lstm_a": {"iou_0.1": 67.1, "iou_0.2": 65.3, "iou_0.3": 54.5, "iou_0.4": 49.5},
    },
    "representative_frame": {"c2d_lstm_a": {"accuracy": 87.5}},
    "figure1": {
        "c2d_lstm_a": {"iou": 78.0},
        "frame_2": {"weight": 0.2},
        "frame_12": {"weight": 1.0},
    },
}
CLAIMS = [
    {
        "id": "lstm_over_none",
        "text": "The LSTM is crucial: C2D+LSTM+A beats C2D+A.",
        "better": "c2d_lstm_a",
        "worse": "c2d_a",
        "metric": "f1",
    },
    {
        "id": "attention_over_none",
        "text": "Attention improves F1 from 0.79 to 0.81.",
        "better": "c2d_lstm_a",
        "worse": "c2d_lstm",
        "metric": "f1",
    },
]


def write_run(run_dir: Path, *, models=MODELS, folds=5, patients=15, frame_truth=True) -> Path:
    """Writes run.json and all folds of the B-line paper; every patient has 2 videos of 4 clips."""
    run_dir.mkdir(parents=True, exist_ok=True)
    write_record(run_dir, record(models, folds))
    for model in models:
        for fold in range(folds):
            write_fold(
                fold_dir(run_dir, model, fold),
                model,
                fold,
                folds,
                patients,
                frame_truth=frame_truth,
            )
    return run_dir


def fingerprint(**settings) -> Fingerprint:
    """Of runs that differ in settings alone."""
    said = {"seed": 0, "precision": "float32", "split": "", "data": "", "versions": {}}
    return Fingerprint(settings=settings, backend="tensorflow", lus_keras="", **said)


def fold_dir(run_dir: Path, model: str, fold: int) -> Path:
    return run_dir / "bline" / "simulated" / model / f"fold_{fold}"


def record(models=MODELS, folds=5, **changes) -> RunRecord:
    """What run.json holds; `changes` are of the paper's entry."""
    paper = {
        "title": "Automatic Detection of B-lines in Lung Ultrasound Videos",
        "authors": "Kerdegari et al.",
        "venue": "IEEE ISBI 2021",
        "doi": "10.48550/arXiv.2102.01059",
        "dataset": "simulated",
        "simulated": True,
        "preset": "quick",
        "seed": 0,
        "labels": ["non-B-line", "B-line"],
        "config": {
            "localisation": {"threshold": 0.5, "population": "gt_pos"},
            "clip": {"unit": "window", "fps": 30.0, "frames": 30, "stride": 24, "size": [64, 64]},
            "split": {"scheme": "kfold", "folds": folds, "seed": 0},
        },
        "choices": [
            {"field": "clip.stride", "value": 24, "label": "D", "why": "20 % overlap of 30 frames"},
            {"field": "model.pool", "value": "mean", "label": "P", "why": "Sec. 2: averaged"},
            {"field": "localisation.threshold", "value": 0.5, "label": "X", "why": "unstated"},
        ],
        "models": list(models),
        "folds": folds,
        "data": {
            "patients": 15,
            "videos": 30,
            "clips": 120,
            "positives": 55,
            "facts": [{"kind": "remark", "topic": "dataset", "text": "Simulated cohort, seed 0."}],
        },
        "command": "lus-keras reproduce table1 --paper bline --preset quick",
        "published": PUBLISHED,
        "claims": CLAIMS,
        "inconsistencies": [
            '"Five hours" of video: 298 examinations × 12 points × 4 s is 3.97 h.',
            "Localisation accuracy 67.1 % (conclusion) is only the column α = 0.1.",
        ],
    }
    return RunRecord(
        papers={"bline": PaperRecord.model_validate(paper | changes)},
        seed=changes.get("seed", 0),
        versions={"lus_keras": "0.1.0", "keras": "3.15.1", "tensorflow": "2.21.0"},
        device=DeviceRecord(platform="CPU", cores=2),
        git_commit="0123456789abcdef0123456789abcdef01234567",
    )


def write_fold(folder, model, fold, folds=5, patients=15, frame_truth=True, frames=30) -> None:
    """Writes one finished fold. Truth depends on the patient alone, skill on the model."""
    folder.mkdir(parents=True, exist_ok=True)
    cohort = np.random.default_rng(100 + fold)
    noise = np.random.default_rng([MODELS.index(model), fold])
    rows, truths = [], []
    for patient in range(fold, patients, folds):
        for clip in range(8):
            truths.append(_frame_truth(cohort, frames))
            video = f"{patient:03d}_v{clip // 4}"
            rows.append((f"{video}_c{clip % 4}", video, f"{patient:03d}", fold))
    truth = np.array(truths)
    y_true = truth.any(1).astype(int)
    logit = SKILL[model] * 3 * (y_true - 0.5) + noise.normal(0, 1, len(rows))
    p = 1 / (1 + np.exp(-logit))
    table = pd.DataFrame(rows, columns=["clip_id", "video_id", "patient_id", "fold"])
    table = table.assign(y_true=y_true, p_0=1 - p, p_1=p)
    table.to_csv(folder / "predictions.csv", index=False)
    _history(noise).to_csv(folder / "history.csv", index=False)
    if model != "c2d_lstm":
        weights = np.exp(2 * SKILL[model] * truth + noise.normal(0, 0.35, truth.shape))
        weights = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
        known = truth.astype(np.int8) if frame_truth else np.full(truth.shape, -1, np.int8)
        clip_id = table["clip_id"].to_numpy("U")
        np.savez(folder / "attention.npz", clip_id=clip_id, attention=weights, truth=known)
        mixed = np.flatnonzero(truth.any(1) & ~truth.all(1))[:3]
        pictures = np.stack([_pictures(noise, row) for row in truth[mixed]])
        np.savez(folder / "examples.npz", clip_id=clip_id[mixed], frames=pictures)
    revouch(folder)


def revouch(folder: Path) -> None:
    """Marks a fold as done, with whatever its files hold now."""
    vouch(folder, [path.name for path in folder.glob("*.*") if not path.name.startswith(".")])


def _frame_truth(rng, frames) -> np.ndarray:
    truth = np.zeros(frames, np.int8)
    if rng.random() < 0.5:
        start = int(rng.integers(0, frames - 8))
        truth[start : start + int(rng.integers(5, 14))] = 1
    return truth


def _pictures(rng, truth) -> np.ndarray:
    frames = rng.integers(20, 70, (len(truth), 64, 64)).astype(np.uint8)
    frames[:, 20:22, 8:56] = 220
    frames[truth == 1, 22:, 30:36] = 200
    return frames


def _history(rng) -> pd.DataFrame:
    epoch = np.arange(1, 9)
    loss = 0.7 * np.exp(-epoch / 6) + rng.normal(0, 0.01, 8)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": loss,
            "accuracy": 1 - loss / 1.5,
            "val_loss": loss + 0.1,
            "val_accuracy": 0.95 - loss / 1.5,
            "seconds": 1.0,
        }
    )
