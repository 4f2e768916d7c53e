"""The report of a run, with what its papers declare."""

from __future__ import annotations

from pathlib import Path

from lus_keras import papers
from lus_keras.evaluation import report


def write_report(run_dir: str | Path, *, embed_frames: bool = False) -> list[Path]:
    """Rebuilds every table and figure of a run from its saved predictions.

    Args:
        embed_frames: Put frames of videos that were not simulated into index.html and report.md,
            too; their licence has to allow it.

    Returns:
        Files written under `<run_dir>/report`, index.html first.

    Raises:
        RunError: run.json is absent or damaged, or a finished fold cannot be used.
        OSError: The report cannot be written.
    """
    return report.write_report(run_dir, papers.results, embed_frames=embed_frames)
