"""What a finished run's tables and figures are made of, without weights: small enough to publish.

An archive is a run directory. `lus-keras report` rebuilds its tables, and `lus-keras reproduce`
into a copy of it trains only the folds that are missing. It holds no weights, so it cannot predict.
"""

import shlex
import shutil
from collections.abc import Container
from pathlib import Path

from lus_keras.core.errors import RunError
from lus_keras.core.files import atomic_write, sha256_of, write_file
from lus_keras.evaluation.run_record import read_done, read_record, write_record
from lus_keras.evaluation.run_record.seeds import FILE as SEEDS
from lus_keras.evaluation.run_record.seeds import run_folders

RUN, SPLIT = "run.json", "split.json"
# Options that say how a machine ran a command, not what its numbers are.
LOCAL = ("--out", "--workers")
# Of a report what pages refer to; index.html, which has frames, is made again by `report`.
REPORT = ("results.json", "tables/*", "figures/*.png")
# Networks, drawn and in words.
DRAWINGS = "*/architecture/*"
# Files of a fold that only figures need are kept up to this size in bytes.
MAX_FIGURE_BYTES = 1_000_000
# Frames, of which a report of several seeds shows those of the first seed.
FRAMES = ("examples.npz", "masks.npz")
ALWAYS = ("predictions.csv", "history.csv", "model.json")


def archive_run(
    run_dir: str | Path, destination: str | Path, *, without: Container[str] = ()
) -> list[Path]:
    """Copies what the tables and figures of a run are made of.

    Of several seeds, only the first keeps its example frames.

    Args:
        run_dir: Run directory, or that of several seeds; folds that are not finished are left out.
        destination: Folder to create or to add to; folds that are there already are replaced.
        without: Names of files of folds to leave out.

    Raises:
        RunError: The run has no run.json, or a file is not the one that DONE vouches for.
    """
    source, target = Path(run_dir), Path(destination)
    if (source / SEEDS).is_file():
        written = [_copy(source / SEEDS, target / SEEDS)]
        for place, folder in enumerate(run_folders(source)):
            without = FRAMES if place else ()
            written += archive_run(folder, target / folder.name, without=without)
        return written + _archive_report(source, target)
    if not (source / RUN).is_file():
        raise RunError(f"{source}: contains no run.json. Give a run directory.")
    written = [_archive_record(source, target)]
    if (source / SPLIT).is_file():
        written.append(_copy(source / SPLIT, target / SPLIT))
    for done in sorted(source.glob("*/*/**/fold_*/DONE")):
        fold = target / done.parent.relative_to(source)
        written += _archive_fold(done.parent, fold, without)
    drawn = sorted(source.glob(DRAWINGS))
    written += [_copy(path, target / path.relative_to(source)) for path in drawn]
    return written + _archive_report(source, target)


def _archive_record(source: Path, target: Path) -> Path:
    """Writes run.json with the commands that anyone can run, without this machine's folders."""
    record = read_record(source)
    named = {
        name: paper.model_copy(update={"command": portable(paper.command)})
        for name, paper in record.papers.items()
    }
    target.mkdir(parents=True, exist_ok=True)
    return write_record(target, record.model_copy(update={"papers": named}))


def portable(command: str) -> str:
    """A command line without the options that only concern the machine it ran on."""
    kept: list[str] = []
    words = iter(shlex.split(command))
    for word in words:
        if word in LOCAL:
            next(words, None)
        elif not word.startswith(tuple(f"{option}=" for option in LOCAL)):
            kept.append(word)
    return shlex.join(kept)


def _archive_report(source: Path, target: Path) -> list[Path]:
    report = source / "report"
    found = sorted(path for pattern in REPORT for path in report.glob(pattern))
    return [_copy(path, target / path.relative_to(source)) for path in found]


def _archive_fold(fold: Path, target: Path, without: Container[str]) -> list[Path]:
    record = read_done(fold)
    kept, exclusions = {}, dict(record.exclusions)
    for name, vouched in record.sha256.items():
        size = (fold / name).stat().st_size
        small = name.endswith((".npz", ".csv")) and size <= MAX_FIGURE_BYTES
        if name not in without and (name in ALWAYS or small):
            if sha256_of(fold / name) != vouched:
                raise RunError(f"{fold / name}: does not match its hash in DONE. Retrain the fold.")
            kept[name] = vouched
        else:
            exclusions[name] = vouched
    written = [_copy(fold / name, target / name) for name in kept]
    # DONE comes last, as in training: it vouches for what is there.
    vouching = record.model_copy(update={"sha256": kept, "exclusions": exclusions})
    write_file(target / "DONE", vouching.model_dump_json(indent=1) + "\n")
    return [*written, target / "DONE"]


def _copy(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as temporary:
        shutil.copyfile(source, temporary)
    return target
