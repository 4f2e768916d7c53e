"""Reports: every table, claim and figure of a run, rebuilt from saved predictions only.

    run ─▶ what the paper declares ─▶ tables, claims, drawings ─▶ section ─▶ write
                                                              html, markdown, csv, json, png

Papers pass a `PaperResults`; this package does not depend on any paper.
"""

from lus_keras.evaluation.report.write import write_report
from lus_keras.evaluation.tables.declaration import PaperResults

__all__ = ["PaperResults", "write_report"]
