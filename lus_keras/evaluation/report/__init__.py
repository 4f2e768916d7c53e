"""Reports: every table, claim and figure of a run, rebuilt from saved predictions alone.

    run ─▶ what the paper declares ─▶ tables, claims, drawings ─▶ section ─▶ write
                                                              html, markdown, csv, json, png

A paper hands over a `PaperResults`; nothing here knows which papers there are.
"""

from lus_keras.evaluation.report.declaration import PaperResults
from lus_keras.evaluation.report.write import write_report

__all__ = ["PaperResults", "write_report"]
