"""Splits: made once, written to `split.json`, verified whenever they are read.

Proposing a split is scikit-learn's work; that no patient is on both sides is checked here,
every time. Splits by clip, which break that rule, exist to show what it is worth, and say so.
"""

from lus_keras.data.splits.files import read_own_split, read_splits, write_split
from lus_keras.data.splits.make import make_clipwise, make_holdout, make_kfold, make_transfer
from lus_keras.data.splits.split import Fold, Split, shared_patients, verify
