"""Reports: every table, claim and figure of a run, rebuilt from saved predictions alone.

    run ─▶ what the paper declares ─▶ tables, claims, drawings ─▶ section ─▶ write
                                                              html, markdown, csv, json, png

A paper hands over a `PaperResults`; nothing here knows which papers there are.
"""

from lus_keras.evaluation.report.write import write_report
from lus_keras.evaluation.tables.declaration import PaperResults

__all__ = ["PaperResults", "write_report"]
