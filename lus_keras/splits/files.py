"""split.json: written once, checked whenever it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lus_keras.errors import DataError, LeakageError
from lus_keras.files import atomic_write
from lus_keras.splits.split import Fold, Split, leaks, plain

SCHEMA = 1


def write_split(path: Path, splits: dict[str, Split]) -> None:
    """Writes the splits of a run, one a paper, with their hashes.

    Args:
        path: File to create or replace.
        splits: Splits by paper.

    Raises:
        OSError: The file cannot be written.
    """
    papers = {name: {**plain(split), "sha256": split.sha256} for name, split in splits.items()}
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps({"schema": SCHEMA, "papers": papers}, indent=1) + "\n")


def read_splits(path: Path) -> dict[str, Split]:
    """Reads the splits of a run, one a paper.

    Args:
        path: `split.json` of a run; it need not exist.

    Returns:
        Splits by paper, free of leaks; `verify` compares one with the data.

    Raises:
        LeakageError: A patient is on both sides.
        DataError: The file is damaged or was edited.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}. Received {content['schema']!r}.")
        papers: dict[str, Any] = content["papers"]
        splits = {name: _parse(entry) for name, entry in papers.items()}
        edited = [name for name, split in splits.items() if papers[name]["sha256"] != split.sha256]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not a split file ({type(error).__name__}: {error}). Delete it and the folds "
            "beside it to draw the split again."
        ) from None
    found = [f"{path}: {name}: {leak}" for name, split in splits.items() for leak in leaks(split)]
    if found:
        raise LeakageError.from_problems(found)
    if edited:
        raise DataError(
            f"{path}: {', '.join(edited)}: the folds do not match their sha256, the file was "
            "edited. Restore it, or delete it and the folds beside it to draw the split again."
        )
    return splits


def _parse(entry: dict[str, Any]) -> Split:
    folds = tuple(
        Fold(
            int(fold["fold"]),
            tuple(map(str, fold["train"])),
            tuple(map(str, fold["test"])),
            tuple(map(str, fold.get("validation", ()))),
            str(fold.get("unit", "patient")),
        )
        for fold in entry["folds"]
    )
    return Split(str(entry["scheme"]), int(entry["seed"]), folds)
