"""split.json: written once, checked whenever it is read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lus_keras.core.errors import DataError, LeakageError
from lus_keras.core.files import read_json, write_json
from lus_keras.data.splits.split import Fold, Split, leaks, plain

SCHEMA = 1
# What to do about a file of the user's own folds.
REMEDY = "Write it with `lus-keras data split … --out split.json`."
UNITS = ("patient", "clip")


def write_split(path: Path, splits: dict[str, Split]) -> None:
    """Writes the splits of a run, by paper or variant, with their hashes."""
    papers = {name: {**plain(split), "sha256": split.sha256} for name, split in splits.items()}
    write_json(path, {"schema": SCHEMA, "papers": papers})


def read_splits(path: Path, *, allow_leak: bool = False) -> dict[str, Split]:
    """Reads the splits of a run.

    Args:
        path: `split.json` of a run; it need not exist.
        allow_leak: Whether splits by clip are accepted.

    Returns:
        Splits by the name under which they were written, without leakage unless allowed; empty if
        there is no file. `verify` compares a split with the data.

    Raises:
        LeakageError: A patient is in both training and test set.
        DataError: The file is damaged or was edited.
    """
    if not path.exists():
        return {}
    splits, hashes = _read(
        path, "Delete it and the folds in the same folder to draw the split again."
    )
    edited = [name for name, split in splits.items() if hashes[name] != split.sha256]
    found = [f"{path}: {name}: {leak}" for name, split in splits.items() for leak in leaks(split)]
    if found and not allow_leak:
        raise LeakageError.from_problems(found)
    if edited:
        raise DataError(
            f"{path}: {', '.join(edited)}: the folds do not match their sha256: the file was "
            "edited. Restore it, or delete it and the folds in the same folder to draw the split "
            "again."
        )
    return splits


def check_own_split(path: Path) -> None:
    """Refuses a file of the user's own folds that cannot be read, whatever its entries.

    Raises:
        DataError: The file is missing or damaged.
    """
    _read(path, REMEDY, hashed=False)


def read_own_split(path: Path, names: Sequence[str], *, allow_leak: bool = False) -> Split:
    """Reads the user's own folds, from `data split` or written by hand.

    Args:
        path: File in the format of `split.json`; hashes in it are ignored.
        names: Entries to look for, in this order; a single entry is used whatever its name.
        allow_leak: Whether splits by clip are accepted.

    Raises:
        LeakageError: A patient is in both training and test set.
        DataError: The file is missing or damaged, or has none of the entries.
    """
    splits, _ = _read(path, REMEDY, hashed=False)
    chosen = [name for name in names if name in splits] or list(splits)
    if not splits or (len(splits) > 1 and chosen[0] not in names):
        raise DataError(
            f"{path}: must contain an entry {' or '.join(map(repr, names))}. Received "
            f"{', '.join(splits) or 'none'}. Rename an entry."
        )
    split = splits[chosen[0]]
    found = [f"{path}: {chosen[0]}: {leak}" for leak in leaks(split)]
    if found and not allow_leak:
        advice = "Correct the file. (For teaching, --allow-leak accepts it and marks every table.)"
        raise LeakageError.from_problems([*found, advice], most=len(found) + 1)
    return split


def _read(
    path: Path, remedy: str, *, hashed: bool = True
) -> tuple[dict[str, Split], dict[str, str]]:
    """Splits by name and, unless they may be absent, the hashes that stand beside them."""
    try:
        content = read_json(path)
        if content["schema"] != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}. Received {content['schema']!r}.")
        papers: dict[str, Any] = content["papers"]
        splits = {name: _parse(entry) for name, entry in papers.items()}
        hashes = {name: entry["sha256"] for name, entry in papers.items()} if hashed else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not a split file ({type(error).__name__}: {error}). {remedy}"
        ) from None
    return splits, hashes


def _parse(entry: dict[str, Any]) -> Split:
    folds = tuple(
        Fold(
            _number(fold["fold"]),
            _names(fold["train"]),
            _names(fold["test"]),
            _names(fold.get("validation", [])),
            str(fold.get("unit", "patient")),
        )
        for fold in entry["folds"]
    )
    split = Split(str(entry["scheme"]), _number(entry["seed"]), folds)
    if problems := list(_inconsistent(split)):
        raise ValueError(" ".join(problems))
    return split


def _number(value: Any) -> int:
    if type(value) is not int:
        raise ValueError(f"'fold' and 'seed' must be whole numbers. Received {value!r}.")
    return value


def _names(value: Any) -> tuple[str, ...]:
    """Ids of one side; a text would come apart into its letters."""
    if not isinstance(value, list) or not all(type(name) in (str, int) for name in value):
        raise ValueError(f"'train' and 'test' must be lists of ids. Received {str(value)[:60]}.")
    names = tuple(map(str, value))
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(
            f"'train' and 'test' must contain each id once. Received {', '.join(twice[:5])} twice."
        )
    return names


def _inconsistent(split: Split) -> Iterator[str]:
    """What no single fold can tell, and units that nobody knows."""
    numbers = sorted(fold.fold for fold in split.folds)
    if numbers != list(range(len(numbers))) or not numbers:
        yield f"'fold' must be 0 … {max(len(numbers) - 1, 0)}, each once. Received {numbers}."
    units = sorted({fold.unit for fold in split.folds})
    if unknown := set(units) - set(UNITS):
        yield f"'unit' must be {' or '.join(UNITS)}. Received {', '.join(sorted(unknown))}."
    elif len(units) > 1:
        yield f"'unit' must be the same in all folds. Received {', '.join(units)}."
