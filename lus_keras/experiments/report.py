"""The report of a run, with what its papers declare."""

from pathlib import Path

from lus_keras import papers
from lus_keras.evaluation import report


def write_report(run_dir: str | Path, *, embed_frames: bool = False) -> list[Path]:
    """Writes the report of a run, see `evaluation.report.write_report`."""
    return report.write_report(run_dir, papers.results, embed_frames=embed_frames)
