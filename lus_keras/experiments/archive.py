"""What a finished run's tables and figures are made of, without weights: small enough to publish.

An archive is a run directory. `lus-keras report` rebuilds its tables, and `lus-keras reproduce`
into a copy of it trains only the folds that are missing. It holds no weights, so it cannot predict.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from lus_keras.core.errors import RunError
from lus_keras.core.files import atomic_write, sha256_of

RECORDS = ("run.json", "split.json")
# Files of a fold that only figures need are kept up to this size in bytes.
MAX_FIGURE_BYTES = 1_000_000
ALWAYS = ("predictions.csv", "history.csv", "model.json")


def archive_run(run_dir: str | Path, destination: str | Path) -> list[Path]:
    """Copies what the tables and figures of a run are made of.

    Args:
        run_dir: Run directory; folds that are not finished are left out.
        destination: Folder to create or to add to; folds that are there already are replaced.

    Returns:
        Files written.

    Raises:
        RunError: The run has no run.json, or a file is not the one that DONE vouches for.
        OSError: The destination cannot be written.
    """
    source, target = Path(run_dir), Path(destination)
    if not (source / RECORDS[0]).is_file():
        raise RunError(f"{source}: holds no run.json. Name a run directory.")
    written = [_copy(source / name, target / name) for name in RECORDS if (source / name).is_file()]
    for done in sorted(source.glob("*/*/**/fold_*/DONE")):
        written += _archive_fold(done.parent, target / done.parent.relative_to(source))
    return written


def _archive_fold(fold: Path, target: Path) -> list[Path]:
    record: dict[str, Any] = json.loads((fold / "DONE").read_text(encoding="utf-8"))
    kept, left_out = {}, dict(record.get("left_out", {}))
    for name, vouched in record["sha256"].items():
        size = (fold / name).stat().st_size
        if name in ALWAYS or (name.endswith((".npz", ".csv")) and size <= MAX_FIGURE_BYTES):
            if sha256_of(fold / name) != vouched:
                raise RunError(
                    f"{fold / name}: does not match its hash in DONE. Train the fold again."
                )
            kept[name] = vouched
        else:
            left_out[name] = vouched
    written = [_copy(fold / name, target / name) for name in kept]
    # DONE comes last, as in training: it vouches for what is there.
    with atomic_write(target / "DONE") as temporary:
        text = json.dumps({**record, "sha256": kept, "left_out": left_out}, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
    return [*written, target / "DONE"]


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)
    return target
