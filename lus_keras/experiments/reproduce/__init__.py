"""One command from a target to its report.

Request ─▶ plan ─▶ frames ─▶ clips ─▶ split ─▶ folds ─▶ report
configuration,     cached     split.json    run.json, predictions.csv, …
data set
"""

from lus_keras.experiments.reproduce.describe import describe, describe_plan
from lus_keras.experiments.reproduce.execute import reproduce
from lus_keras.experiments.reproduce.planning import plan
from lus_keras.experiments.reproduce.request import Request, run_folder
