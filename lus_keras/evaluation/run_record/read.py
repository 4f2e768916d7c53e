"""Reads a run directory; damaged or changed files raise errors that name them."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lus_keras.core.arrays import read_npz
from lus_keras.core.errors import DataError, RunError
from lus_keras.core.files import read_json
from lus_keras.core.former_names import variant_folder
from lus_keras.core.safe_text import unguard
from lus_keras.evaluation.run_record.done import Done, disowned, read_done
from lus_keras.evaluation.run_record.record import PaperRecord, RunRecord, VariantRecord
from lus_keras.evaluation.run_record.run import Attention, Example, MaskedFrame, ModelRun, PaperRun
from lus_keras.evaluation.run_record.store import read_record

ID_COLUMNS = ("clip_id", "video_id", "patient_id")
MAX_ROUNDING = 1e-3
UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)
# What a report reads of a finished fold. Maps of saliency are made later; folds of before version 2
# do not vouch for them.
READ = ("predictions.csv", "attention.npz", "history.csv", "examples.npz", "masks.npz")
MADE_LATER = ("explanations.npz", "localization.npz", "robustness.npz")
GRADIENTS = "gradients.csv"
ADVICE = (
    "Its content differs from what training wrote. Restore the file, or delete DONE in the same "
    "folder and run the command again to retrain the fold."
)


def read_run(run_dir: str | Path) -> tuple[RunRecord, dict[str, PaperRun]]:
    """Reads run.json and the finished folds of every paper it names.

    Args:
        run_dir: Run directory.

    Returns:
        The record of the run, and its papers by name.

    Raises:
        RunError: run.json is missing or damaged, or a finished fold is damaged or was changed.
    """
    run_dir = Path(run_dir)
    record = read_record(run_dir)
    papers = {paper: read_paper(run_dir, paper, entry) for paper, entry in record.papers.items()}
    return record, papers


def read_paper(run_dir: str | Path, paper: str, record: PaperRecord) -> PaperRun:
    """Reads the finished folds of one paper.

    Raises:
        RunError: A finished fold cannot be used.
    """
    root = Path(run_dir) / paper
    models: dict[str, ModelRun] = {}
    for name in record.models:
        variant, _, model = name.rpartition("/")
        folder = variant_folder(root, record.dataset, variant) / model
        found = read_model(folder, relative_to=Path(run_dir))
        models[name] = replace(found, name=name)
        _refuse_mixed(folder, found, record.variants.get(variant))
    return PaperRun(paper, record, models)


def _refuse_mixed(folder: Path, model: ModelRun, variant: VariantRecord | None) -> None:
    """Refuses folds of another experiment; those of another version of the software may be read."""
    known = variant.fingerprint if variant else None
    if known is None:
        return
    problems = []
    for fold, mark in model.fingerprints.items():
        same = {"versions": mark.versions, "lus_keras": mark.lus_keras}
        expected = known.of_fold(folder.name, f"fold_{fold}").model_copy(update=same)
        problems += [
            f"{folder / f'fold_{fold}' / 'DONE'}: belongs to another run: {text}"
            for text in expected.differences(mark)
        ]
    if problems:
        advice = "Delete these folds, and run the command again to retrain them."
        raise RunError.from_problems([*problems, advice], most=len(problems) + 1)


def read_model(folder: Path, relative_to: Path) -> ModelRun:
    """Reads every fold of a model that is done, and notes those that diverged.

    Args:
        folder: `<run>/<paper>/<dataset>/<model>`; need not exist.

    Raises:
        RunError: A finished fold cannot be used, or holds files that its DONE does not vouch for.
    """
    numbered = {path: path.name.removeprefix("fold_") for path in folder.glob("fold_*")}
    folds = {int(number): path for path, number in numbered.items() if number.isdigit()}
    done = {fold: folds[fold] for fold in sorted(folds) if (folds[fold] / "DONE").is_file()}
    # A fold that was repeated after it diverged has both marks; the finished one counts.
    diverged = {
        fold: _read_json(path / "DIVERGED.json", "Delete it to retrain the fold.")
        for fold, path in sorted(folds.items())
        if fold not in done and (path / "DIVERGED.json").is_file()
    }
    marks = _vouched(done)
    gradients = {
        fold: _read_table(path / GRADIENTS)
        for fold, path in sorted(folds.items())
        if (fold in done or fold in diverged) and (path / GRADIENTS).is_file()
    }
    if not done:
        return ModelRun(folder.name, diverged=diverged, gradients=gradients)
    frames = {fold: _read_fold(path / "predictions.csv", fold) for fold, path in done.items()}
    return ModelRun(
        name=folder.name,
        predictions=pd.concat(frames.values(), ignore_index=True),
        attention=_read_attention(done, frames),
        histories={
            fold: _read_table(path / "history.csv")
            for fold, path in done.items()
            if (path / "history.csv").is_file()
        },
        examples=_read_examples(done),
        masks=_read_masks(done),
        gradients=gradients,
        folds_done=tuple(done),
        diverged=diverged,
        hashes={
            (path / "predictions.csv").relative_to(relative_to).as_posix(): marks[fold].sha256[
                "predictions.csv"
            ]
            for fold, path in done.items()
        },
        fingerprints={fold: mark.fingerprint for fold, mark in marks.items() if mark.fingerprint},
        **{Path(name).stem: _read_later(done, marks, name) for name in MADE_LATER},
    )


def _vouched(done: Mapping[int, Path]) -> dict[int, Done]:
    """Marks of finished folds; files that are not what these vouch for are refused, all at once."""
    marks = {fold: read_done(path) for fold, path in done.items()}
    problems = []
    for fold, path in done.items():
        mark = marks[fold]
        # Folds of before version 2 do not vouch for gradients, and do not say whose they are.
        needed = [*READ, *(name for name in MADE_LATER if name in mark.sha256)]
        needed += [GRADIENTS] if GRADIENTS in mark.sha256 or mark.fingerprint else []
        problems += disowned(path, mark, needed)
        if "predictions.csv" not in mark.sha256 and not problems:
            problems.append(f"{path / 'predictions.csv'}: is missing.")
    if problems:
        raise RunError.from_problems([*problems, ADVICE], most=len(problems) + 1)
    return marks


def _read_table(path: Path) -> pd.DataFrame:
    """A table of numbers that training wrote, such as history.csv, with a row an epoch or step."""
    try:
        table = pd.read_csv(path)
    except UNREADABLE as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise RunError(
            f"{path}: cannot be read ({reason}). Run the command again to retrain the fold."
        ) from None
    if "epoch" not in table:
        raise RunError(f"{path}: has no column 'epoch'. Run the command again to retrain the fold.")
    return table


def read_predictions(path: Path) -> pd.DataFrame:
    """Reads one fold's predictions and checks them; ids stay text (`010` is not 10).

    Returns:
        Columns `clip_id, video_id, patient_id` (text), `fold, y_true` (int64), `p_0 … p_k`
        (float64, 0 … 1, rows summing to 1). For labels that may apply together, `y_0 … y_k` (0 or
        1) instead of `y_true`, and rows need not sum to 1.

    Raises:
        RunError: The file is missing, lacks a column, repeats a clip or contains invalid numbers.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path}: cannot be read ({error}). Run the command again to retrain the fold."
        ) from error
    chances = [name for name in frame if name.startswith("p_")]
    apart = "y_true" not in frame and "y_0" in frame
    truth = [name.replace("p_", "y_") for name in chances] if apart else ["y_true"]
    needed = (*ID_COLUMNS, "fold", *truth, "p_0", "p_1")
    missing = [name for name in needed if name not in frame]
    if missing:
        raise RunError(
            f"{path}: columns {missing} are missing. Received: {list(frame)}. Run the command "
            "again to retrain the fold."
        )
    try:
        frame[["fold", *truth]] = frame[["fold", *truth]].astype(np.int64)
        frame[chances] = frame[chances].astype(np.float64)
    except ValueError as error:
        names = "'fold', 'y_…', 'p_…'"
        raise RunError(
            f"{path}: {names} must be numbers ({error}). Run the command again to retrain the fold."
        ) from error
    for name in ID_COLUMNS:
        frame[name] = frame[name].map(unguard)
    problems = _impossible(frame, chances, truth)
    if problems:
        raise RunError.from_problems(f"{path}, {problem}" for problem in problems)
    return frame


def _read_fold(path: Path, fold: int) -> pd.DataFrame:
    """Predictions of a fold, which say themselves which it is."""
    frame = read_predictions(path)
    others = sorted(set(frame["fold"]) - {fold})
    if others:
        raise RunError(
            f"{path}: contains predictions of fold {', '.join(map(str, others))}. Was the folder "
            "copied or renamed? Delete it, and run the command again to retrain the fold."
        )
    return frame


def _impossible(frame: pd.DataFrame, chances: list[str], truth: list[str]) -> list[str]:
    values, apart = frame[chances].to_numpy(), truth != ["y_true"]
    # NaN fails both comparisons, which is what it should do.
    sound = ((values >= 0) & (values <= 1)).all(1)
    if not apart:
        sound &= abs(values.sum(1) - 1) <= MAX_ROUNDING
    most = 1 if apart else len(chances) - 1
    labeled = ((frame[truth] >= 0) & (frame[truth] <= most)).all(axis=1).to_numpy()
    # Row 1 of the file is its header.
    rules = {
        f"probabilities must lie in 0 … 1{'' if apart else ' and sum to 1'}.": ~sound,
        f"'{'y_…' if apart else 'y_true'}' must be 0 … {most}.": ~labeled,
        "'clip_id' must occur once.": frame["clip_id"].duplicated().to_numpy(),
    }
    return [
        f"row {row + 2}: {rule}" for rule, broken in rules.items() for row in np.flatnonzero(broken)
    ]


def _read_attention(done: Mapping[int, Path], frames: Mapping[int, pd.DataFrame]) -> Any:
    parts = []
    for fold, folder in done.items():
        path = folder / "attention.npz"
        if not path.is_file():
            continue
        stored = _read_arrays(path, ("clip_id", "attention", "truth"))
        clip_ids, weights, truth = (stored[name] for name in ("clip_id", "attention", "truth"))
        strangers = sorted(set(clip_ids.tolist()) - set(frames[fold]["clip_id"]))
        if strangers or weights.shape != truth.shape or len(weights) != len(clip_ids):
            raise RunError(
                f"{path}: must contain 'attention' and 'truth' of shape (n, t) for the n clips in "
                f"predictions.csv. Received: {weights.shape}, {truth.shape}, unknown clips "
                f"{strangers[:3]}. Run the command again to retrain the fold."
            )
        parts.append((clip_ids, np.full(len(clip_ids), fold), weights, truth))
    if not parts:
        return None
    return Attention(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _read_examples(done: Mapping[int, Path]) -> tuple[Example, ...]:
    examples = []
    for fold, folder in done.items():
        if (folder / "examples.npz").is_file():
            stored = _read_arrays(folder / "examples.npz", ("clip_id", "frames"), True)
            names, frames = stored["clip_id"].tolist(), stored["frames"]
            # Single frames have neither.
            lengths = stored.get("length", np.full(len(names), frames.shape[1]))
            step = int(stored.get("step", 1))
            masks = stored.get("masks", [None] * len(names))
            for name, pixels, length, mask in zip(names, frames, lengths, masks, strict=True):
                there = -(-int(length) // step)
                mask = None if mask is None else mask[:there]
                examples.append(Example(name, fold, pixels[:there], step, int(length), mask))
    return tuple(examples)


def _read_later(
    done: Mapping[int, Path], marks: Mapping[int, Done], name: str
) -> dict[str, NDArray[Any]] | None:
    """Arrays of the first fold that was explained; those that its mark does not know are not made.

    A run that is stopped between the two makes them anew.
    """
    for fold, folder in done.items():
        path, mark = folder / name, marks[fold]
        if path.is_file() and (name in mark.sha256 or mark.fingerprint is None):
            return _read_arrays(path, None)
    return None


def _read_masks(done: Mapping[int, Path]) -> tuple[MaskedFrame, ...]:
    masks = []
    for fold, folder in done.items():
        if (folder / "masks.npz").is_file():
            stored = _read_arrays(folder / "masks.npz", ("clip_id", "frame", "pixels", "mask"))
            columns = (stored["clip_id"].tolist(), stored["frame"].tolist())
            shown = zip(*columns, stored["pixels"], stored["mask"], strict=True)
            masks += [MaskedFrame(name, at, fold, *arrays) for name, at, *arrays in shown]
    return tuple(masks)


def _read_arrays(
    path: Path, names: tuple[str, ...] | None, others: bool = False
) -> dict[str, NDArray[Any]]:
    """Arrays of a file: those named, which must be there, or with `others` or no names all."""
    try:
        stored = read_npz(path)
        found = [*(names or ()), *(stored if others or not names else ())]
        return {name: stored[name] for name in dict.fromkeys(found)}
    except (*UNREADABLE, DataError) as error:
        raise RunError(
            f"{path}: must contain {names}; cannot be read ({error}). Run the command again to "
            "retrain the fold."
        ) from error


def _read_json(path: Path, advice: str) -> dict[str, Any]:
    try:
        return read_json(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}). {advice}") from error
