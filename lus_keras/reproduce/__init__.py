"""One command from a target to its report.

Request ─▶ plan ─▶ frames ─▶ clips ─▶ split ─▶ folds ─▶ report
configuration,     cached     split.json    run.json, predictions.csv, …
data set
"""

from lus_keras.reproduce.describe import describe
from lus_keras.reproduce.execute import Result, reproduce
from lus_keras.reproduce.planning import Plan, plan
from lus_keras.reproduce.request import Request, run_folder

__all__ = [
    "Plan",
    "Request",
    "Result",
    "describe",
    "plan",
    "reproduce",
    "run_folder",
]
