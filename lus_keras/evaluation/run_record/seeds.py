"""Runs of several seeds in one folder: `seeds.json`, and a run directory `seed_<s>` each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lus_keras.core.errors import RunError
from lus_keras.core.files import read_json, write_file
from lus_keras.evaluation.run_record.read import read_run
from lus_keras.evaluation.run_record.record import Fingerprint, RunRecord
from lus_keras.evaluation.run_record.run import PaperRun

FILE = "seeds.json"
Run = tuple[RunRecord, dict[str, PaperRun]]


class Seeds(BaseModel):
    """Content of seeds.json.

    Attributes:
        schema_version: Version of the format, `schema` in the file.
        vary: What differs between them: folds, weights and order of clips on the same data
            (`training`), or the simulated cohort as well (`cohort`).
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(1, alias="schema")
    seeds: tuple[int, ...] = Field(min_length=1)
    vary: Literal["training", "cohort"]


def seed_folder(run_dir: str | Path, seed: int) -> Path:
    """Run directory of one seed."""
    return Path(run_dir) / f"seed_{seed}"


def run_folders(run_dir: str | Path) -> list[Path]:
    """Run directories of a folder: itself, or those of its seeds that have begun.

    Raises:
        RunError: seeds.json is damaged.
    """
    path = Path(run_dir) / FILE
    if not path.exists():
        return [Path(run_dir)]
    folders = [seed_folder(run_dir, seed) for seed in _read(path).seeds]
    return [folder for folder in folders if (folder / "run.json").exists()]


def write_seeds(run_dir: Path, seeds: Sequence[int], vary: str) -> None:
    """Writes seeds.json.

    Args:
        vary: `training` or `cohort`.

    Raises:
        RunError: The folder holds a single run, or runs that vary in something else.
    """
    path = run_dir / FILE
    if (run_dir / "run.json").exists():
        raise RunError(f"{run_dir}: contains a run with a single seed. Choose another --out.")
    if path.exists() and (before := _read(path)).vary != vary:
        raise RunError(
            f"{path}: its seeds vary in {before.vary}, not {vary}. Choose another --out."
        )
    text = Seeds.model_validate({"schema": 1, "seeds": seeds, "vary": vary})
    write_file(path, text.model_dump_json(by_alias=True, indent=1) + "\n")


def read_runs(run_dir: str | Path) -> list[Run]:
    """Reads a run, or the runs of several seeds that a folder holds.

    Args:
        run_dir: Run directory, or folder with seeds.json and a run directory a seed.

    Returns:
        Record and papers of each run, those of the first seed first. Of several, papers have
        `seeds`, and `seeds_vary`: what differs between them. Seeds that have not begun are
        left out.

    Raises:
        RunError: A file is absent or damaged, a seed is of another run, or none has begun.
    """
    path = Path(run_dir) / FILE
    if not path.exists():
        return [read_run(run_dir)]
    found = _read(path)
    folders = [seed_folder(run_dir, seed) for seed in found.seeds]
    begun = {
        seed: folder
        for seed, folder in zip(found.seeds, folders, strict=True)
        if (folder / "run.json").exists()
    }
    if not begun:
        raise RunError(f"{path}: none of its seeds has been started. Run the command again.")
    runs = []
    for seed, folder in begun.items():
        record, papers = read_run(folder)
        if record.seed != seed:
            raise RunError(
                f"{folder / 'run.json'}: belongs to seed {record.seed}, not {seed}. Was the folder "
                "copied or renamed? Delete it, and run the command again."
            )
        marked = {
            name: replace(paper, seeds=found.seeds, seeds_vary=found.vary)
            for name, paper in papers.items()
        }
        runs.append((record, marked))
    _refuse_mixed(path, found, runs)
    return runs


def _refuse_mixed(path: Path, found: Seeds, runs: Sequence[Run]) -> None:
    """Refuses to average runs that differ in more than their seed.

    Raises:
        RunError: Seeds differ in settings, or in data that they should share; all are named.
    """
    first, problems = _marks(runs[0]), []
    for run in runs[1:]:
        for place, mark in _marks(run).items():
            if place not in first:
                continue
            # What a seed may change; versions are reported.
            own = {"seed": mark.seed, "split": mark.split, "versions": mark.versions}
            own |= {"lus_keras": mark.lus_keras}
            own |= {"data": mark.data} if found.vary == "cohort" else {}
            problems += [
                f"{path}: seed {run[0].seed}, {place}: {text}"
                for text in first[place].model_copy(update=own).differences(mark)
            ]
    if problems:
        advice = "These seeds belong to different runs. Delete the folders of the wrong seeds."
        raise RunError.from_problems([*problems, advice], most=len(problems) + 1)


def _marks(run: Run) -> dict[str, Fingerprint]:
    """What the numbers of a run depend on, by paper and variant."""
    return {
        f"{name}/{variant}".rstrip("/"): entry.fingerprint
        for name, paper in run[1].items()
        for variant, entry in paper.variants.items()
        if entry.fingerprint
    }


def of_paper(runs: Sequence[Run], name: str) -> list[PaperRun]:
    """One paper's runs, one a seed that has it."""
    return [papers[name] for _, papers in runs if name in papers]


def _read(path: Path) -> Seeds:
    try:
        return Seeds.model_validate(read_json(path))
    except (OSError, ValueError, ValidationError) as error:
        reason = " ".join(str(error).split())
        raise RunError(f"{path}: cannot be read ({reason}). Run the command again.") from error
