"""Reports: every table, claim and figure of a run, rebuilt from saved predictions alone.

    results ─▶ papers/<paper>_results.py ─▶ cells, tables, claims, drawings ─▶ section ─▶ write
                                                                     html, markdown, csv, json, png

A paper declares `LABELS`, `TABLES`, `FIGURES` and `claims(run)` in `papers/<paper>_results.py`.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_report"]


def write_report(run_dir: str | Path, *, embed_frames: bool = False) -> list[Path]:
    """Rebuilds every table and figure of a run; see `lus_keras.report.write`.

    Args:
        run_dir: Run directory with run.json and finished folds.
        embed_frames: Show frames of videos that were not simulated, too.

    Returns:
        Files written under `<run_dir>/report`, index.html first.

    Raises:
        RunError: run.json is absent or damaged, or a finished fold cannot be used.
        OSError: The report cannot be written.
    """
    # Papers import the cells of this package, and the writer imports papers: late is not circular.
    from lus_keras.report.write import write_report as write

    return write(run_dir, embed_frames=embed_frames)
