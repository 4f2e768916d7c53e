"""The report of a run, with what its papers declare."""

from pathlib import Path

from lus_keras import papers
from lus_keras.core.errors import RunError
from lus_keras.core.former_names import renamed_entry
from lus_keras.data.splits import read_splits
from lus_keras.evaluation import report
from lus_keras.evaluation.run_record import read_record
from lus_keras.evaluation.run_record.seeds import run_folders


def write_report(run_dir: str | Path, *, embed_frames: bool = False) -> list[Path]:
    """Writes the report of a run, see `evaluation.report.write_report`.

    Raises:
        DataError: split.json is damaged or was edited.
        RunError: It holds other folds than the run's; or as `evaluation.report.write_report`.
    """
    for folder in run_folders(run_dir):
        _check_folds(folder)
    return report.write_report(run_dir, papers.results, embed_frames=embed_frames)


def _check_folds(run_dir: Path) -> None:
    """Refuses a split.json that is not the one that folds were trained by."""
    path = run_dir / "split.json"
    # Whether a split leaks is the run's to say.
    found = {renamed_entry(name): one for name, one in read_splits(path, allow_leak=True).items()}
    problems = []
    for paper, record in read_record(run_dir).papers.items():
        for variant, entry in record.variants.items():
            name = f"{paper}/{variant}" if variant else paper
            mark = entry.fingerprint
            if mark and name in found and found[name].sha256 != mark.split:
                problems.append(f"{path}: {name}: contains other folds than run.json.")
    if problems:
        advice = "Restore the original file, with which the folds were trained."
        raise RunError.from_problems([*problems, advice], most=len(problems) + 1)
