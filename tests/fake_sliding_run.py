"""Writes a run directory of the lung-sliding paper with predictions that are stated one by one."""

from pathlib import Path

import pandas as pd
from fake_run import revouch

from lus_keras.core import config
from lus_keras.evaluation.run_record import PaperRecord, RunRecord, write_record


def write_run(run_dir: Path, predictions: dict[str, list[tuple]], counts=None) -> Path:
    """Writes run.json and one fold of each network; a tile is (patient, label, p of sliding)."""
    settings = config.load("sliding")
    variants = dict.fromkeys(name.partition("/")[0] for name in predictions)
    run_dir.mkdir(parents=True, exist_ok=True)
    paper = {
        "title": settings.title,
        "command": "lus-keras reproduce table4 --paper sliding",
        "dataset": "simulated",
        "simulated": True,
        "preset": "paper",
        "seed": 0,
        "config": {"options": settings.options},
        "models": list(predictions),
        "folds": 1,
        "published": settings.published,
        "claims": [claim.model_dump() for claim in settings.claims],
        "data": {},
        "variants": {
            variant: _variant(variant, (counts or {}).get(variant))
            for variant in [*variants, *(counts or {})]
        },
    }
    write_record(run_dir, RunRecord(papers={"sliding": PaperRecord.model_validate(paper)}))
    for name, tiles in predictions.items():
        variant, _, model = name.partition("/")
        write_fold(run_dir / "sliding" / f"simulated-{variant}" / model / "fold_0", tiles)
    return run_dir


def _variant(name: str, counts: dict[str, int] | None) -> dict:
    classes = counts or {"absent": 1, "present": 1}
    return {
        "title": name,
        "folds": 1,
        "leaks": name.endswith("_leaky"),
        "data": {"clips": sum(classes.values()), "classes": classes},
    }


def write_fold(folder: Path, tiles: list[tuple]) -> None:
    """Writes one finished fold; every patient has one video."""
    folder.mkdir(parents=True)
    rows = [
        {
            "clip_id": f"{patient}@0000+000+{30 * place:03d}",
            "video_id": f"v-{patient}",
            "patient_id": patient,
            "fold": 0,
            "y_true": label,
            "p_0": 1 - p,
            "p_1": p,
        }
        for place, (patient, label, p) in enumerate(tiles)
    ]
    pd.DataFrame(rows).to_csv(folder / "predictions.csv", index=False)
    revouch(folder)
