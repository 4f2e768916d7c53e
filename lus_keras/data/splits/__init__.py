"""Splits: made once, written to `split.json`, verified whenever they are read.

scikit-learn draws the splits; that no patient is in both training and test set is verified here
every time. Splits by clip, which violate this rule, exist only to measure leakage and are marked.
"""

from lus_keras.data.splits.files import (
    check_own_split,
    read_own_split,
    read_splits,
    write_split,
)
from lus_keras.data.splits.make import make_clipwise, make_holdout, make_kfold, make_transfer
from lus_keras.data.splits.split import Fold, Split, shared_patients, verify
